// SPDX-License-Identifier: MIT
/* Large blocks come from calloc and are freed, and eight of them live at the same time. One
 * cache line of each of their pages is used. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"least", 256 * KIB, 1, GIB, "bytes of the smallest block"},
				  {"spread", 4 * MIB, 1, GIB, "bytes by which blocks may be larger"},
				  {NULL, 0, 0, 0, NULL}};

static size_t run(void)
{
	enum { SLOTS = 8, STEPS = 200 };
	uint64_t x = MICRO_SEED;
	char *p[SLOTS] = {NULL};

	for (unsigned int i = 0; i < STEPS; i++) {
		size_t n = args[0].value + micro_random(&x) % args[1].value;

		free(p[i % SLOTS]);
		p[i % SLOTS] = micro_require(calloc(1, n));
		micro_touch(p[i % SLOTS], n, PAGE + 64);
	}
	for (unsigned int i = 0; i < SLOTS; i++)
		free(p[i]);
	return STEPS;
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"calloc of large blocks; an operation is a free and a calloc.", args, NULL, run, 2, 3});
}
