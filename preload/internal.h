/* SPDX-License-Identifier: MIT */
/*
 * What the library's files share. Data flows one way:
 *
 *   api -> small (jemalloc)
 *   api -> large -> cache -> arena -> window -> backend
 *
 * The large heap lies in one reserved range of addresses, the window, so that
 * "is this pointer ours?" is one compare. Metadata is kept apart from it.
 *
 * A thread's cache has no lock: what it holds is taken out of it and put in by
 * atomic operations.
 *
 * Locks, in this order: purge_lock is held while memory is given back;
 * quarantine_lock guards what may not be touched; an arena's lock guards its
 * spans and lists; the window's lock, taken last, guards the ranges no arena
 * owns. No lock is held while we call into libc's allocator-using parts.
 */
#ifndef DPHUGE_INTERNAL_H
#define DPHUGE_INTERNAL_H

#include "backend/anonymous.h"
#include "backend/backend.h"
#include "backend/choose.h"
#include "backend/driver.h"
#include "backend/hugetlb.h"
#include "backend/smaps.h"
#include "base/boot.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/message.h"
#include "base/sanitizers.h"
#include "base/state.h"
#include "base/units.h"
#include "window/bins.h"
#include "window/reserve.h"
#include "window/span.h"
#include "window/window.h"

#include <errno.h>
#include <pthread.h>

bool init_ready(void);

static inline bool is_large(const void *p)
{
	return (uintptr_t)p - fixed->window < atomic_load_explicit(&fixed->window_bytes, memory_order_relaxed);
}

/* --- small.c: jemalloc ---------------------------------------------------- */

void small_resolve(struct small_heap *small);
void small_purge(void);

/* --- extents.c */

bool extents_install(void);

struct small_stats {
	size_t live;   /* bytes in use */
	size_t mapped; /* bytes of address space */
	size_t resident;
	uint64_t calls; /* requests served so far */
};

bool small_stats(struct small_stats *stats);

/* --- arena.c ------------------------------------------------------------------ */

#define ARENAS_MAX 16
#define ARENA_HUGE ARENAS_MAX /* requests that get a mapping of their own */
/* The longest span of the others: 64 MiB and room for its colour. */
#define SHARED_PAGES_MAX ((uint32_t)(64 * MIB / PAGE_BYTES) + 1)

struct arena {
	pthread_mutex_t lock;
	struct bins clean, dirty;
	uint32_t oldest, newest; /* dirty spans by age */
	uint32_t chunk_pages;    /* what to take from the window next */
	uint64_t calls, bytes;   /* served */
	size_t live;             /* bytes in use */
	size_t mapped;
	size_t dirty_bytes;
	uint64_t purges, purged_bytes;
	/* Spans that threads of other arenas have freed: a stack, without the lock. */
	_Atomic uint32_t returned __attribute__((aligned(64)));
	_Atomic size_t received __attribute__((aligned(64))); /* bytes that were taken from it */
} __attribute__((aligned(64)));

extern struct arena arenas[ARENAS_MAX + 1];
extern pthread_mutex_t purge_lock;

struct span *arena_alloc(unsigned int arena, uint32_t pages, uint32_t align, bool fresh, bool *zero);
void arena_free(struct arena *arena, struct span *span);
void arena_free_moved(struct arena *arena, struct span *span, bool lost);
struct span *arena_reuse(struct arena *arena, uint32_t pages, const struct span *like);
struct span *arena_map(unsigned int arena, uint32_t pages, const struct span *like);
void arena_unmap(struct arena *arena, struct span *span);
bool arena_cut(struct arena *arena, struct span *span, uint32_t pages, enum span_state how);
bool arena_resize(struct arena *arena, struct span *span, uint32_t pages);
size_t arena_purge(struct arena *arena, uint32_t min_age_ms);
void arena_check(struct arena *arena);
const struct backend *backend_of(const struct span *span);

/* --- cache.c ------------------------------------------------------------------ */

struct cache;

bool caches_init(void);
struct cache *cache_mine(void);
unsigned int cache_arena(const struct cache *cache);
void cache_served(struct cache *cache, size_t bytes);
struct span *cache_alloc(struct cache *cache, uint32_t pages);
bool cache_free(struct cache *cache, struct span *span);
void cache_flush(struct cache *cache);
long caches_sweep(uint32_t min_age_ms);
void caches_totals(size_t *bytes, uint64_t *calls, uint64_t *served);
void caches_fork_child(void);

/* --- quarantine.c */

extern pthread_mutex_t quarantine_lock;
bool quarantine_add(struct span *span);

/* --- decay.c ------------------------------------------------------------------- */

void decay_poke(struct arena *arena);
void decay_fork_child(void);

/* --- grow.c: in the place of copying ------------------------------------------ */

bool grow_mapping(struct span *span, uint32_t pages);
struct span *grow_away(struct span *span, size_t size);

/* --- large.c ------------------------------------------------------------------ */

void *large_alloc(size_t size, size_t align, bool zero);
void large_free(void *p);
void *large_realloc(void *p, size_t size);
size_t large_usable(const void *p);
bool large_trim(void);
void large_free_sized(void *p, size_t align, size_t size);

struct large_totals {
	uint64_t calls, served; /* requests, and their bytes */
	uint64_t purged;        /* bytes given back */
	size_t live, mapped, dirty;
};

void large_totals(struct large_totals *totals);

/* --- stats.c, message.c ------------------------------------------------------- */

void stats_init(void);
void stats_sample(void);
void stats_fork_child(void);
void stats_report(void);

#endif /* DPHUGE_INTERNAL_H */
