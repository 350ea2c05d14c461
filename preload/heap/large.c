// SPDX-License-Identifier: MIT
/*
 * Large requests as the API sees them: which arena serves them, in place or moved, and
 * what is said of a wrong pointer.
 */
#include "heap/large.h"

#include "base/clock.h"
#include "base/message.h"
#include "heap/cache.h"
#include "heap/decay.h"
#include "heap/grow.h"
#include "heap/purge.h"
#include "heap/quarantine.h"
#include "window/window.h"

#include <string.h>

#define LINE_BYTES 64
#define COLOURS 63 /* the lines of a page but the first */
/* realloc() copies no more than this where page tables can be moved instead. */
#define COPIED_PAGES_MAX ((uint32_t)(4 * MIB / PAGE_BYTES))

/* From the block's begin to its span's end. */
static size_t usable_bytes(const struct span *s)
{
	return span_bytes(s) - s->offset;
}

/*
 * Where in its first page a block begins: if all began at the same place, they would
 * compete for the same lines of the processor's cache (Bonwick 1994). It depends on
 * the address alone, so that memory which is used again has its lines still hot.
 * Neighbours of equal sizes differ, too: the mixing is MurmurHash3's last step.
 */
static uint32_t colour_of(const struct span *s)
{
	uint32_t h = s->first;

	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return (1 + (h >> 16) % COLOURS) * LINE_BYTES;
}

/* A span of @pages, used or fresh: the thread's own, its arena's, or new. */
static struct span *get_span(struct cache *c, uint32_t pages, uint32_t align_pages, bool *zero)
{
	struct span *s = NULL;

	*zero = false;
	if (pages > SHARED_PAGES_MAX)
		return arena_alloc(ARENA_HUGE, pages, align_pages, true, zero);
	if (c && align_pages == 1 && (s = cache_alloc(c, pages))) {
		cache_served(c, span_bytes(s));
		atomic_store_explicit(&s->state, SPAN_USED, memory_order_relaxed);
		return s;
	}
	if (c) {
		s = arena_alloc(cache_arena(c), pages, align_pages, false, zero);
		if (!s) /* merge what the thread keeps before fresh memory is touched */
			cache_flush(c);
	}
	return s ? s : arena_alloc(cache_arena(c), pages, align_pages, true, zero);
}

void *large_alloc(size_t size, size_t align, bool zero)
{
	bool coloured = align <= LINE_BYTES;
	uint32_t pages, align_pages = 1;
	struct cache *c;
	struct span *s;
	bool is_zero;
	char *p;

	if (!fixed->backend || size > atomic_load(&fixed->window_bytes) || align > WINDOW_ALIGN)
		return NULL;
	c = cache_mine();
	pages = pages_for(size + (coloured ? COLOURS * LINE_BYTES : 0));
	if (align > PAGE_BYTES)
		align_pages = (uint32_t)(align >> PAGE_SHIFT);
	if (pages > SHARED_PAGES_MAX) { /* whole blocks, so that it can grow by mremap */
		pages = whole_blocks(pages);
		align_pages = align_pages < BLOCK_PAGES ? BLOCK_PAGES : align_pages;
	}
	s = get_span(c, pages, align_pages, &is_zero);
	if (!s)
		return NULL;
	s->offset = coloured ? colour_of(s) : 0;
	s->spare = (uint32_t)(usable_bytes(s) - size);
	p = span_block(s);
	if (zero && !is_zero)
		memset(p, 0, size);
	return p;
}

/* The arena's span that @page is in. With its lock held. */
static struct span *span_around(uint32_t page, unsigned int owner)
{
	for (uint32_t at = page;; at--) {
		struct span *s = span_owner(at) == owner ? span_at(at) : NULL;

		if (s && s->arena == owner && s->first <= page && page - s->first < s->pages)
			return s;
		if (!at || span_owner(at) != owner)
			return NULL;
	}
}

