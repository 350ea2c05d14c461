/* SPDX-License-Identifier: MIT */
/*
 * Large requests as the API sees them: sizes in, pointers out.
 *
 * A pointer at which no block begins ends the program with a line that says what is wrong. A
 * pointer into a part of the window that another mapping has taken goes to jemalloc. All
 * functions are called with no lock held, and may change errno.
 */
#ifndef DPHUGE_LARGE_H
#define DPHUGE_LARGE_H

#include "heap/arena.h"

/**
 * large_alloc() - malloc(3), calloc(3) and memalign(3)
 * @size: bytes, more than 0
 * @align: a power of two
 * @zero: whether it must read as zero
 *
 * Return: the block, or NULL: it can't be served from here, as there is no large heap, or
 * its addresses or the memory are used up, or @align is above 1 GiB.
 */
void *large_alloc(size_t size, size_t align, bool zero);

/**
 * large_free() - free(3)
 * @p: a pointer into the window
 */
void large_free(void *p);

/**
 * large_free_sized() - free_aligned_sized(3)
 * @p: a pointer into the window
 * @align: the alignment that was asked for, a power of two
 * @size: the size that was asked for last; the program ends if it wasn't
 */
void large_free_sized(void *p, size_t align, size_t size);

/**
 * large_realloc() - realloc(3) without copying
 * @p: a pointer into the window
 * @size: bytes, more than 0
 *
 * Return: the block, in place or moved with its page tables; or NULL: all is as it was,
 * and the caller copies.
 */
void *large_realloc(void *p, size_t size);

/**
 * large_usable() - malloc_usable_size(3)
 * @p: a pointer into the window
 *
 * Return: how many bytes may be used.
 */
size_t large_usable(const void *p);

/**
 * large_trim() - malloc_trim(3): give back all that is free, at once
 *
 * Return: whether there was any.
 */
bool large_trim(void);

/**
 * large_totals() - the large heap's counters
 * @t: the sums over all arenas and caches; what threads keep counts as dirty, not as live
 */
void large_totals(struct arena_totals *t);

#endif /* DPHUGE_LARGE_H */
