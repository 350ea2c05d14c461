// SPDX-License-Identifier: MIT
/* Every invariant of an arena, checked in builds for debugging (-Ddebug_heap=true). */
#include "heap/check.h"

#ifdef DPHUGE_DEBUG

#include "base/message.h"
#include "window/window.h"

#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			fatal("arena %u: invariant broken: %s", arena, #cond);                                         \
	} while (0)

/* Each bin is linked both ways, and the map knows its spans. Returns their bytes. */
static size_t check_bins(unsigned int arena, const struct bins *bins, enum span_state how)
{
	size_t bytes = 0;

	for (unsigned int c = 0; c < BINS; c++) {
		CHECK(!bins->head[c] == !(bins->nonempty[c / 64] >> (c % 64) & 1));
		for (uint32_t id = bins->head[c], prev = 0; id; prev = id, id = span_by_id(id)->next) {
			struct span *s = span_by_id(id);

			CHECK(s->state == how && s->prev == prev && s->pages);
			CHECK(span_at(s->first) == s && span_at(s->first + s->pages - 1) == s);
			bytes += span_bytes(s);
		}
	}
	return bytes;
}

/* The list by age is linked both ways, and has @aged spans. */
static void check_ages(unsigned int arena, const struct lists *lists, size_t aged)
{
	uint32_t last = 0;

	for (uint32_t id = lists->oldest; id; last = id, id = span_by_id(id)->age_next, aged--)
		CHECK(span_by_id(id)->aged && span_by_id(id)->age_prev == last);
	CHECK(lists->newest == last && !aged);
}

void check_arena(unsigned int arena, const struct lists *lists, size_t live, size_t mapped)
{
	size_t clean = 0, dirty = 0, used = 0, purging = 0, aged = 0; /* pages; the last one: spans */
	struct span *before = NULL;
	uint32_t end = window_pages();

	for (uint32_t page = 0; page < end;) {
		struct span *s;

		if (span_owner(page) != arena) {
			page = blocks_within(page) + BLOCK_PAGES;
			before = NULL;
			continue;
		}
		s = span_at(page);
		CHECK(s && s->first == page && s->pages && s->arena == arena);
		CHECK(span_at(page + s->pages - 1) == s);
		switch ((enum span_state)s->state) {
		case SPAN_CLEAN: clean += s->pages; break;
		case SPAN_DIRTY:
			dirty += s->pages;
			aged += s->aged;
			break;
		case SPAN_USED:
		case SPAN_CACHED: used += s->pages; break;
		case SPAN_PURGING: purging += s->pages; break;
		default: CHECK(!"state");
		}
		CHECK(!before || before->state != SPAN_CLEAN || !lists_mergeable(before, s, SPAN_CLEAN));
		before = s;
		page += s->pages;
	}
	CHECK(check_bins(arena, &lists->clean, SPAN_CLEAN) == clean << PAGE_SHIFT);
	CHECK(check_bins(arena, &lists->dirty, SPAN_DIRTY) == dirty << PAGE_SHIFT);
	CHECK(lists->dirty_bytes == dirty << PAGE_SHIFT && live == used << PAGE_SHIFT);
	CHECK(mapped == (clean + dirty + used + purging) << PAGE_SHIFT);
	check_ages(arena, lists, aged);
}

#endif
