/* SPDX-License-Identifier: MIT */
/* Small requests go to jemalloc. */
#ifndef DPHUGE_SMALL_H
#define DPHUGE_SMALL_H

#include "base/state.h"

/**
 * small_resolve() - look up jemalloc's own functions
 * @small: gets them, if all can be found; else it stays as it was
 *
 * For start-up only, after libc's dlopen() is known.
 */
void small_resolve(struct small_heap *small);

/**
 * small_purge() - have jemalloc give back all that is free
 */
void small_purge(void);

/**
 * struct small_stats - jemalloc's counters
 * @live: bytes in use
 * @mapped: bytes of address space
 * @calls: requests served so far
 */
struct small_stats {
	size_t live;
	size_t mapped;
	uint64_t calls;
};

/**
 * small_stats() - read jemalloc's counters
 * @stats: gets them; 0 what jemalloc doesn't count
 *
 * Flushes this thread's cache of small blocks, as only that makes the counters right.
 */
void small_stats(struct small_stats *stats);

#endif /* DPHUGE_SMALL_H */
