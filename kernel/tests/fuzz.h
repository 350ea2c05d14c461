/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of fuzz share: slices, one for each thread, and the table of
 * operations.
 *
 *   fuzz.c		the program: its options, its phases, what it prints
 *   fuzz_life.c	a thread's life: one random operation after another; fork
 *   fuzz_slice.c	random ranges, comparison with the model, the record of calls
 *   fuzz_model.c	the model: what each byte must be
 *   fuzz_fail.c	allocations that fail
 *   fuzz_kin.c		the processes that forks made, and what one may see of another
 *   fuzz_statue.c	a child that keeps still, and is looked at and written from outside
 *   fuzz_bytes.c	operations: reads and writes, the process's and the kernel's
 *   fuzz_maps.c	operations: mappings come, go, move and change
 *   fuzz_advice.c	operations: madvise() and mlock()
 *   fuzz_ways.c	operations: the right to write is taken and given back (ways.h)
 *   fuzz_nodes.c	operations: memory moves between two nodes
 *   fuzz_poison.c	operations: a page has a memory error
 *   fuzz_strange.c	operations: bytes that other tasks write, and pages in pipes
 *   fuzz_outside.c	operations: ioctls, files in /proc, settings of the system
 *
 * A new kind of operation is one function and one row of the table in its file.
 */
#ifndef DPH_FUZZ_H
#define DPH_FUZZ_H

#include <stdatomic.h>

#include "fuzz_fail.h"
#include "fuzz_kin.h"
#include "fuzz_model.h"

#define OPS_MAX 128		/* kinds of operations */
#define CALLS_KEPT 24u		/* calls that are shown when something is wrong */
#define CHILDREN 2u		/* alive at a time, of each thread */
#define DEPTH 2u		/* a grandchild of the first process has no children */

/*
 * One thread's part of the window, and the thread's state.
 * @nr: which part it is
 * @depth: how many forks lie between the first process and this one
 * @calls: how many calls are recorded; the last ones are in @call
 */
struct slice {
	unsigned int nr;
	uint64_t seed;
	unsigned int depth;
	unsigned int children;
	pid_t child[CHILDREN];
	unsigned int child_id[CHILDREN];
	unsigned long calls;
	char call[CALLS_KEPT][96];
};

/*
 * A kind of operation.
 * @name: as the program prints it
 * @weight: how often it is picked, in proportion to the other weights
 * @run: does it once, somewhere in the slice. Return whether something was done
 *	and the kernel did not refuse it. What must not happen ends the test.
 * @prepare: runs once, before the first thread starts; or NULL
 * @of_process: @run is given the calling thread's own slice, even where the
 *	process may use them all
 * @lacks: it is left out of a guest that is said to lack this; or NULL
 * @run_with, @arg: if @run is NULL, it is this with @arg
 */
struct op {
	const char *name;
	unsigned int weight;
	bool (*run)(struct slice *s);
	void (*prepare)(void);
	bool of_process;
	const char *lacks;
	bool (*run_with)(struct slice *s, int arg);
	int arg;
};

/* The tables of operations, each ended by an entry without a name. */
extern const struct op byte_ops[], map_ops[], advice_ops[], outside_ops[], kin_ops[], strange_ops[], node_ops[];
extern const struct op poison_ops[];
extern struct op way_ops[];

/* Memory that all processes share. */
struct shared {
	double begin_ms; /* now_ms() when the first thread started */
	atomic_bool stop, failed;
	atomic_uint threads; /* of the first process, that have not ended */
	atomic_uint poisoned; /* pages that were given a memory error */
	atomic_ulong calls, forks, checked, lost, again, values, balanced;
	atomic_ulong tried[OPS_MAX], succeeded[OPS_MAX]; /* by kind of operation */
};

extern struct shared *shared;
extern struct slice slices[SLICES];
extern _Thread_local struct slice *current; /* the slice that this thread is at work in */
extern _Thread_local bool error_expected; /* this thread feigns a memory error, and may be told at once */

/* Whether this guest is said, on the command line, to lack @feature. */
bool fuzz_lacks(const char *feature);

/* Whether this kind of operation is to be made. */
bool fuzz_wants(const char *operation);

/* --- fuzz_slice.c ------------------------------------------------------------- */

uint32_t random_bits(struct slice *s);

/* A random number below @n. */
static inline uint32_t below(struct slice *s, uint32_t n)
{
	return random_bits(s) % n;
}

/* True once in @n times. */
static inline bool once_in(struct slice *s, uint32_t n)
{
	return !below(s, n);
}

/* Page @v of the window. */
static inline char *page_at(unsigned int v)
{
	return window + v * PAGE;
}

/* The first word of page @v, which is touched. */
static inline uint64_t first_word(unsigned int v)
{
	return *(volatile uint64_t *)page_at(v);
}

/* A line for the record of calls. */
__attribute__((format(printf, 2, 3))) void record_call(struct slice *s, const char *fmt, ...);

/* Something is wrong: print it with the last calls, and end this process and the test. */
__attribute__((format(printf, 2, 3), noreturn)) void fail_test(struct slice *s, const char *fmt, ...);

/* Page @v must hold what the model says, in each word. @when: what has just happened. */
void check_page(struct slice *s, unsigned int v, const char *when);

/* Check all pages of the window that can be read and have been written. */
void check_window(struct slice *s, bool all_slices, const char *when);

/* Fill page @v with a new value. */
void write_page(struct slice *s, unsigned int v);

/* Write some or all of the @n pages from @v on, and look whether relatives see it (kin_peek()). */
void write_some(struct slice *s, unsigned int v, unsigned int n);

/* A value that no other page has had. It says who wrote it (fuzz_kin.h). */
uint64_t new_value(struct slice *s);

void fill_page(void *page, uint64_t value);

/* @n pages of the slice, mostly few, now and then whole blocks. Return the first. */
unsigned int random_range(struct slice *s, unsigned int *n);

/*
 * The same, within one stretch of one region that has at least the protection
 * @prot. Return false if none was found.
 */
bool random_stretch(struct slice *s, unsigned int *v, unsigned int *n, int prot);

/* The same for a page at least that can be read and written and that a fork hands on. */
bool random_forked(struct slice *s, unsigned int *v, unsigned int *n);

/* --- fuzz_maps.c -------------------------------------------------------------- */

/*
 * A new mapping of one or two blocks, that are 2 MiB pages or reservations, and written:
 * the range is all of it or a part. Return false if the slice has regions enough.
 */
bool map_blocks(struct slice *s, unsigned int *v, unsigned int *n);

/* --- fuzz_ways.c -------------------------------------------------------------- */

/* Fill way_ops from the table of ways. */
void ways_init(void);

/* --- fuzz_life.c -------------------------------------------------------------- */

/* All other threads of this process rest until the operation that calls this has ended. */
void others_rest(void);

/* Read the tables of operations and prepare each kind. */
void life_init(void);

/* What the first process's threads do until the test stops. @arg: a slice. */
void *life_of_thread(void *arg);

/*
 * Print how often each kind of operation was tried and how often it succeeded.
 * Return how many never did, although they had the chance.
 */
unsigned int life_print(void);

#endif /* DPH_FUZZ_H */
