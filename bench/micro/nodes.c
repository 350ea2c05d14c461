// SPDX-License-Identifier: MIT
/* Millions of small objects are visited in random order, as in the index of a database. The
 * TLB covers them only if small objects, too, lie in 2 MiB pages. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"nodes", 2000000, 1, 1ul << 32, "objects of 32 to 191 bytes"},
				  {"visits", 4000000, 1, 1ul << 40, "visits a round"},
				  {NULL, 0, 0, 0, NULL}};

static size_t run(void)
{
	uint64_t x = MICRO_SEED, sum = 0;
	uint64_t **node = micro_require(malloc(args[0].value * sizeof(*node)));
	double start;

	for (size_t i = 0; i < args[0].value; i++) {
		node[i] = micro_require(malloc(32 + micro_random(&x) % 160));
		*node[i] = i;
	}
	start = micro_now();
	for (size_t i = 0; i < args[1].value; i++)
		sum += *node[micro_random(&x) % args[0].value];
	micro_report((micro_now() - start) / (double)args[1].value);
	for (size_t i = 0; i < args[0].value; i++)
		free(node[i]);
	free(node);
	return args[1].value + (sum == 1);
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"Small objects visited in random order; an operation is a visit.", args, NULL, run, 1, 1});
}
