// SPDX-License-Identifier: MIT
/* Which page sizes the large heap has, as the kernel tells in /proc/self/smaps. */
#include "backend/smaps.h"

#include "base/state.h"
#include "base/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	int fd;
	size_t len, at;
	char buffer[4096];
};

static bool next_line(struct reader *r, char *line, size_t size)
{
	size_t n = 0;

	for (;;) {
		if (r->at == r->len) {
			ssize_t got = sys_read(r->fd, r->buffer, sizeof(r->buffer));

			if (got <= 0)
				return n > 0;
			r->len = (size_t)got;
			r->at = 0;
		}
		if (r->buffer[r->at] == '\n') {
			r->at++;
			line[n] = 0;
			return true;
		}
		if (n < size - 1)
			line[n++] = r->buffer[r->at];
		r->at++;
	}
}

static size_t bytes_of_line(const char *line)
{
	return strtoul(strchr(line, ':') + 1, NULL, 10) * KIB;
}

bool smaps_coverage(size_t *resident, size_t *huge)
{
	static const char *const huge_fields[] = {
	    "AnonHugePages:", "FilePmdMapped:", "ShmemPmdMapped:", "Private_Hugetlb:"};
	struct reader r = {.fd = sys_open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)};
	unsigned long start, end;
	bool inside = false;
	char line[256];

	*resident = *huge = 0;
	if (r.fd < 0)
		return false;
	while (next_line(&r, line, sizeof(line))) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			inside = start - fixed->window < atomic_load(&fixed->window_bytes);
			continue;
		}
		if (!inside)
			continue;
		if (!strncmp(line, "Rss:", 4) || !strncmp(line, "Private_Hugetlb:", 16))
			*resident += bytes_of_line(line);
		for (unsigned int i = 0; i < 4; i++)
			if (!strncmp(line, huge_fields[i], strlen(huge_fields[i])))
				*huge += bytes_of_line(line);
	}
	sys_close(r.fd);
	return true;
}
