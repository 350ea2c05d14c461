// SPDX-License-Identifier: MIT
/*
 * Which pages of a range are present, and which are 2 MiB pages. /proc/PID/pagemap has a
 * word for each page, which says whether the page is present; everybody who may trace the
 * process may read it. Since Linux 6.7 the ioctl PAGEMAP_SCAN also says whether the page
 * is part of a 2 MiB page (Documentation/admin-guide/mm/pagemap.rst).
 */
#include "pagemap.h"
#include "pagemap_scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE_SHIFT 12
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)

bool pagemap_open(pid_t pid, struct pagemap *map)
{
	struct pagemap_range range;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	map->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (map->fd < 0)
		return false;
	map->scan = pagemap_scan(map->fd, 0, 1ull << PAGE_SHIFT, &range, 1, NULL) >= 0;
	return true;
}

void pagemap_close(struct pagemap *map)
{
	close(map->fd);
}

bool pagemap_block(const struct pagemap *map, uint64_t from, uint64_t to, struct block *block)
{
	uint64_t words[BLOCK_PAGES];
	size_t bytes = (size_t)((to - from) >> PAGE_SHIFT) * sizeof(*words);
	struct pagemap_range range;

	block->address = from & ~(BLOCK_BYTES - 1);
	block->touched = 0;
	block->size = PAGES_SMALL;
	if (pread(map->fd, words, bytes, (off_t)(from >> PAGE_SHIFT) * (off_t)sizeof(*words)) != (ssize_t)bytes)
		return false;
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		block->touched += (words[i] & (PRESENT | SWAPPED)) != 0;
	if (block->touched == BLOCK_PAGES)
		block->size = !map->scan                                             ? PAGES_UNKNOWN
			      : pagemap_scan(map->fd, from, to, &range, 1, NULL) > 0 ? PAGES_HUGE
										     : PAGES_SMALL;
	return true;
}
