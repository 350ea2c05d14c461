// SPDX-License-Identifier: MIT
/*
 * Each thread keeps some of the spans that it freed, by size, to use them again
 * while they are hot, without a lock or a system call.
 *
 * A slot holds a span's number and length in one word. Its thread puts spans in
 * and takes them out; the helper thread and malloc_trim() only take out. All by
 * atomic operations, so nobody waits. What a thread frees of another arena goes
 * on that arena's stack; its threads take the whole stack when they allocate
 * (as in mimalloc: Leijen, Zorn, de Moura, 2019).
 *
 * Caches are never unmapped: a thread that ends leaves its own to the next.
 */
#include "internal.h"

#include <sys/mman.h>

#define PAGES_MIN 16   /* the smallest large request */
#define FIRST_CLASS 12 /* theirs */
#define CLASSES 41     /* up to SHARED_PAGES_MAX */
#define SLOTS 8        /* of a class: one cache line */
#define CACHE_BYTES_MAX (128 * MIB)

struct cache {
	_Atomic uint64_t slots[CLASSES][SLOTS]; /* pages << 32 | number; [0] is the newest */
	_Atomic size_t bytes;
	_Atomic uint64_t calls, served; /* written by its thread alone */
	_Atomic size_t sent;            /* so are the bytes that went to other arenas */
	unsigned int arena;
	atomic_bool taken; /* by a thread that lives */
	struct cache *next;
} __attribute__((aligned(64)));

static struct cache *_Atomic caches;
static _Atomic unsigned int next_arena;
static pthread_key_t key;
static bool usable;

static __thread struct cache *mine __attribute__((tls_model("initial-exec")));
static __thread bool gone __attribute__((tls_model("initial-exec")));

static uint64_t word_of(const struct span *s)
{
	return (uint64_t)s->pages << 32 | span_id(s);
}

static size_t bytes_of(uint64_t word)
{
	return (size_t)(word >> 32) << PAGE_SHIFT;
}

/* Take what was @seen in the slot, unless somebody was faster. */
static struct span *claim(struct cache *c, _Atomic uint64_t *slot, uint64_t seen)
{
	if (!atomic_compare_exchange_strong(slot, &seen, 0))
		return NULL;
	atomic_fetch_sub_explicit(&c->bytes, bytes_of(seen), memory_order_relaxed);
	return span_by_id((uint32_t)seen);
}

static void to_arena(struct span *s)
{
	struct arena *a = &arenas[s->arena];

	pthread_mutex_lock(&a->lock);
	arena_free(a, s);
	pthread_mutex_unlock(&a->lock);
}

static bool put(struct cache *c, struct span *s)
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
		to_arena(span_by_id((uint32_t)old));
	}
	return true;
}

/*
 * What others have freed goes to the arena's lists and not to a thread's slots: put
 * together with its neighbours, the same few hot pages serve requests of all sizes.
 * With the arena's lock held, so that no fork loses a span on its way.
 */
static void take_returned(struct arena *a)
{
	uint32_t id = atomic_exchange(&a->returned, 0);

	while (id) {
		struct span *s = span_by_id(id);

		id = s->next;
		s->next = 0;
		atomic_fetch_add_explicit(&a->received, span_bytes(s), memory_order_release);
		arena_free(a, s);
	}
}

static bool any_returned(struct arena *a)
{
	return atomic_load_explicit(&a->returned, memory_order_relaxed);
}

static void take_all_returned(struct arena *a)
{
	if (!any_returned(a))
		return;
	pthread_mutex_lock(&a->lock);
	take_returned(a);
	pthread_mutex_unlock(&a->lock);
}

static struct span *find(struct cache *c, uint32_t pages)
{
	unsigned int class = bins_class(pages) - FIRST_CLASS;
	uint32_t most = pages + pages / 4;

	for (unsigned int k = class; k <= class + 1 && k < CLASSES; k++)
		for (unsigned int i = 0; i < SLOTS; i++) {
			uint64_t seen = atomic_load_explicit(&c->slots[k][i], memory_order_relaxed);
			struct span *s;

			if (seen >> 32 >= pages && seen >> 32 <= most && (s = claim(c, &c->slots[k][i], seen)))
				return s;
		}
	return NULL;
}

/* A cached span of @pages or a little more; its bytes are old. NULL: none. */
struct span *cache_alloc(struct cache *c, uint32_t pages)
{
	struct arena *a = &arenas[c->arena];

