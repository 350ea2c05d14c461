// SPDX-License-Identifier: MIT
/* Which pages the kernel gave a process's large heap: /proc/PID/smaps. */
#include "command.h"

#include <inttypes.h>
#include <string.h>

static bool kilobytes(const char *line, const char *field, uint64_t *bytes)
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
		} else if (kilobytes(line, "Rss", &n)) {
			vma.resident = n;
		} else if (kilobytes(line, "AnonHugePages", &n) || kilobytes(line, "FilePmdMapped", &n)) {
			vma.huge += n;
		} else if (kilobytes(line, "Private_Hugetlb", &n) || kilobytes(line, "Shared_Hugetlb", &n)) {
			vma.resident += n; /* not in Rss */
			vma.huge += n;
		}
	}
	if (in)
		each(&vma, arg);
	fclose(smaps);
	return true;
}
