// SPDX-License-Identifier: MIT
/* Blocks that live for a while: in each step one of several blocks is freed, and a new one
 * of a random size is allocated. */
#include "micro.h"

#include <pthread.h>
#include <stdlib.h>

enum { LEAST, MOST, SLOTS, STEPS, STRIDE, THREADS, SMALL };

static struct micro_arg args[] = {
    {"least", 128 * KIB, 1, GIB, "bytes of the smallest block"},
    {"most", 4 * MIB, 1, GIB, "bytes of the largest block"},
    {"slots", 32, 1, 1 << 24, "blocks that live at the same time"},
    {"steps", 2000, 1, 1ul << 40, "steps a round"},
    {"stride", PAGE + 64, 1, 1ul << 40, "bytes from one touch to the next"},
    {"threads", 1, 1, 64, "threads, each with blocks of its own"},
    {"small", 0, 0, 1000, "one of so many blocks has the size above, the others 16 to 1000 bytes; 0: all have it"},
    {NULL, 0, 0, 0, NULL}};

static size_t random_size(uint64_t r)
{
	if (args[SMALL].value && r % args[SMALL].value)
		return 16 + (r >> 10) % 985;
	return args[LEAST].value + (r >> 10) % (args[MOST].value - args[LEAST].value + 1);
}

static void *churn(void *unused)
{
	uint64_t x = MICRO_SEED;
	char **p = micro_require(calloc(args[SLOTS].value, sizeof(*p)));

	(void)unused;
	for (size_t i = 0; i < args[STEPS].value; i++) {
		size_t slot = micro_random(&x) % args[SLOTS].value, n = random_size(micro_random(&x));

		free(p[slot]);
		p[slot] = micro_require(malloc(n));
		micro_touch(p[slot], n, args[STRIDE].value);
	}
	for (size_t i = 0; i < args[SLOTS].value; i++)
		free(p[i]);
	free(p);
	return NULL;
}

static void setup(void)
{
	if (args[MOST].value < args[LEAST].value)
		args[MOST].value = args[LEAST].value;
}

static size_t run(void)
{
	pthread_t t[64];

	for (size_t i = 1; i < args[THREADS].value; i++)
		if (pthread_create(&t[i], NULL, churn, NULL))
			micro_die("pthread_create");
	churn(NULL);
	for (size_t i = 1; i < args[THREADS].value; i++)
		pthread_join(t[i], NULL);
	return args[STEPS].value;
}

int main(int argc, char **argv)
{
	return micro_main(argc, argv,
			  &(struct micro){"Blocks of random sizes come and go; an operation is a free and a malloc.",
					  args, setup, run, 2, 3});
}
