/* SPDX-License-Identifier: MIT */
/*
 * Arenas: spans of pages, carved from chunks of the window, kept when they are freed,
 * merged with free neighbours, and used again, newest first. Each arena has a lock, its
 * lists and its counters, which nobody else touches; an arena is known by its number.
 *
 * "Takes the lock" means that the caller has no lock of an arena; where it says "with the
 * lock held" that is the lock of the span's arena, from arena_lock().
 */
#ifndef DPHUGE_ARENA_H
#define DPHUGE_ARENA_H

#include "window/span.h"

#define ARENAS_MAX 16         /* that threads share; numbers from 0 */
#define ARENA_HUGE ARENAS_MAX /* the one for requests that get a mapping of their own */
/* The longest span of the others: 64 MiB and room for the block's colour (see large.c). */
#define SHARED_PAGES_MAX ((uint32_t)(64 * MIB / PAGE_BYTES) + 1)

/** arena_lock() - take an arena's lock, after those of purge and quarantine */
void arena_lock(unsigned int arena);
/** arena_trylock() - take it if nobody has it; false: somebody has */
bool arena_trylock(unsigned int arena);
/** arena_unlock() - release it; when debugging, after a check of the whole arena */
void arena_unlock(unsigned int arena);

/**
 * arena_alloc() - a span for the program
 * @arena: the arena's number
 * @pages: its length
 * @align: pages, a power of two; the first page is to be a multiple of it
 * @fresh: whether fresh memory will do as well; if not, only memory that has been used
 *	before is looked at
 * @zero: whether it reads as zero
 *
 * Takes the lock.
 *
 * Return: a used span, or NULL.
 */
struct span *arena_alloc(unsigned int arena, uint32_t pages, uint32_t align, bool fresh, bool *zero);

/**
 * arena_return() - free a used or cached span; takes the lock
 * @s: the span; @s->freed_ms says since when it is free
 */
void arena_return(struct span *s);

/**
 * arena_free() - the same, with the lock held
 * @s: the span
 */
void arena_free(struct span *s);

/**
 * arena_free_moved() - free a used span whose whole blocks have moved elsewhere
 * @s: the span
 * @lost: whether nothing of ours is in their place; if not, fresh memory is
 *
 * With the lock held.
 */
void arena_free_moved(struct span *s, bool lost);

/**
 * arena_cut() - free what a used span has behind its first pages
 * @s: the span
 * @pages: how many it keeps, fewer than it has
 * @how: SPAN_DIRTY, or SPAN_CLEAN if the rest reads as zero
 *
 * With the lock held.
 *
 * Return: false if there is no descriptor for the rest; all is as it was.
 */
bool arena_cut(struct span *s, uint32_t pages, enum span_state how);

/**
 * arena_resize() - grow a used span by the free one behind it, or shrink it
 * @s: the span
 * @pages: its new length
 *
 * With the lock held.
 *
 * Return: false if that cannot be done; all is as it was.
 */
bool arena_resize(struct span *s, uint32_t pages);

/* --- for blocks that grow (grow.c): all about ARENA_HUGE ---------------------------- */

/**
 * arena_reuse() - used memory of the same backend, with the lock held
 * @pages: how many, whole blocks
 * @like: a span, whose backend it is to have
 *
 * Return: a used span, or NULL.
 */
struct span *arena_reuse(uint32_t pages, const struct span *like);

/**
 * arena_map() - used or fresh memory of the same backend; takes the lock
 * @pages: how many, whole blocks
 * @like: a span of any arena, whose backend it is to have
 *
 * Return: a used span, or NULL.
 */
struct span *arena_map(uint32_t pages, const struct span *like);

/**
 * arena_unmap() - unmap whatever is mapped at a used span, and free its addresses
 * @s: whole blocks. With the lock held
 */
void arena_unmap(struct span *s);

/**
 * arena_grown() - count what a block has grown by, with the lock held
 * @mapped: bytes that are mapped and used in addition
 * @served: bytes that count as served in addition, or less than 0
 */
void arena_grown(long mapped, long served);

/* --- for memory that goes back (purge.c, decay.c); all take the lock ----------------- */

/**
 * arena_purge_begin() - take the oldest dirty span with whole blocks off the lists
 * @arena: the arena's number
 * @min_age_ms: how long it must have been free
 *
 * Return: a span of whole blocks in state SPAN_PURGING, or NULL: no more is due.
 */
struct span *arena_purge_begin(unsigned int arena, uint32_t min_age_ms);

/**
 * arena_purge_end() - put it back on the lists, or free its addresses
 * @s: from arena_purge_begin()
 * @done: whether the kernel has taken the memory; if not, it is the newest dirty span
 *
 * A backend that can't purge has its memory unmapped here.
 *
 * Return: how many bytes have gone back; 0: none.
 */
size_t arena_purge_end(struct span *s, bool done);

/**
 * arena_purge_clean() - free the addresses of clean spans that need none
 * @arena: the arena's number
 *
 * Clean spans hold no memory, unless their backend can only unmap: whole blocks of those go
 * too, and the addresses of those of ARENA_HUGE.
 *
 * Return: how many bytes of memory have gone back.
 */
size_t arena_purge_clean(unsigned int arena);

/**
 * arena_due() - when the next dirty span must go back
 * @arena: the arena's number
 * @age_ms: how long a span may be free
 *
 * Return: milliseconds from now, at least 1; -1: there is none.
 */
long arena_due(unsigned int arena, uint32_t age_ms);

/* --- counters, and fork ---------------------------------------------------------------- */

/**
 * struct arena_totals - counters
 * @calls: requests served
 * @served: and their bytes
 * @purged: bytes given back
 * @live: bytes in use, or kept by a thread
 * @mapped: bytes that have memory or could
 * @dirty: bytes freed and not given back
 */
struct arena_totals {
	uint64_t calls, served, purged;
	size_t live, mapped, dirty;
};

/** arena_totals() - add an arena's counters to @t; takes the lock */
void arena_totals(unsigned int arena, struct arena_totals *t);
/** arena_describe() - say in the beacon where the counters lie */
void arena_describe(struct dphuge_beacon *beacon);

/** arena_prefork() - take all arenas' locks for a fork, before the window's */
void arena_prefork(void);
/** arena_postfork_parent() - release them in the parent */
void arena_postfork_parent(void);
/** arena_postfork_child() - make them anew in the child */
void arena_postfork_child(void);

#endif /* DPHUGE_ARENA_H */
