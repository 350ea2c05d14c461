// SPDX-License-Identifier: MIT
/*
 * Arenas: who gets which span, and the lock and the counters of each.
 *
 * Free spans are clean (they read as zero) or dirty. When a dirty span has been idle for
 * the decay time, the whole 2 MiB blocks in it, together with free neighbours in the same
 * block, are given back and become clean. The ends that share a block with something in
 * use stay: to take them away would break a 2 MiB page.
 */
#include "heap/arena.h"

#include "backend/backend.h"
#include "base/clock.h"
#include "heap/check.h"
#include "heap/chunk.h"
#include "heap/lists.h"
#include "window/window.h"

#include <pthread.h>

#define FIRST_CHUNK_PAGES ((uint32_t)(32 * MIB / PAGE_BYTES))
#define MAX_CHUNK_PAGES ((uint32_t)(256 * MIB / PAGE_BYTES))

struct arena {
	pthread_mutex_t lock; /* guards all the rest, and the arena's spans */
	struct lists lists;
	uint32_t chunk_pages;  /* what to take from the window next */
	uint64_t calls, bytes; /* served */
	size_t live;           /* bytes in use */
	size_t mapped;
	uint64_t purged_bytes;
} __attribute__((aligned(64)));

static struct arena arenas[ARENAS_MAX + 1] = {
    [0 ... ARENAS_MAX] = {.lock = PTHREAD_MUTEX_INITIALIZER, .chunk_pages = FIRST_CHUNK_PAGES},
};

static unsigned int number_of(const struct arena *a)
{
	return (unsigned int)(a - arenas);
}

static void check_counted(const struct arena *a)
{
	check_arena(number_of(a), &a->lists, a->live, a->mapped);
}

/* --- the lock ----------------------------------------------------------------------- */

void arena_lock(unsigned int arena)
{
	pthread_mutex_lock(&arenas[arena].lock);
}

bool arena_trylock(unsigned int arena)
{
	return !pthread_mutex_trylock(&arenas[arena].lock);
}

void arena_unlock(unsigned int arena)
{
	check_counted(&arenas[arena]);
	pthread_mutex_unlock(&arenas[arena].lock);
}

void arena_prefork(void)
{
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		pthread_mutex_lock(&arenas[i].lock);
}

void arena_postfork_parent(void)
{
	for (unsigned int i = ARENAS_MAX + 1; i-- > 0;)
		pthread_mutex_unlock(&arenas[i].lock);
}

void arena_postfork_child(void)
{
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		pthread_mutex_init(&arenas[i].lock, NULL);
}

/* --- chunks ------------------------------------------------------------------------- */

/* Unmap a span that is on no list. False: the kernel refuses, and it is dirty again. */
static bool unmap_span(struct arena *a, struct span *s)
{
	size_t len = span_bytes(s);

	if (!chunk_unmap(s)) {
		lists_release(&a->lists, s, SPAN_DIRTY);
		return false;
	}
	a->mapped -= len;
	return true;
}

/* One more chunk, on the clean list, that has room for an aligned span. */
static bool map_chunk(struct arena *a, uint32_t pages, uint32_t align)
{
	uint32_t need = whole_blocks(pages + (align > BLOCK_PAGES ? align : 0));
	bool huge = number_of(a) == ARENA_HUGE;
	uint32_t chunk = huge || need > a->chunk_pages ? need : a->chunk_pages;
	struct span *s = chunk_map(number_of(a), chunk, NULL);

	if (!s && chunk > need)
		s = chunk_map(number_of(a), need, NULL);
	if (!s)
		return false;
	a->mapped += span_bytes(s);
	if (a->chunk_pages < MAX_CHUNK_PAGES)
		a->chunk_pages *= 2;
	lists_release(&a->lists, s, SPAN_CLEAN);
	return true;
}

/* --- spans for the program, and back ----------------------------------------------------- */

static struct span *use_span(struct arena *a, struct span *s)
{
	s->state = SPAN_USED;
	span_map(s);
	a->live += span_bytes(s);
	return s;
}

static struct span *use_fitting(struct arena *a, struct bins *bins, uint32_t pages, uint32_t align)
{
	uint32_t start;
	struct span *s = bins_fit(bins, pages, align, &start);

