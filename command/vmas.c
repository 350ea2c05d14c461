// SPDX-License-Identifier: MIT
/* What the kernel says of the mappings of a large heap, in /proc/PID/smaps. */
#include "vmas.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* If the line is this field's, put its value into @bytes. */
static bool read_field(const char *line, const char *field, uint64_t *bytes)
{
	size_t n = strlen(field);
	uint64_t kb;

	if (strncmp(line, field, n) || line[n] != ':' || sscanf(line + n + 1, "%" SCNu64, &kb) != 1)
		return false;
	*bytes = kb << 10;
	return true;
}

bool vmas_each(const struct process *process, void (*each)(const struct vma *vma, void *arg), void *arg)
{
	uint64_t window = process->beacon.window, end = window + process->beacon.window_len, n;
	char path[64], line[PATH_MAX + 128], rights[8];
	struct vma vma = {0};
	bool in = false;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", process->pid);
	smaps = fopen(path, "re");
	if (!smaps)
		return false;
	while (fgets(line, sizeof(line), smaps)) {
		uint64_t from, to;

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) == 3) {
			if (in)
				each(&vma, arg);
			vma = (struct vma){.start = from, .end = to, .device = strstr(line, "/dev/dphuge") != NULL};
			in = rights[0] == 'r' && (vma.device || (from >= window && to <= end));
		} else if (read_field(line, "Rss", &n)) {
			vma.resident = n;
		} else if (read_field(line, "AnonHugePages", &n) || read_field(line, "FilePmdMapped", &n)) {
			vma.huge += n;
		} else if (read_field(line, "Private_Hugetlb", &n) || read_field(line, "Shared_Hugetlb", &n)) {
			vma.resident += n; /* Rss does not count it */
			vma.huge += n;
		}
	}
	if (in)
		each(&vma, arg);
	fclose(smaps);
	return true;
}
