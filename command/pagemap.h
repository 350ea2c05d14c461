/* SPDX-License-Identifier: MIT */
/* Which pages of a range are there, and which are 2 MiB ones: /proc/PID/pagemap. */
#ifndef DPHUGE_COMMAND_PAGEMAP_H
#define DPHUGE_COMMAND_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BLOCK_BYTES (2ull << 20)
#define BLOCK_PAGES 512u

struct block {
	uint64_t address;                                     /* of its 2 MiB */
	unsigned int touched;                                 /* of its 512 pages */
	enum { PAGES_SMALL, PAGES_HUGE, PAGES_UNKNOWN } size; /* UNKNOWN: the kernel is too old to say */
};

struct pagemap {
	int fd;
	bool scan; /* the kernel has PAGEMAP_SCAN (6.7) */
};

bool pagemap_open(pid_t pid, struct pagemap *map);
void pagemap_close(struct pagemap *map);
/* Of the pages from @from to @to, within one block. False: they can't be read. */
bool pagemap_block(const struct pagemap *map, uint64_t from, uint64_t to, struct block *block);

#endif
