// SPDX-License-Identifier: MIT
/*
 * Large requests as the API sees them: sizes in, pointers out. Which arena, in
 * place or moved, and what a wrong pointer gets to hear.
 */
#include "internal.h"

#include <string.h>

#define LINE_BYTES 64
#define COLOURS 63                                          /* a page's lines, but the first */
#define COPIED_PAGES_MAX ((uint32_t)(4 * MIB / PAGE_BYTES)) /* by realloc, if there is another way */

static size_t room(const struct span *s)
{
	return (span_bytes(s)) - s->offset;
}

/*
 * Where in its first page a block begins: blocks that all began at the same would
 * compete for the same lines of the processor's cache (Bonwick 1994). It depends on
 * the address alone, so that memory which is used again has its lines still hot.
 * Neighbours of equal sizes differ, too: the mixing is MurmurHash3's last step.
 */
static uint32_t colour(const struct span *s)
{
	uint32_t h = s->first;

	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return (1 + (h >> 16) % COLOURS) * LINE_BYTES;
}

/* A span of @pages, used or fresh: the thread's own, its arena's, or new. */
static struct span *get(struct cache *c, uint32_t pages, uint32_t align_pages, bool *zero)
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
		if (!s) /* before fresh memory is touched, see what all of it makes together */
			cache_flush(c);
	}
	return s ? s : arena_alloc(cache_arena(c), pages, align_pages, true, zero);
}

/*
 * @size > 0 bytes at a multiple of @align, a power of two. NULL: the request
 * can't be served from here (no window, or its room or the memory is used up).
 */
