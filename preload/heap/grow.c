// SPDX-License-Identifier: MIT
/*
 * Blocks grow by moving page tables: a few MiB at most are copied.
 *
 * A block with a mapping of its own grows over the addresses behind it, or moves
 * as a whole. One that shares its mapping with others leaves it: its whole 2 MiB
 * blocks move to a mapping of their own, at the same distance from a multiple of
 * 2 MiB, and only the ends are copied.
 */
#include "heap/grow.h"

#include "backend/backend.h"
#include "base/clock.h"
#include "heap/arena.h"
#include "window/reserve.h"
#include "window/window.h"

#include <string.h>

/* Grow to @pages over the addresses behind, or move to where there are so many. */
static bool extend_or_move(struct span *s, uint32_t pages)
{
	char *p = page_address(s->first);
	size_t old_len = span_bytes(s), len = (size_t)pages << PAGE_SHIFT;
	uint32_t old_first = s->first, old_pages = s->pages, more = pages - s->pages;
	struct span *to;

	if (window_take_after(s, more)) {
		enum outcome done = backend_by(s->backend)->extend(p, old_len, len);

		if (done == DONE) {
			s->pages = pages;
			span_map(s);
			goto grown;
		}
		window_untake(s->first + s->pages, more, done == LOST);
	}
	to = window_take(pages, ARENA_HUGE);
	if (!to)
		return false;
	if (!backend_by(s->backend)->move(p, old_len, page_address(to->first), len)) {
		reserve_over(page_address(to->first), span_bytes(to));
		window_give(to);
		return false;
	}
	/* The descriptor takes the new place; the old place is reserved again. */
	s->first = to->first;
	s->pages = pages;
	span_map(s);
	span_map_block(s);
	span_recycle(to);
	window_emptied(old_first, old_pages);
grown:
	arena_grown((long)(len - old_len), (long)(len - old_len));
	return true;
}

/*
 * Move onto used memory that is free and large enough: its pages behind the block's own are
 * hot, and the program's already. Otherwise blocks that grow in turns would leave as much
 * behind each time, as much as the decay allows.
 */
static bool move_onto_used(struct span *s, uint32_t pages)
{
	struct span *to = arena_reuse(pages, s), old;
	size_t old_len = span_bytes(s);
	enum outcome done;

	if (!to)
		return false;
	done = backend_by(s->backend)->replace(page_address(s->first), old_len, page_address(to->first));
	if (done == FAILED) {
		arena_unmap(to);
		return false;
	}
	/* The descriptors change places, as the block keeps its own. */
	old = *s;
	s->first = to->first;
	s->pages = to->pages;
	to->first = old.first;
	to->pages = old.pages;
	to->freed_ms = clock_ms();
	span_map(to);
	span_map(s);
	span_map_block(s);
	arena_grown(0, (long)(span_bytes(s) - old_len));
	arena_free_moved(to, done == LOST);
	return true;
}

/*
 * An eighth is mapped in advance, and lies behind as a clean span that the next
 * growth takes: a block that grows by a little each time would become a mapping
 * each time, and there are only so many (vm.max_map_count). Clean pages cost
 * no memory yet, except where the backend populates what it maps; that one can't purge,
 * either, and nothing is mapped in advance there.
 */
bool grow_mapping(struct span *s, uint32_t pages)
{
	uint32_t ahead = backend_by(s->backend)->purge ? whole_blocks(pages / 8) : 0;

	if (move_onto_used(s, pages))
		return true;
	if (!extend_or_move(s, pages + ahead))
		return ahead && extend_or_move(s, pages);
	if (ahead && arena_cut(s, pages, SPAN_CLEAN))
		arena_grown(0, -((long)ahead << PAGE_SHIFT)); /* that part isn't served */
	return true;
}

static void copy_pages(uint32_t to, uint32_t from, uint32_t pages)
{
	memcpy(page_address(to), page_address(from), (size_t)pages << PAGE_SHIFT);
}

struct span *grow_away(struct span *s, size_t size)
{
	unsigned int arena = s->arena;
	uint32_t lead = s->first % BLOCK_PAGES, end = s->first + s->pages;
	uint32_t first = whole_blocks(s->first), last = blocks_within(end);
	struct span *to = arena_map(whole_blocks(lead + pages_for(size + s->offset)), s);
	enum outcome done;
	uint32_t distance;

	if (!to)
		return NULL;
	distance = to->first + lead - s->first;
	done = first < last ? backend_by(s->backend)
				  ->replace(page_address(first), (size_t)(last - first) << PAGE_SHIFT,
					    page_address(first + distance))
			    : FAILED;
	if (done == FAILED) {
		arena_lock(ARENA_HUGE);
		arena_unmap(to);
		arena_unlock(ARENA_HUGE);
		return NULL;
	}
	copy_pages(s->first + distance, s->first, first - s->first);
	copy_pages(last + distance, last, end - last);
	to->offset = (lead << PAGE_SHIFT) + s->offset;
	span_map_block(to);
	arena_lock(arena);
	s->freed_ms = clock_ms();
	arena_free_moved(s, done == LOST);
	arena_unlock(arena);
	return to;
}
