// SPDX-License-Identifier: MIT
/*
 * A chain of dependent loads in random order, which touches one cache line of each 4 KiB
 * page, for a range of sizes. The curve rises at the sizes that a level of the TLB or of
 * the caches does not cover. The lines are at different places in their pages, so that a
 * size of N pages takes N lines of the cache.
 */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE 64

static struct micro_arg args[] = {
    {"from", 64 * KIB, 8 * KIB, GIB, "the smallest size; each size is twice the one before"},
    {"to", GIB, 8 * KIB, 64 * GIB, "the largest size"},
    {"steps", 1000000, 1, 1ul << 40, "loads for each size"},
    {NULL, 0, 0, 0, NULL}};

/* Where the chain touches this page. */
static void **link_in(char *block, size_t page)
{
	return (void **)(block + page * PAGE + page * 7 % (PAGE / LINE) * LINE);
}

/* Time the loads in memory of so many pages. The chain is one cycle through all of them
 * (Sattolo, 1986). */
static double chase(size_t pages)
{
	char *block = micro_require(malloc(pages * PAGE));
	uint32_t *order = micro_require(malloc(pages * sizeof(*order)));
	uint64_t x = MICRO_SEED;
	void **p;
	double ns;

	for (size_t i = 0; i < pages; i++)
		order[i] = i;
	for (size_t i = pages - 1; i > 0; i--) {
		size_t j = micro_random(&x) % i;
		uint32_t t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (size_t i = 0; i < pages; i++)
		*link_in(block, order[i]) = link_in(block, order[(i + 1) % pages]);
	free(order);
	p = link_in(block, 0);
	for (size_t i = 0; i < pages; i++)
		p = *p;
	ns = micro_now();
	for (size_t i = 0; i < args[2].value; i++)
		p = *p;
	ns = (micro_now() - ns) / (double)args[2].value;
	if (!p)
		abort();
	free(block);
	return ns;
}

static size_t run(void)
{
	for (size_t size = args[0].value; size <= args[1].value; size *= 2) {
		double ns = chase(size / PAGE);

		if (size * 2 <= args[1].value)
			printf("%zu %.3f\n", size, ns);
		else
			printf("%zu ", size);
		micro_report(ns);
	}
	return 1;
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"Dependent loads in random order, for a range of sizes; an operation is a load.", args,
			    NULL, run, 0, 1});
}
