/* SPDX-License-Identifier: MIT */
/*
 * The ioctl PAGEMAP_SCAN of /proc/PID/pagemap, as in <linux/fs.h> since Linux 6.7: the
 * headers of Debian 12 are too old to have it.
 */
#ifndef DPHUGE_COMMAND_PAGEMAP_SCAN_H
#define DPHUGE_COMMAND_PAGEMAP_SCAN_H

#include <linux/ioctl.h>
#include <stdint.h>
#include <sys/ioctl.h>

/**
 * struct pagemap_range - addresses whose pages are alike
 * @start:	the first address
 * @end:	the first address behind them
 * @categories:	what the pages are, PAGEMAP_IS_HUGE only
 */
struct pagemap_range {
	uint64_t start, end, categories;
};

/* struct pm_scan_arg. */
struct pagemap_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define PAGEMAP_SCAN_IOCTL _IOWR('f', 16, struct pagemap_scan_arg)
#define PAGEMAP_IS_HUGE (1ull << 6)

/**
 * pagemap_scan() - find the 2 MiB pages in a range of addresses
 * @fd:		an open /proc/PID/pagemap
 * @start:	where to begin, at a page
 * @end:	where to end, at a page
 * @ranges:	where the ranges that are mapped by 2 MiB pages are put
 * @count:	entries at @ranges
 * @walk_end:	set to the address up to which the kernel came; NULL if that is not
 *		wanted
 *
 * Return: how many entries were written, or -1 with errno set, ENOTTY where the kernel
 * does not have this ioctl.
 */
static inline int pagemap_scan(int fd, uint64_t start, uint64_t end, struct pagemap_range *ranges, unsigned int count,
			       uint64_t *walk_end)
{
	struct pagemap_scan_arg arg = {.size = sizeof(arg),
				       .start = start,
				       .end = end,
				       .vec = (uintptr_t)ranges,
				       .vec_len = count,
				       .category_mask = PAGEMAP_IS_HUGE,
				       .return_mask = PAGEMAP_IS_HUGE};
	int found = ioctl(fd, PAGEMAP_SCAN_IOCTL, &arg);

	if (walk_end)
		*walk_end = arg.walk_end;
	return found;
}

#endif
