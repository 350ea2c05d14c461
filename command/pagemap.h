/* SPDX-License-Identifier: MIT */
/* Which pages of a range are present, and which are 2 MiB pages. */
#ifndef DPHUGE_COMMAND_PAGEMAP_H
#define DPHUGE_COMMAND_PAGEMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BLOCK_BYTES (2ull << 20)
#define BLOCK_PAGES 512u

/**
 * enum page_size - the pages of a block
 * @PAGES_SMALL:	they are 4 KiB pages
 * @PAGES_HUGE:		the block is one 2 MiB page
 * @PAGES_UNKNOWN:	the block is full, and the kernel is too old to tell
 */
enum page_size { PAGES_SMALL, PAGES_HUGE, PAGES_UNKNOWN };

/**
 * struct block - a block of 2 MiB
 * @address:	its first address, a multiple of 2 MiB
 * @touched:	how many of its 512 pages have been touched
 * @size:	what pages it has
 */
struct block {
	uint64_t address;
	unsigned int touched;
	enum page_size size;
};

/**
 * struct pagemap - an open /proc/PID/pagemap
 * @fd:		the descriptor
 * @scan:	whether the kernel has PAGEMAP_SCAN (Linux 6.7 and later)
 */
struct pagemap {
	int fd;
	bool scan;
};

/**
 * pagemap_open() - open the page map of a process
 * @pid:	the process
 * @map:	the result
 *
 * Return: false if this user may not open it, or the process is gone.
 */
bool pagemap_open(pid_t pid, struct pagemap *map);

/**
 * pagemap_close() - close a page map
 * @map:	what pagemap_open() opened
 */
void pagemap_close(struct pagemap *map);

/**
 * pagemap_block() - look at the pages of one block, or of a part of it
 * @map:	the page map
 * @from:	where to begin, at a page
 * @to:		where to end, at a page of the same block, or at the block's end
 * @block:	the result
 *
 * Return: false if the page map cannot be read, usually because the process has ended.
 */
bool pagemap_block(const struct pagemap *map, uint64_t from, uint64_t to, struct block *block);

#endif