	if (s)
		s = lists_take(&a->lists, s, start, pages);
	return s ? use_span(a, s) : NULL;
}

struct span *arena_alloc(unsigned int arena, uint32_t pages, uint32_t align, bool fresh, bool *zero)
{
	struct arena *a = &arenas[arena];
	struct span *s;

	pthread_mutex_lock(&a->lock);
	/* Used memory first: it is hot, and the program's already. */
	s = use_fitting(a, &a->lists.dirty, pages, align);
	*zero = !s;
	if (!s && fresh) {
		s = use_fitting(a, &a->lists.clean, pages, align);
		if (!s && map_chunk(a, pages, align))
			s = use_fitting(a, &a->lists.clean, pages, align);
	}
	if (s) {
		a->calls++;
		a->bytes += span_bytes(s);
	}
	check_counted(a);
	pthread_mutex_unlock(&a->lock);
	return s;
}

/* A used span is free. */
static void release_used(struct arena *a, struct span *s, enum span_state how)
{
	a->live -= span_bytes(s);
	lists_release(&a->lists, s, how);
}

void arena_free(struct span *s)
{
	struct arena *a = &arenas[s->arena];

	release_used(a, s, SPAN_DIRTY);
	check_counted(a);
}

void arena_return(struct span *s)
{
	pthread_mutex_t *lock = &arenas[s->arena].lock;

	pthread_mutex_lock(lock);
	arena_free(s);
	pthread_mutex_unlock(lock);
}

void arena_free_moved(struct span *s, bool lost)
{
	struct arena *a = &arenas[s->arena];
	size_t len = span_bytes(s);

	if (lists_trim(&a->lists, s)) {
		a->live -= len;
		if (!lost) {
			lists_release(&a->lists, s, SPAN_CLEAN);
		} else {
			a->mapped -= span_bytes(s);
			window_emptied(s->first, s->pages);
			span_recycle(s);
		}
	} else if (!lost) { /* no descriptor for the ends: it may as well be dirty */
		release_used(a, s, SPAN_DIRTY);
	} /* else there is a hole in it: nobody gets it any more */
	check_counted(a);
}

bool arena_cut(struct span *s, uint32_t pages, enum span_state how)
{
	struct arena *a = &arenas[s->arena];
	struct span *rest = lists_split(s, pages);

	if (!rest)
		return false;
	span_map(s);
	rest->freed_ms = clock_ms();
	release_used(a, rest, how);
	check_counted(a);
	return true;
}

bool arena_resize(struct span *s, uint32_t pages)
{
	struct arena *a = &arenas[s->arena];
	uint32_t more = pages - s->pages;
	struct span *after, *part;

	if (pages <= s->pages)
		return pages == s->pages || arena_cut(s, pages, SPAN_DIRTY);
	after = lists_neighbour(s, s->first + s->pages);
	if ((!lists_mergeable(s, after, SPAN_CLEAN) && !lists_mergeable(s, after, SPAN_DIRTY)) || after->pages < more)
		return false;
	part = lists_take(&a->lists, after, after->first, more);
	if (!part)
		return false;
	s->pages = pages;
	span_recycle(part);
	span_map(s);
	a->live += (size_t)more << PAGE_SHIFT;
	a->bytes += (size_t)more << PAGE_SHIFT;
	check_counted(a);
	return true;
}

/* --- blocks that grow ---------------------------------------------------------------------- */

struct span *arena_reuse(uint32_t pages, const struct span *like)
{
	struct arena *a = &arenas[ARENA_HUGE];
	struct span *s = use_fitting(a, &a->lists.dirty, pages, BLOCK_PAGES);

	if (!s || s->backend == like->backend)
		return s;
	release_used(a, s, SPAN_DIRTY);
	return NULL;
}

struct span *arena_map(uint32_t pages, const struct span *like)
{
	struct arena *a = &arenas[ARENA_HUGE];
	struct span *s;

	pthread_mutex_lock(&a->lock);
	s = arena_reuse(pages, like);
	if (!s) {
		s = chunk_map(ARENA_HUGE, pages, like);
		if (s) {
			a->mapped += span_bytes(s);
			use_span(a, s);
		}
	}
	check_counted(a);
	pthread_mutex_unlock(&a->lock);
	return s;
}

