// SPDX-License-Identifier: MIT
/*
 * A chain of dependent loads in random order, one cache line of each 4 KiB page, over
 * a range of sizes: the curve rises where a level of the TLB, or of the caches, ends.
 * The line differs from page to page, so that a size of N pages takes N lines of cache.
 */
#include "micro.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE 64

static struct micro_arg args[] = {{"from", 64 * KIB, 8 * KIB, GIB, "smallest size; each is twice the one before"},
				  {"to", GIB, 8 * KIB, 64 * GIB, "largest size"},
				  {"steps", 1000000, 1, 1ul << 40, "loads for each size"},
				  {NULL, 0, 0, 0, NULL}};

static void **at(char *block, size_t page)
{
	return (void **)(block + page * PAGE + page * 7 % (PAGE / LINE) * LINE);
}

/* One cycle through all pages: Sattolo, 1986. */
static double chase(size_t pages)
{
	char *block = micro_got(malloc(pages * PAGE));
	uint32_t *order = micro_got(malloc(pages * sizeof(*order)));
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
		*at(block, order[i]) = at(block, order[(i + 1) % pages]);
	free(order);
	p = at(block, 0);
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
	    &(struct micro){"Dependent loads in random order, over a range of sizes.", args, NULL, run, 0, 1});
}