/* No used block begins at @p. Say what is there, and end the program. */
__attribute__((noreturn)) static void wrong_pointer(const char *what, const char *p)
{
	uint32_t page = page_of(p);
	unsigned int owner = span_owner(page);
	struct span *s;

	if (owner > ARENA_HUGE)
		fatal("%s(%p): nothing is allocated there", what, (const void *)p);
	arena_lock(owner);
	s = span_around(page, owner);
	arena_unlock(owner);
	if (!s)
		fatal("%s(%p): nothing is allocated there", what, (const void *)p);
	if (s->state != SPAN_USED)
		fatal("%s(%p): double free, or a pointer into freed memory", what, (const void *)p);
	if (p < span_block(s))
		fatal("%s(%p): %zu bytes before the block at %p", what, (const void *)p, (size_t)(span_block(s) - p),
		      (void *)span_block(s));
	fatal("%s(%p): inside the block of %zu bytes at %p", what, (const void *)p, usable_bytes(s) - s->spare,
	      (void *)span_block(s));
}

/* Is it in a part of the window that another mapping took? Then it isn't ours after all. */
static bool is_lost(const void *p)
{
	return span_owner(page_of(p)) == OWNER_LOST;
}

/* The span of the used block at @p. If there is none, the program is wrong, and ends here. */
static struct span *used_span(const char *what, const void *p)
{
	uint32_t page = page_of(p);
	struct span *s = span_owner(page) <= ARENA_HUGE ? span_at(page) : NULL;

	if (unlikely(!s || span_block(s) != p || atomic_load_explicit(&s->state, memory_order_relaxed) != SPAN_USED))
		wrong_pointer(what, p);
	return s;
}

static void free_block(const char *what, void *p)
{
	struct span *s = used_span(what, p);
	unsigned int arena = s->arena;
	uint8_t state = SPAN_USED;
	struct cache *c;

	/* Of two threads that free it at once, one goes on. */
	if (!atomic_compare_exchange_strong(&s->state, &state, SPAN_CACHED))
		wrong_pointer(what, p);
	if (unlikely(fixed->config.quarantine) && quarantine_add(s)) {
		decay_poke(arena);
		return;
	}
	if (fixed->config.decay_ms >= 0)
		atomic_store_explicit(&s->freed_ms, clock_ms(), memory_order_relaxed);
	if (!fixed->config.decay_ms || !(c = cache_mine()) || !cache_free(c, s))
		arena_return(s);
	decay_poke(arena);
}

void large_free(void *p)
{
	if (unlikely(is_lost(p)))
		fixed->small.free(p);
	else
		free_block("free", p);
}

void large_free_sized(void *p, size_t align, size_t size)
{
	struct span *s;

	if (is_lost(p)) {
		fixed->small.free(p);
		return;
	}
	s = used_span("free_sized", p);
	if (size != usable_bytes(s) - s->spare)
		fatal("free_sized(%p, %zu): the block has %zu bytes", p, size, usable_bytes(s) - s->spare);
	if ((uintptr_t)p & (align - 1))
		fatal("free_aligned_sized(%p, %zu, %zu): the block isn't aligned so", p, align, size);
	free_block("free_sized", p);
}

size_t large_usable(const void *p)
{
	if (is_lost(p))
		return fixed->small.usable((void *)p);
	return usable_bytes(used_span("malloc_usable_size", p));
}

void *large_realloc(void *p, size_t size)
{
	unsigned int arena;
	struct span *s;
	uint32_t pages;
	bool huge, done;

	if (is_lost(p) || size > atomic_load(&fixed->window_bytes) - MIB)
		return NULL;
	s = used_span("realloc", p);
	arena = s->arena;
	huge = arena == ARENA_HUGE;
	pages = pages_for(size + s->offset);
	if (huge)
		pages = whole_blocks(pages);
	if (huge && pages <= COPIED_PAGES_MAX)
		return NULL; /* it has become small, and moves to an arena that threads share */
	arena_lock(arena);
	done = arena_resize(s, pages) || (huge && grow_mapping(s, pages));
	arena_unlock(arena);
	if (!done && !huge && s->pages >= COPIED_PAGES_MAX) {
		s = grow_away(s, size);
		done = s != NULL;
	}
	if (!done)
		return NULL;
	s->spare = (uint32_t)(usable_bytes(s) - size);
	return span_block(s);
}

bool large_trim(void)
{
	size_t gone = 0;

	purge_lock();
	(void)cache_sweep(0);
	purge_unlock();
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		gone += purge_arena(i, 0);
	return gone != 0;
}

void large_totals(struct arena_totals *t)
{
	size_t cached;

	*t = (struct arena_totals){0};
	cache_totals(&cached, &t->calls, &t->served);
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		arena_totals(i, t);
	cached = cached < t->live ? cached : t->live; /* other threads go on meanwhile */
	t->live -= cached;
	t->dirty += cached;
}
