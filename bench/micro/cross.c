// SPDX-License-Identifier: MIT
/* One thread allocates and another one frees. Between them is a ring of 64 blocks, each on
 * cache lines of its own, so that the threads wait for the allocator and not for the ring. */
#include "micro.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define RING 64

static struct micro_arg args[] = {{"least", 128 * KIB, 1, GIB, "bytes of the smallest block"},
				  {"most", 4 * MIB, 1, GIB, "bytes of the largest block"},
				  {"steps", 5000, 1, 1ul << 40, "blocks a round"},
				  {"stride", PAGE + 64, 1, 1ul << 40, "bytes from one touch to the next"},
				  {NULL, 0, 0, 0, NULL}};
static struct {
	char *_Atomic p;
} __attribute__((aligned(128))) ring[RING]; /* two lines, as processors fetch lines in pairs */

/* Usually the other thread runs on another processor; if it takes long, it may need this one. */
static void wait_a_bit(unsigned int spins)
{
	if (spins < 10000)
		__builtin_ia32_pause();
	else
		sched_yield();
}

static void *consumer(void *unused)
{
	(void)unused;
	for (size_t i = 0; i < args[2].value; i++) {
		char *p;

		for (unsigned int spins = 0; !(p = atomic_load(&ring[i % RING].p)); spins++)
			wait_a_bit(spins);
		atomic_store(&ring[i % RING].p, NULL);
		free(p);
	}
	return NULL;
}

static size_t run(void)
{
	size_t spread = args[1].value > args[0].value ? args[1].value - args[0].value : 0;
	uint64_t x = MICRO_SEED;
	pthread_t t;

	if (pthread_create(&t, NULL, consumer, NULL))
		micro_die("pthread_create");
	for (size_t i = 0; i < args[2].value; i++) {
		size_t n = args[0].value + micro_random(&x) % (spread + 1);
		char *p = micro_require(malloc(n));

		micro_touch(p, n, args[3].value);
		for (unsigned int spins = 0; atomic_load(&ring[i % RING].p); spins++)
			wait_a_bit(spins);
		atomic_store(&ring[i % RING].p, p);
	}
	pthread_join(t, NULL);
	return args[2].value;
}

int main(int argc, char **argv)
{
	return micro_main(argc, argv,
			  &(struct micro){"One thread allocates and another one frees; an operation is a block.", args,
					  NULL, run, 2, 3});
}
