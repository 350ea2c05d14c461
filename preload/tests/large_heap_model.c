// SPDX-License-Identifier: MIT
/*
 * The model of the large heap's contents: what a program would see of it. Random calls get,
 * resize and free blocks, whose words say which block and which place they are of; each
 * failure of the backend must leave the heap whole: a request may fail, a block may not.
 */
#include "large_heap.h"

#include "backend/driver.h"
#include "heap/cache.h"
#include "heap/large.h"
#include "heap/purge.h"
#include "window/window.h"

#include <pthread.h>

/* Slots of each thread, and those through which blocks change hands. */
struct slot model_slots[THREADS + 1][SLOTS];
static pthread_mutex_t exchange = PTHREAD_MUTEX_INITIALIZER;
_Atomic unsigned long model_wrong, model_served, model_refused;
static _Atomic unsigned long stamps;

static size_t words_of(size_t size)
{
	return size / sizeof(uint64_t);
}

/* The first and last word of each page, so that a mix-up of any page shows. */
void model_stamp(struct slot *s, size_t from)
{
	uint64_t *w = (uint64_t *)s->p;

	for (size_t at = from & ~(PAGE_BYTES - 1); at + sizeof(*w) <= s->size; at += PAGE_BYTES)
		w[words_of(at)] = s->stamp + at;
	w[words_of(s->size) - 1] = ~s->stamp;
}

void model_check(const struct slot *s, size_t upto, bool end)
{
	const uint64_t *w = (const uint64_t *)s->p;
	bool good = !end || w[words_of(s->size) - 1] == ~s->stamp;

	for (size_t at = 0; good && at + PAGE_BYTES <= upto; at += PAGE_BYTES)
		good = w[words_of(at)] == s->stamp + at;
	if (!good)
		atomic_fetch_add(&model_wrong, 1);
}

bool model_is_zero(const char *p, size_t size)
{
	const uint64_t *w = (const uint64_t *)p;

	for (size_t at = 0; at + sizeof(*w) <= size; at += PAGE_BYTES / 2)
		if (w[words_of(at)])
			return false;
	return !w[words_of(size) - 1];
}

bool model_few_that_grow;

static struct slot *any_of(struct slot *of)
{
	return &of[chance_next() % (model_few_that_grow ? SLOTS / 16 : SLOTS)];
}

/* Whole words; mostly blocks' tails, sometimes what gets a mapping of its own. */
static size_t random_size(void)
{
	uint64_t r = chance_next();
	size_t size;

	if (model_few_that_grow)
		return (4 * MIB + r % (12 * MIB)) & ~(size_t)7;
	switch (r % 8) {
	case 0: size = 2 * MIB - 8192 + (r >> 8) % 16384; break;
	case 1: size = (r >> 8) % 8 ? 4 * MIB : 64 * MIB + (r >> 12) % (16 * MIB); break;
	case 2: size = (r >> 8) % (12 * MIB); break;
	default: size = 128 * KIB + (r >> 8) % (2 * MIB);
	}
	return (size < 64 ? 64 : size) & ~(size_t)7;
}

static size_t random_align(void)
{
	uint64_t r = chance_next();

	return r % 4 ? 1 : (size_t)1 << ((r >> 8) % 26);
}

static void get_block(struct slot *s)
{
	bool zero = chance_next() % 2;
	size_t align = random_align();

	s->size = random_size();
	s->p = large_alloc(s->size, align, zero);
	if (!s->p) {
		atomic_fetch_add(&model_refused, 1);
		return;
	}
	atomic_fetch_add(&model_served, 1);
	if ((uintptr_t)s->p % align || (zero && !model_is_zero(s->p, s->size)) || !window_has(s->p) ||
	    large_usable(s->p) < s->size)
		atomic_fetch_add(&model_wrong, 1);
	s->stamp = atomic_fetch_add(&stamps, 1) << 32;
	model_stamp(s, 0);
}

static void free_block(struct slot *s)
{
	model_check(s, s->size, true);
	large_free(s->p);
	s->p = NULL;
}

static void resize_block(struct slot *s)
{
	size_t old = s->size, size = old + (old >> 2 & ~(size_t)7) + 4096;
	char *p;

	if (model_few_that_grow && old > 24 * MIB)
		size = old / 4 & ~(size_t)7;
	else if (!model_few_that_grow && chance_next() % 3)
		size = random_size();

	model_check(s, old, true);
	p = large_realloc(s->p, size);
	if (!p) /* realloc() would copy */
		return;
	s->p = p;
	s->size = size;
	model_check(s, old < size ? old : size, false);
	model_stamp(s, old < size ? old : 0);
}

static void exchange_block(struct slot *s)
{
	struct slot *other, mine = *s;

	pthread_mutex_lock(&exchange);
	other = any_of(model_slots[THREADS]);
	*s = *other;
	*other = mine;
	pthread_mutex_unlock(&exchange);
}

void model_step(struct slot *mine)
{
	struct slot *s = any_of(mine);
	unsigned int what = chance_next() % 32;

	if (what == 0)
		atomic_fetch_add(&fake_clock_ms, (uint32_t)(chance_next() % 300));
	else if (what == 1)
		purge_arena(chance_next() % (ARENAS_MAX + 1), 1000);
	else if (what == 2 && !(chance_next() % 8))
		large_trim();
	else if (what < 6)
		exchange_block(s);
	else if (!s->p)
		get_block(s);
	else if (what < (model_few_that_grow ? 24 : 14))
		resize_block(s);
	else
		free_block(s);
}

void model_free_all(void)
{
	for (unsigned int i = 0; i <= THREADS; i++)
		for (unsigned int j = 0; j < SLOTS; j++)
			if (model_slots[i][j].p)
				free_block(&model_slots[i][j]);
}

size_t model_live(void)
{
	struct arena_totals t = {0};

	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		arena_totals(i, &t);
	return t.live;
}

size_t model_dirty(void)
{
	struct arena_totals t = {0};

	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		arena_totals(i, &t);
	return t.dirty;
}

bool model_start(void)
{
	struct state *state = state_open();

	state->backend = &backend_driver;
	state->choice = BACKEND_DRIVER;
	state->config.decay_ms = -1; /* the test purges by itself */
	state->config.promote = -1;
	state->arenas = 3;
	state->memory_bytes = SIZE_MAX;
	return window_init(state, WINDOW) && cache_init();
}