	if (pages < PAGES_MIN || pages > SHARED_PAGES_MAX)
		return NULL;
	/* Nobody waits for that: who has the lock may be about to do it. */
	if (any_returned(a) && !pthread_mutex_trylock(&a->lock)) {
		take_returned(a);
		pthread_mutex_unlock(&a->lock);
	}
	return find(c, pages);
}

/* Keep a span in state SPAN_CACHED, or send it home. False: no room for it here. */
bool cache_free(struct cache *c, struct span *s)
{
	struct arena *a = &arenas[s->arena];
	uint32_t head;

	if (s->arena == ARENA_HUGE || s->pages < PAGES_MIN || s->pages > SHARED_PAGES_MAX)
		return false;
	if (s->arena == c->arena)
		return put(c, s);
	atomic_store_explicit(&c->sent, c->sent + (span_bytes(s)), memory_order_relaxed);
	head = atomic_load_explicit(&a->returned, memory_order_relaxed);
	do
		s->next = head;
	while (!atomic_compare_exchange_weak(&a->returned, &head, span_id(s)));
	return true;
}

/* Of @c, what has been free for @min_age_ms goes to its arena. Returns how long
 * until more does, in milliseconds; -1: nothing is left. */
static long flush(struct cache *c, uint32_t min_age_ms)
{
	struct arena *a = &arenas[c->arena];
	uint32_t now = clock_ms();
	long wait = -1;

	if (!atomic_load_explicit(&c->bytes, memory_order_relaxed))
		return -1;
	pthread_mutex_lock(&a->lock);
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
		else if ((s = claim(c, slot, seen)))
			arena_free(a, s);
	}
	pthread_mutex_unlock(&a->lock);
	return wait;
}

/* All to the arena, where it can be put together to larger spans. */
void cache_flush(struct cache *c)
{
	take_all_returned(&arenas[c->arena]);
	(void)flush(c, 0);
}

/* The same for all caches, with purge_lock held, so that no fork loses a span
 * that is between here and there. */
long caches_sweep(uint32_t min_age_ms)
{
	long wait = -1;

	for (struct cache *c = atomic_load(&caches); c; c = c->next) {
		long left = flush(c, min_age_ms);

		if (left >= 0 && (wait < 0 || left < wait))
			wait = left;
	}
	for (unsigned int i = 0; i < ARENAS_MAX; i++)
		take_all_returned(&arenas[i]);
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

static struct cache *adopt(void)
{
	for (struct cache *c = atomic_load(&caches); c; c = c->next) {
		bool no = false;

		if (!atomic_load_explicit(&c->taken, memory_order_relaxed) &&
		    atomic_compare_exchange_strong(&c->taken, &no, true))
			return c;
	}
	return new_cache();
}

/* This thread's, or NULL: it has none, or is at its end. */
struct cache *cache_mine(void)
{
	struct cache *c = mine;

	if (likely(c != NULL))
		return c;
	if (!usable || gone)
		return NULL;
	gone = true; /* pthread_setspecific() may allocate */
	c = adopt();
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

/* Bytes that are cached or on their way home, and what the caches have served. */
void caches_totals(size_t *bytes, uint64_t *calls, uint64_t *served)
{
	size_t received = 0;

	*bytes = *calls = *served = 0;
	/* First: nothing is received that hasn't been sent. */
	for (unsigned int i = 0; i < ARENAS_MAX; i++)
		received += atomic_load(&arenas[i].received);
	for (struct cache *c = atomic_load(&caches); c; c = c->next) {
		*bytes += atomic_load(&c->bytes) + atomic_load(&c->sent);
		*calls += atomic_load(&c->calls);
		*served += atomic_load(&c->served);
	}
	*bytes -= received;
}

/* The thread ends. Destructors of others that free after this have no cache. */
static void leave(void *arg)
{
	struct cache *c = arg;

	gone = true;
	mine = NULL;
	(void)flush(c, 0);
	atomic_store(&c->taken, false);
}

bool caches_init(void)
{
	usable = !pthread_key_create(&key, leave);
	return usable;
}

/* The other threads aren't in the child; what their caches hold is. */
void caches_fork_child(void)
{
	for (struct cache *c = atomic_load(&caches); c; c = c->next)
		atomic_store(&c->taken, c == mine);
}