void *large_alloc(size_t size, size_t align, bool zero)
{
	bool coloured = align <= LINE_BYTES;
	uint32_t pages, align_pages = 1;
	struct cache *c;
	struct span *s;
	bool is_zero;
	char *p;

	if (!fixed->backend || size > atomic_load(&fixed->window_bytes) || align > GIB)
		return NULL;
	c = cache_mine();
	pages = pages_for(size + (coloured ? COLOURS * LINE_BYTES : 0));
	if (align > PAGE_BYTES)
		align_pages = (uint32_t)(align >> PAGE_SHIFT);
	if (pages > SHARED_PAGES_MAX) { /* whole blocks, so that it can grow by mremap */
		pages = whole_blocks(pages);
		align_pages = align_pages < BLOCK_PAGES ? BLOCK_PAGES : align_pages;
	}
	s = get(c, pages, align_pages, &is_zero);
	if (!s)
		return NULL;
	s->offset = coloured ? colour(s) : 0;
	s->spare = (uint32_t)(room(s) - size);
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

/* @p is no used block's. Say what it is, and end the program. */
__attribute__((noreturn)) static void wrong_pointer(const char *what, const char *p)
{
	uint32_t page = page_of(p);
	unsigned int owner = span_owner(page);
	struct span *s;

	if (owner > ARENA_HUGE)
		fatal("%s(%p): nothing is allocated there", what, (const void *)p);
	pthread_mutex_lock(&arenas[owner].lock);
	s = span_around(page, owner);
	pthread_mutex_unlock(&arenas[owner].lock);
	if (!s)
		fatal("%s(%p): nothing is allocated there", what, (const void *)p);
	if (s->state != SPAN_USED)
		fatal("%s(%p): double free, or a pointer into freed memory", what, (const void *)p);
	if (p < span_block(s))
		fatal("%s(%p): %zu bytes before the block at %p", what, (const void *)p, (size_t)(span_block(s) - p),
		      (void *)span_block(s));
	fatal("%s(%p): inside the block of %zu bytes at %p", what, (const void *)p, room(s) - s->spare,
	      (void *)span_block(s));
}

/* Part of the window that another mapping took: not ours after all. */
static bool is_lost(const void *p)
{
	return span_owner(page_of(p)) == OWNER_LOST;
}

/* The span of the used block at @p. Else the program is wrong, and ends here. */
static struct span *used_span(const char *what, const void *p)
{
	uint32_t page = page_of(p);
	struct span *s = span_owner(page) <= ARENA_HUGE ? span_at(page) : NULL;

	if (unlikely(!s || span_block(s) != p || atomic_load_explicit(&s->state, memory_order_relaxed) != SPAN_USED))
		wrong_pointer(what, p);
	return s;
}

static void give(const char *what, void *p)
{
	struct span *s = used_span(what, p);
	struct arena *a = &arenas[s->arena];
	uint8_t state = SPAN_USED;
	struct cache *c;

	/* Of two threads that free it at once, one goes on. */
	if (!atomic_compare_exchange_strong(&s->state, &state, SPAN_CACHED))
		wrong_pointer(what, p);
	if (unlikely(fixed->config.quarantine) && quarantine_add(s)) {
		decay_poke(a);
		return;
	}
	if (fixed->config.decay_ms >= 0)
		atomic_store_explicit(&s->freed_ms, clock_ms(), memory_order_relaxed);
	if (!fixed->config.decay_ms || !(c = cache_mine()) || !cache_free(c, s)) {
		pthread_mutex_lock(&a->lock);
		arena_free(a, s);
		pthread_mutex_unlock(&a->lock);
	}
	decay_poke(a);
}

void large_free(void *p)
{
	if (unlikely(is_lost(p)))
		fixed->small.free(p);
	else
		give("free", p);
}

void large_free_sized(void *p, size_t align, size_t size)
{
	struct span *s;

	if (is_lost(p)) {
		fixed->small.free(p);
		return;
	}
	s = used_span("free_sized", p);
	if (size != room(s) - s->spare)
		fatal("free_sized(%p, %zu): the block has %zu bytes", p, size, room(s) - s->spare);
	if ((uintptr_t)p & (align - 1))
		fatal("free_aligned_sized(%p, %zu, %zu): the block isn't aligned so", p, align, size);
	give("free_sized", p);
}

size_t large_usable(const void *p)
{
	if (is_lost(p))
		return fixed->small.usable((void *)p);
	return room(used_span("malloc_usable_size", p));
}

/* In place or by moving page tables, or NULL: then the caller copies. */
void *large_realloc(void *p, size_t size)
{
	struct arena *a;
	struct span *s;
	uint32_t pages;
	bool huge, done;

	if (is_lost(p) || size > atomic_load(&fixed->window_bytes) - MIB)
		return NULL;
	s = used_span("realloc", p);
	a = &arenas[s->arena];
	huge = a == &arenas[ARENA_HUGE];
	pages = pages_for(size + s->offset);
	if (huge)
		pages = whole_blocks(pages);
	if (huge && pages <= COPIED_PAGES_MAX)
		return NULL; /* has become small: moves to an arena of its size */
	pthread_mutex_lock(&a->lock);
	done = arena_resize(a, s, pages) || (huge && grow_mapping(s, pages));
	arena_check(a);
	pthread_mutex_unlock(&a->lock);
	if (!done && !huge && s->pages >= COPIED_PAGES_MAX) {
		s = grow_away(s, size);
		done = s != NULL;
	}
	if (!done)
		return NULL;
	s->spare = (uint32_t)(room(s) - size);
	return span_block(s);
}

/* Give back all that is free, at once. Was there any? */
bool large_trim(void)
{
	size_t gone = 0;

	pthread_mutex_lock(&purge_lock);
	(void)caches_sweep(0);
	pthread_mutex_unlock(&purge_lock);
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		gone += arena_purge(&arenas[i], 0);
	return gone != 0;
}

void large_totals(struct large_totals *t)
{
	size_t cached;

	caches_totals(&cached, &t->calls, &t->served);
	*t = (struct large_totals){.calls = t->calls, .served = t->served};
	for (unsigned int i = 0; i <= ARENAS_MAX; i++) {
		struct arena *a = &arenas[i];

		pthread_mutex_lock(&a->lock);
		t->calls += a->calls;
		t->served += a->bytes;
		t->live += a->live;
		t->mapped += a->mapped;
		t->dirty += a->dirty_bytes;
		t->purged += a->purged_bytes;
		pthread_mutex_unlock(&a->lock);
	}
	cached = cached < t->live ? cached : t->live; /* other threads go on meanwhile */
	t->live -= cached;
	t->dirty += cached;
}
