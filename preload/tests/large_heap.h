/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the large heap's test share: large_heap.c drives it with phases of
 * random calls, large_heap_fuzz.c with libFuzzer's input.
 */
#ifndef DPHUGE_LARGE_HEAP_H
#define DPHUGE_LARGE_HEAP_H

#include "base/units.h"

#define WINDOW (64 * GIB) /* addresses that a failing backend loses are lost */
#define SLOTS 160
#define THREADS 4

/* --- large_heap_chance.c --- */

/** chance_next() - a random number, or what the fuzzer's input says */
uint64_t chance_next(void);
/** chance_seed() - begin anew in this thread */
void chance_seed(uint64_t seed);
/** chance_input() - take so many bytes of @input in place of chance, until they are used up */
void chance_input(const uint8_t *input, size_t size);
/** chance_input_left() - how many bytes of it are left */
size_t chance_input_left(void);

/* --- large_heap_backend.c --- */

extern _Atomic uint32_t fake_clock_ms;        /* the heap's clock */
extern _Atomic unsigned int fake_fail_one_in; /* of the calls; 0: none fails */
/* What the heap has asked for, and how often that failed. */
extern _Atomic unsigned long fake_failures, fake_maps, fake_purges, fake_extends, fake_moves, fake_replaces;

/* --- large_heap_model.c --- */

/**
 * struct slot - a block of the program's
 * @p: where it is, or NULL
 * @size: its length
 * @stamp: what its words are made of
 */
struct slot {
	char *p;
	size_t size;
	uint64_t stamp;
};

extern struct slot model_slots[THREADS + 1][SLOTS];
/* Blocks or calls with wrong contents; calls that were served, and that were refused. */
extern _Atomic unsigned long model_wrong, model_served, model_refused;
extern bool model_few_that_grow; /* few blocks, most calls make one longer */

/** model_start() - a heap over the test's backend; false: it can't be had */
bool model_start(void);
/** model_step() - one random call for one of @mine, a thread's slots */
void model_step(struct slot *mine);
/** model_free_all() - free all blocks, with a check of their contents */
void model_free_all(void);
/** model_stamp() - write the block's words from @from on */
void model_stamp(struct slot *s, size_t from);
/** model_check() - are the words right up to @upto, and, if @end, the last one? */
void model_check(const struct slot *s, size_t upto, bool end);
/** model_is_zero() - are the words zero that a mix-up of pages would show in? */
bool model_is_zero(const char *p, size_t size);
/** model_live() - bytes in use, by the heap's counters */
size_t model_live(void);
/** model_dirty() - bytes freed and not given back, by the heap's counters */
size_t model_dirty(void);

#endif /* DPHUGE_LARGE_HEAP_H */
