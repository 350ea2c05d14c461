// SPDX-License-Identifier: MIT
/* An arena's free spans: putting them on its lists, taking them off, merging and
 * cutting them. */
#include "heap/lists.h"

#include "base/clock.h"
#include "window/window.h"

#define AGE_STEPS_MAX 64 /* of a search for a span's place on the list by age */

static bool freed_later(const struct span *s, const struct span *than)
{
	return (int32_t)(s->freed_ms - than->freed_ms) > 0;
}

/* Spans that a thread has kept may come late; that isn't worth a long search. */
static void insert_by_age(struct lists *lists, struct span *s)
{
	struct span *before = span_by_id(lists->newest);

	for (unsigned int i = 0; before && i < AGE_STEPS_MAX && freed_later(before, s); i++)
		before = span_by_id(before->age_prev);
	s->aged = true;
	s->age_prev = span_id(before);
	s->age_next = before ? before->age_next : lists->oldest;
	if (before)
		before->age_next = span_id(s);
	else
		lists->oldest = span_id(s);
	if (s->age_next)
		span_by_id(s->age_next)->age_prev = span_id(s);
	else
		lists->newest = span_id(s);
}

static void remove_by_age(struct lists *lists, struct span *s)
{
	if (!s->aged)
		return;
	s->aged = false;
	if (s->age_prev)
		span_by_id(s->age_prev)->age_next = s->age_next;
	else
		lists->oldest = s->age_next;
	if (s->age_next)
		span_by_id(s->age_next)->age_prev = s->age_prev;
	else
		lists->newest = s->age_prev;
}

/* A dirty span that can't be purged is on no list by age. */
static void link_unaged(struct lists *lists, struct span *s, enum span_state how)
{
	s->state = (uint8_t)how;
	span_map(s);
	bins_insert(how == SPAN_CLEAN ? &lists->clean : &lists->dirty, s);
	if (how == SPAN_DIRTY)
		lists->dirty_bytes += span_bytes(s);
}

static void link_free(struct lists *lists, struct span *s, enum span_state how)
{
	link_unaged(lists, s, how);
	if (how == SPAN_DIRTY)
		insert_by_age(lists, s);
}

static void unlink_free(struct lists *lists, struct span *s)
{
	bins_remove(s->state == SPAN_CLEAN ? &lists->clean : &lists->dirty, s);
	if (s->state == SPAN_DIRTY)
		lists->dirty_bytes -= span_bytes(s);
	remove_by_age(lists, s);
}

struct span *lists_neighbour(const struct span *s, uint32_t page)
{
	struct span *with;

	if (page >= window_pages() || span_owner(page) != s->arena)
		return NULL;
	with = span_at(page);
	return with && with->pages && (with->first == page || with->first + with->pages - 1 == page) ? with : NULL;
}

void lists_release(struct lists *lists, struct span *s, enum span_state how)
{
	struct span *before = s->first ? lists_neighbour(s, s->first - 1) : NULL;
	struct span *after = lists_neighbour(s, s->first + s->pages);

	if (lists_mergeable(s, before, how)) {
		unlink_free(lists, before);
		if (freed_later(before, s))
			s->freed_ms = before->freed_ms;
		s->first = before->first;
		s->pages += before->pages;
		span_recycle(before);
	}
	if (lists_mergeable(s, after, how)) {
		unlink_free(lists, after);
		if (freed_later(after, s))
			s->freed_ms = after->freed_ms;
		s->pages += after->pages;
		span_recycle(after);
	}
	link_free(lists, s, how);
}

struct span *lists_split(struct span *s, uint32_t pages)
{
	struct span *rest = span_new();

	if (!rest)
		return NULL;
	rest->first = s->first + pages;
	rest->pages = s->pages - pages;
	rest->arena = s->arena;
	rest->backend = s->backend;
	rest->freed_ms = s->freed_ms;
	s->pages = pages;
	return rest;
}

struct span *lists_take(struct lists *lists, struct span *s, uint32_t start, uint32_t pages)
{
	enum span_state how = s->state;
	struct span *front = NULL, *rest = NULL;

	unlink_free(lists, s);
	if (start > s->first) {
		front = s;
		s = lists_split(front, start - front->first);
		if (!s) {
			link_free(lists, front, how);
			return NULL;
		}
	}
	if (s->pages > pages) {
		rest = lists_split(s, pages);
		if (!rest) {
			if (front) {
				front->pages += s->pages;
				span_recycle(s);
				s = front;
			}
			link_free(lists, s, how);
			return NULL;
		}
	}
	if (front)
		link_free(lists, front, how);
	if (rest)
		link_free(lists, rest, how);
	return s;
}

