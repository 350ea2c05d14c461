// SPDX-License-Identifier: MIT
/*
 * /proc/PID/pagemap: a word for each page says whether it is there, which anybody who
 * may trace the process is told. Since 6.7 the ioctl PAGEMAP_SCAN says also whether it
 * is part of a 2 MiB page (Documentation/admin-guide/mm/pagemap.rst).
 */
#include "pagemap.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PAGE_SHIFT 12
#define PRESENT (1ull << 63)
#define SWAPPED (1ull << 62)

/* As in <linux/fs.h> since 6.7, which Debian 12's headers are too old for. */
struct scan_region {
	__u64 start, end, categories;
};

struct scan {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted, category_mask,
	    category_anyof_mask, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)
#define SCAN_IS_HUGE (1ull << 6)

static long scan(int fd, uint64_t from, uint64_t to, struct scan_region *region)
{
	struct scan arg = {.size = sizeof(arg),
			   .start = from,
			   .end = to,
			   .vec = (uintptr_t)region,
			   .vec_len = 1,
			   .category_mask = SCAN_IS_HUGE,
			   .return_mask = SCAN_IS_HUGE};

	return ioctl(fd, SCAN, &arg);
}

bool pagemap_open(pid_t pid, struct pagemap *map)
{
	struct scan_region region;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	map->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (map->fd < 0)
		return false;
	map->scan = scan(map->fd, 0, 1ull << PAGE_SHIFT, &region) >= 0;
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
	struct scan_region region;

	block->address = from & ~(BLOCK_BYTES - 1);
	block->touched = 0;
	block->size = PAGES_SMALL;
	if (pread(map->fd, words, bytes, (off_t)(from >> PAGE_SHIFT) * (off_t)sizeof(*words)) != (ssize_t)bytes)
		return false;
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		block->touched += (words[i] & (PRESENT | SWAPPED)) != 0;
	if (block->touched == BLOCK_PAGES)
		block->size = !map->scan                             ? PAGES_UNKNOWN
			      : scan(map->fd, from, to, &region) > 0 ? PAGES_HUGE
								     : PAGES_SMALL;
	return true;
}
