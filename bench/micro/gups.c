// SPDX-License-Identifier: MIT
/* Random updates of a table, as in GUPS (RandomAccess of the HPC Challenge): each of them
 * misses in the TLB unless the TLB covers the table. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"size", GIB, MIB, 64 * GIB, "bytes of the table, rounded down to a power of 2"},
				  {"updates", 20000000, 1, 1ul << 40, "updates a round"},
				  {NULL, 0, 0, 0, NULL}};
static uint64_t *table, mask;

static void setup(void)
{
	size_t n = args[0].value / sizeof(*table);

	while (n & (n - 1))
		n &= n - 1;
	mask = n - 1;
	table = micro_require(malloc(n * sizeof(*table)));
	for (size_t i = 0; i < n; i++)
		table[i] = i;
}

static size_t run(void)
{
	uint64_t x = MICRO_SEED;

	for (size_t i = 0; i < args[1].value; i++) {
		uint64_t r = micro_random(&x);

		table[(r >> 20) & mask] ^= r;
	}
	return args[1].value;
}

int main(int argc, char **argv)
{
	return micro_main(argc, argv, &(struct micro){"Random updates of 8 bytes in a table.", args, setup, run, 0, 2});
}