void arena_unmap(struct span *s)
{
	struct arena *a = &arenas[s->arena];
	size_t len = span_bytes(s);

	a->live -= len;
	if (unmap_span(a, s))
		a->purged_bytes += len;
	check_counted(a);
}

void arena_grown(long mapped, long served)
{
	arenas[ARENA_HUGE].mapped += (size_t)mapped;
	arenas[ARENA_HUGE].live += (size_t)mapped;
	arenas[ARENA_HUGE].bytes += (uint64_t)served;
}

/* --- memory that goes back ------------------------------------------------------------------ */

struct span *arena_purge_begin(unsigned int arena, uint32_t min_age_ms)
{
	struct arena *a = &arenas[arena];
	struct span *s;

	pthread_mutex_lock(&a->lock);
	s = lists_take_oldest(&a->lists, min_age_ms);
	if (s) {
		s->state = SPAN_PURGING;
		span_map(s);
	}
	check_counted(a);
	pthread_mutex_unlock(&a->lock);
	return s;
}

size_t arena_purge_end(struct span *s, bool done)
{
	struct arena *a = &arenas[s->arena];
	size_t gone = done ? span_bytes(s) : 0;

	pthread_mutex_lock(&a->lock);
	if (!done) { /* mlockall, say */
		s->freed_ms = clock_ms();
		lists_release(&a->lists, s, SPAN_DIRTY);
	} else if (!backend_by(s->backend)->purge || number_of(a) == ARENA_HUGE) {
		if (!unmap_span(a, s))
			gone = 0;
	} else {
		lists_release(&a->lists, s, SPAN_CLEAN);
	}
	a->purged_bytes += gone;
	check_counted(a);
	pthread_mutex_unlock(&a->lock);
	return gone;
}

/* One clean span, which may go from the lists. Returns how many bytes of memory went. */
static size_t purge_clean_span(struct arena *a, struct span *s)
{
	bool held = !backend_by(s->backend)->purge;
	size_t len;

	if (!held && number_of(a) != ARENA_HUGE)
		return 0;
	if (!lists_take_blocks(&a->lists, s))
		return 0;
	len = span_bytes(s);
	return unmap_span(a, s) && held ? len : 0;
}

size_t arena_purge_clean(unsigned int arena)
{
	struct arena *a = &arenas[arena];
	size_t gone = 0;

	pthread_mutex_lock(&a->lock);
	for (unsigned int c = bins_class(BLOCK_PAGES); c < BINS; c++)
		for (uint32_t id = a->lists.clean.head[c], next; id; id = next) {
			struct span *s = span_by_id(id);

			next = s->next;
			gone += purge_clean_span(a, s);
		}
	a->purged_bytes += gone;
	check_counted(a);
	pthread_mutex_unlock(&a->lock);
	return gone;
}

long arena_due(unsigned int arena, uint32_t age_ms)
{
	struct arena *a = &arenas[arena];
	long wait;

	pthread_mutex_lock(&a->lock);
	wait = lists_due(&a->lists, age_ms);
	pthread_mutex_unlock(&a->lock);
	return wait;
}

/* --- counters --------------------------------------------------------------------------------- */

void arena_totals(unsigned int arena, struct arena_totals *t)
{
	struct arena *a = &arenas[arena];

	pthread_mutex_lock(&a->lock);
	t->calls += a->calls;
	t->served += a->bytes;
	t->purged += a->purged_bytes;
	t->live += a->live;
	t->mapped += a->mapped;
	t->dirty += a->lists.dirty_bytes;
	pthread_mutex_unlock(&a->lock);
}

void arena_describe(struct dphuge_beacon *beacon)
{
	beacon->arena = (uintptr_t)arenas;
	beacon->arenas = ARENAS_MAX + 1;
	beacon->arena_size = sizeof(arenas[0]);
	beacon->live = offsetof(struct arena, live);
	beacon->dirty = offsetof(struct arena, lists.dirty_bytes);
	beacon->served = offsetof(struct arena, bytes);
	beacon->purged = offsetof(struct arena, purged_bytes);
}