static bool is_free_neighbour(const struct span *s, const struct span *with)
{
	return lists_mergeable(s, with, SPAN_CLEAN) || lists_mergeable(s, with, SPAN_DIRTY);
}

/* Is all from the block's start @lo up to @s free? */
static bool all_free_below(const struct span *s, uint32_t lo)
{
	for (uint32_t at = s->first; at > lo;) {
		const struct span *before = lists_neighbour(s, at - 1);

		if (!is_free_neighbour(s, before))
			return false;
		at = before->first;
	}
	return true;
}

/* Is all from @s to the block's end @hi free? */
static bool all_free_above(const struct span *s, uint32_t hi)
{
	for (uint32_t at = s->first + s->pages; at < hi;) {
		const struct span *after = lists_neighbour(s, at);

		if (!is_free_neighbour(s, after))
			return false;
		at = after->first + after->pages;
	}
	return true;
}

/* What is left of a free span that gave away a part. */
static void relink_rest(struct lists *lists, struct span *rest, enum span_state how)
{
	if (rest->pages)
		link_free(lists, rest, how);
	else
		span_recycle(rest);
}

/*
 * @s grows by the rest of the block at either end, if all of that rest is free, be it
 * clean or dirty in turns.
 */
static void absorb_ends(struct lists *lists, struct span *s)
{
	uint32_t lo = blocks_within(s->first), hi = whole_blocks(s->first + s->pages);

	while (s->first > lo && all_free_below(s, lo)) {
		struct span *before = lists_neighbour(s, s->first - 1);
		enum span_state how = before->state;
		uint32_t from = before->first > lo ? before->first : lo;

		unlink_free(lists, before);
		s->pages += s->first - from;
		s->first = from;
		before->pages = from - before->first;
		relink_rest(lists, before, how);
	}
	while (s->first + s->pages < hi && all_free_above(s, hi)) {
		struct span *after = lists_neighbour(s, s->first + s->pages);
		enum span_state how = after->state;
		uint32_t end = after->first + after->pages;
		uint32_t upto = end < hi ? end : hi;

		unlink_free(lists, after);
		s->pages = upto - s->first;
		after->pages = end - upto;
		after->first = upto;
		relink_rest(lists, after, how);
	}
}

static void link_end(struct lists *lists, struct span *end, enum span_state how, bool merge)
{
	if (merge)
		lists_release(lists, end, how);
	else
		link_unaged(lists, end, how);
}

/*
 * Cut off the ends of @s what is no whole block; it is @how, and merged with its
 * neighbours if @merge says so. False: nothing would be left, or there is no descriptor.
 */
static bool trim_to_blocks(struct lists *lists, struct span *s, enum span_state how, bool merge)
{
	uint32_t end = s->first + s->pages;
	uint32_t from = whole_blocks(s->first), to = blocks_within(end);
	struct span *front = NULL, *back = NULL;

	if (from >= to)
		return false;
	if (to < end && !(back = lists_split(s, to - s->first)))
		return false;
	if (from > s->first) {
		front = span_new();
		if (!front) {
			s->pages = end - s->first;
			if (back)
				span_recycle(back);
			return false;
		}
		*front = (struct span){
		    .first = s->first,
		    .pages = from - s->first,
		    .arena = s->arena,
		    .backend = s->backend,
		    .freed_ms = s->freed_ms,
		};
		s->pages -= front->pages;
		s->first = from;
	}
	span_map(s); /* the ends look at their neighbours */
	if (front)
		link_end(lists, front, how, merge);
	if (back)
		link_end(lists, back, how, merge);
	return true;
}

bool lists_trim(struct lists *lists, struct span *s)
{
	return trim_to_blocks(lists, s, SPAN_DIRTY, true);
}

bool lists_take_blocks(struct lists *lists, struct span *s)
{
	enum span_state how = s->state;

	unlink_free(lists, s);
	if (how == SPAN_DIRTY)
		absorb_ends(lists, s);
	if (trim_to_blocks(lists, s, how, false))
		return true;
	link_unaged(lists, s, how);
	return false;
}

struct span *lists_take_oldest(struct lists *lists, uint32_t min_age_ms)
{
	struct span *s;

	while ((s = span_by_id(lists->oldest)) && clock_ms() - s->freed_ms >= min_age_ms)
		if (lists_take_blocks(lists, s))
			return s;
	return NULL;
}

long lists_due(const struct lists *lists, uint32_t age_ms)
{
	const struct span *s = span_by_id(lists->oldest);
	long left;

	if (!s)
		return -1;
	left = (long)age_ms - (long)(clock_ms() - s->freed_ms);
	return left < 1 ? 1 : left;
}
