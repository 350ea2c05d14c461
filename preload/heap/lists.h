/* SPDX-License-Identifier: MIT */
/*
 * An arena's free spans: by size, and the dirty ones also by how long they have been free.
 *
 * Clean and dirty spans are not merged with each other, so that calloc() still knows what
 * is zero; nor are spans of different backends. All functions are called with the lock of
 * the arena that the spans belong to.
 */
#ifndef DPHUGE_LISTS_H
#define DPHUGE_LISTS_H

#include "window/bins.h"

/**
 * struct lists - an arena's free spans
 * @clean: spans that read as zero
 * @dirty: spans with old bytes
 * @oldest: of the dirty ones by age, the number of the first; 0 is none
 * @newest: and of the last
 * @dirty_bytes: the sum of all dirty ones
 *
 * A dirty span that can't be purged is in a bin but not on the list by age. All zero is
 * empty.
 */
struct lists {
	struct bins clean, dirty;
	uint32_t oldest, newest;
	size_t dirty_bytes;
};

/**
 * lists_release() - put a span on the lists, merged with free neighbours of its kind
 * @lists: the lists
 * @s: on no list; the descriptors that it is merged with are recycled
 * @how: SPAN_CLEAN or SPAN_DIRTY
 */
void lists_release(struct lists *lists, struct span *s, enum span_state how);

/**
 * lists_neighbour() - the span of the same arena that a page belongs to
 * @s: a span
 * @page: the page before its first, or behind its last
 *
 * Return: the span that has @page at one of its ends, or NULL.
 */
struct span *lists_neighbour(const struct span *s, uint32_t page);

/**
 * lists_split() - cut a span in two
 * @s: on no list; keeps its first @pages
 * @pages: less than it has
 *
 * Return: the rest, which is on no list and not in the map yet; NULL if there is no
 * descriptor, and @s is as it was.
 */
struct span *lists_split(struct span *s, uint32_t pages);

/**
 * lists_take() - take a part of a free span
 * @lists: the lists
 * @s: on the lists; what is before and behind the part stays there
 * @start: the part's first page
 * @pages: its length
 *
 * Return: the part, on no list and not in the map yet; NULL if there is no descriptor, and
 * all is as it was.
 */
struct span *lists_take(struct lists *lists, struct span *s, uint32_t start, uint32_t pages);

/**
 * lists_trim() - cut off the ends of a span that are no whole 2 MiB blocks
 * @lists: the lists
 * @s: on no list; its ends go on the lists as dirty spans
 *
 * Return: false if nothing would be left, or there is no descriptor; @s is as it was.
 */
bool lists_trim(struct lists *lists, struct span *s);

/**
 * lists_take_blocks() - take the whole 2 MiB blocks of a free span
 * @lists: the lists
 * @s: on the lists. The rest of the blocks at its ends counts as part of it, if @s is dirty
 *	and all of that rest is free, be it clean, dirty or some of each
 *
 * Return: false if there is no whole block, or no descriptor. @s stays on the lists then,
 * and has no age any more.
 */
bool lists_take_blocks(struct lists *lists, struct span *s);

/**
 * lists_take_oldest() - take the whole 2 MiB blocks of the oldest dirty span that has any
 * @lists: the lists
 * @min_age_ms: how long it must have been free
 *
 * Return: a span on no list, or NULL.
 */
struct span *lists_take_oldest(struct lists *lists, uint32_t min_age_ms);

/**
 * lists_due() - when the oldest dirty span will have been free for some time
 * @lists: the lists
 * @age_ms: for how long
 *
 * Return: milliseconds from now, at least 1; -1: there is none.
 */
long lists_due(const struct lists *lists, uint32_t age_ms);

/**
 * lists_mergeable() - can a span be merged with its neighbour?
 * @s: the span
 * @with: the neighbour, or NULL
 * @how: what @s is: SPAN_CLEAN or SPAN_DIRTY
 *
 * Return: true if the neighbour is of the same kind and has the same backend.
 */
static inline bool lists_mergeable(const struct span *s, const struct span *with, enum span_state how)
{
	return with && with->state == how && with->backend == s->backend;
}

#endif /* DPHUGE_LISTS_H */
