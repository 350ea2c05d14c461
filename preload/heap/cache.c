// SPDX-License-Identifier: MIT
/*
 * Threads' caches of spans, by size.
 *
 * A slot holds a span's number and length in one word. Its thread puts spans in and takes
 * them out; the helper thread and malloc_trim() only take out. All do so by atomic
 * operations, so nobody waits. What a thread frees of another arena goes on that arena's
 * stack; its threads take the whole stack when they allocate (as in mimalloc: Leijen,
 * Zorn, de Moura, 2019).
 *
 * Caches are never unmapped: a thread that ends leaves its own to the next.
 */
#include "heap/cache.h"

#include "base/clock.h"
#include "heap/arena.h"
#include "window/bins.h"

#include <pthread.h>
#include <sys/mman.h>

#define PAGES_MIN 16   /* the smallest large request */
#define FIRST_CLASS 12 /* bins_class() of these */
#define CLASSES 41     /* up to that of SHARED_PAGES_MAX */
#define SLOTS 8        /* of a class: one cache line */
#define CACHE_BYTES_MAX (128 * MIB)

struct cache {
	_Atomic uint64_t slots[CLASSES][SLOTS]; /* pages << 32 | number; [0] is the newest */
	_Atomic size_t bytes;                   /* in the slots */
	_Atomic uint64_t calls, served;         /* written by its thread alone */
	_Atomic size_t sent;                    /* bytes that went to other arenas; likewise */
	unsigned int arena;
	atomic_bool taken; /* a thread that lives has it */
	struct cache *next;
} __attribute__((aligned(64)));

/* For each arena: the spans that threads of other arenas have freed, without a lock. */
struct inbox {
	_Atomic uint32_t returned __attribute__((aligned(64))); /* a stack, linked by next */
	_Atomic size_t received __attribute__((aligned(64)));   /* bytes that were taken from it */
};

static struct inbox inboxes[ARENAS_MAX];
static struct cache *_Atomic caches;
static _Atomic unsigned int next_arena;
static pthread_key_t key;
static bool usable;

static __thread struct cache *mine __attribute__((tls_model("initial-exec")));
/* This thread is at its end, or just getting a cache. */
static __thread bool gone __attribute__((tls_model("initial-exec")));

/* What a slot says of a span. */
static uint64_t word_of(const struct span *s)
{
	return (uint64_t)s->pages << 32 | span_id(s);
}

static size_t bytes_of(uint64_t word)
{
	return (size_t)(word >> 32) << PAGE_SHIFT;
}

/* Take what was @seen in the slot, unless somebody was faster. */
static struct span *claim_slot(struct cache *c, _Atomic uint64_t *slot, uint64_t seen)
{
	if (!atomic_compare_exchange_strong(slot, &seen, 0))
		return NULL;
	atomic_fetch_sub_explicit(&c->bytes, bytes_of(seen), memory_order_relaxed);
	return span_by_id((uint32_t)seen);
}

/* Into the first slot of its class; what was there moves on, and the last one goes to the
 * arena. False: the cache is full. */
static bool put_span(struct cache *c, struct span *s)
{
	uint64_t word = word_of(s), old;
	_Atomic uint64_t *slots = c->slots[bins_class(s->pages) - FIRST_CLASS];

	if (atomic_load_explicit(&c->bytes, memory_order_relaxed) + bytes_of(word) > CACHE_BYTES_MAX)
		return false;
	atomic_fetch_add_explicit(&c->bytes, bytes_of(word), memory_order_relaxed);
	old = atomic_exchange(&slots[0], word);
	for (unsigned int i = 1; old && i < SLOTS; i++) {
		uint64_t none = 0;

		if (!atomic_load_explicit(&slots[i], memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&slots[i], &none, old))
			old = 0;
	}
	if (old) {
		atomic_fetch_sub_explicit(&c->bytes, bytes_of(old), memory_order_relaxed);
		arena_return(span_by_id((uint32_t)old));
	}
	return true;
}

/*
 * What others have freed goes to the arena's lists and not to a thread's slots: merged
 * with its neighbours, the same few hot pages serve requests of all sizes.
 * With the arena's lock held, so that no fork loses a span on its way.
 */
static void take_returned(unsigned int arena)
{
	struct inbox *in = &inboxes[arena];
	uint32_t id = atomic_exchange(&in->returned, 0);

	while (id) {
		struct span *s = span_by_id(id);

		id = s->next;
		s->next = 0;
		atomic_fetch_add_explicit(&in->received, span_bytes(s), memory_order_release);
		arena_free(s);
	}
}

static bool any_returned(unsigned int arena)
{
	return atomic_load_explicit(&inboxes[arena].returned, memory_order_relaxed);
}

static void take_all_returned(unsigned int arena)
{
	if (!any_returned(arena))
		return;
	arena_lock(arena);
	take_returned(arena);
	arena_unlock(arena);
}

static struct span *find_span(struct cache *c, uint32_t pages)
{
	unsigned int class = bins_class(pages) - FIRST_CLASS;
	uint32_t most = pages + pages / 4;

	for (unsigned int k = class; k <= class + 1 && k < CLASSES; k++)
		for (unsigned int i = 0; i < SLOTS; i++) {
			uint64_t seen = atomic_load_explicit(&c->slots[k][i], memory_order_relaxed);
			struct span *s;

			if (seen >> 32 >= pages && seen >> 32 <= most && (s = claim_slot(c, &c->slots[k][i], seen)))
				return s;
		}
	return NULL;
}

struct span *cache_alloc(struct cache *c, uint32_t pages)
{
	if (pages < PAGES_MIN || pages > SHARED_PAGES_MAX)
		return NULL;
	/* Nobody waits for that: the thread that has the lock may be about to do it. */
	if (any_returned(c->arena) && arena_trylock(c->arena)) {
		take_returned(c->arena);
		arena_unlock(c->arena);
	}
	return find_span(c, pages);
}

bool cache_free(struct cache *c, struct span *s)
{
	struct inbox *in = &inboxes[s->arena];
	uint32_t head;

	if (s->arena == ARENA_HUGE || s->pages < PAGES_MIN || s->pages > SHARED_PAGES_MAX)
		return false;
	if (s->arena == c->arena)
		return put_span(c, s);
	atomic_store_explicit(&c->sent, c->sent + span_bytes(s), memory_order_relaxed);
	head = atomic_load_explicit(&in->returned, memory_order_relaxed);
	do
		s->next = head;
	while (!atomic_compare_exchange_weak(&in->returned, &head, span_id(s)));
	return true;
}

/* What @c has had for @min_age_ms goes to its arena. Returns milliseconds until more is
 * due; -1: nothing is left. */
static long flush_old(struct cache *c, uint32_t min_age_ms)
{
	uint32_t now = clock_ms();
	long wait = -1;

	if (!atomic_load_explicit(&c->bytes, memory_order_relaxed))
		return -1;
	arena_lock(c->arena);
	for (unsigned int i = 0; i < CLASSES * SLOTS; i++) {
		_Atomic uint64_t *slot = &c->slots[i / SLOTS][i % SLOTS];
		uint64_t seen = atomic_load_explicit(slot, memory_order_relaxed);
		struct span *s;
		long left = 0;

		if (!seen)
			continue;
		if (min_age_ms)
			left = (long)min_age_ms - (int32_t)(now - atomic_load(&span_by_id((uint32_t)seen)->freed_ms));
		if (left > 0)
			wait = wait < 0 || left < wait ? left : wait;
		else if ((s = claim_slot(c, slot, seen)))
			arena_free(s);
	}
	arena_unlock(c->arena);
	return wait;
}

void cache_flush(struct cache *c)
{
	take_all_returned(c->arena);
	(void)flush_old(c, 0);
}

long cache_sweep(uint32_t min_age_ms)
{
	long wait = -1;

	for (struct cache *c = atomic_load(&caches); c; c = c->next) {
		long left = flush_old(c, min_age_ms);

		if (left >= 0 && (wait < 0 || left < wait))
			wait = left;
	}
	for (unsigned int i = 0; i < ARENAS_MAX; i++)
		take_all_returned(i);
	return wait;
}

static struct cache *new_cache(void)
{
	struct cache *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (c == MAP_FAILED)
		return NULL;
	atomic_store(&c->taken, true);
	c->arena = atomic_fetch_add(&next_arena, 1) % fixed->arenas;
	c->next = atomic_load(&caches);
	while (!atomic_compare_exchange_weak(&caches, &c->next, c))
		;
	return c;
}

/* The cache of a thread that has ended, or a new one. */
static struct cache *adopt_cache(void)
{
	for (struct cache *c = atomic_load(&caches); c; c = c->next) {
		bool no = false;

		if (!atomic_load_explicit(&c->taken, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&c->taken, &no, true))
			return c;
	}
	return new_cache();
}

struct cache *cache_mine(void)
{
	struct cache *c = mine;

	if (likely(c != NULL))
		return c;
	if (!usable || gone)
		return NULL;
	gone = true; /* pthread_setspecific() may allocate */
	c = adopt_cache();
	if (c && !pthread_setspecific(key, c)) {
		mine = c;
		gone = false;
	} else if (c) {
		atomic_store(&c->taken, false);
	}
	return mine;
}

unsigned int cache_arena(const struct cache *c)
{
	return c ? c->arena : 0;
}

void cache_served(struct cache *c, size_t bytes)
{
	atomic_store_explicit(&c->calls, c->calls + 1, memory_order_relaxed);
	atomic_store_explicit(&c->served, c->served + bytes, memory_order_relaxed);
}

void cache_totals(size_t *bytes, uint64_t *calls, uint64_t *served)
{
	size_t received = 0;

	*bytes = *calls = *served = 0;
	/* These come first, so that nothing counts as received and not yet as sent. */
	for (unsigned int i = 0; i < ARENAS_MAX; i++)
		received += atomic_load(&inboxes[i].received);
	for (struct cache *c = atomic_load(&caches); c; c = c->next) {
		*bytes += atomic_load(&c->bytes) + atomic_load(&c->sent);
		*calls += atomic_load(&c->calls);
		*served += atomic_load(&c->served);
	}
	*bytes -= received;
}

/* The thread ends. Other destructors of it that free after this have no cache. */
static void leave_cache(void *arg)
{
	struct cache *c = arg;

	gone = true;
	mine = NULL;
	(void)flush_old(c, 0);
	atomic_store(&c->taken, false);
}

bool cache_init(void)
{
	usable = !pthread_key_create(&key, leave_cache);
	return usable;
}

void cache_postfork_child(void)
{
	for (struct cache *c = atomic_load(&caches); c; c = c->next)
		atomic_store(&c->taken, c == mine);
}
