// SPDX-License-Identifier: MIT
/* A hash join: a hash table with open addressing is built from one relation, and the keys
 * of another relation are looked up in it. Half of them are found. */
#include "micro.h"

#include <stdlib.h>
#include <string.h>

static struct micro_arg args[] = {
    {"build", 8 * MIB, 1024, 1ul << 32, "rows of the table, of 16 bytes; it has twice as many places"},
    {"probe", 8 * MIB, 1, 1ul << 40, "keys looked up a round"},
    {NULL, 0, 0, 0, NULL}};

struct row {
	uint64_t key, value;
};

static struct row *table;
static uint64_t mask;

/* Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4. */
static uint64_t hash(uint64_t key)
{
	return (key * 0x9e3779b97f4a7c15ull) >> 16;
}

static void setup(void)
{
	size_t places = 1;

	while (places < 2 * args[0].value)
		places *= 2;
	mask = places - 1;
	table = micro_require(malloc(places * sizeof(*table)));
	memset(table, 0, places * sizeof(*table));
	for (uint64_t key = 1; key <= args[0].value; key++) {
		uint64_t i = hash(key) & mask;

		while (table[i].key)
			i = (i + 1) & mask;
		table[i] = (struct row){key, key * 3};
	}
}

static size_t run(void)
{
	uint64_t x = MICRO_SEED, sum = 0;

	for (size_t n = 0; n < args[1].value; n++) {
		uint64_t key = 1 + micro_random(&x) % (2 * args[0].value);

		for (uint64_t i = hash(key) & mask; table[i].key; i = (i + 1) & mask)
			if (table[i].key == key) {
				sum += table[i].value;
				break;
			}
	}
	if (!sum)
		abort();
	return args[1].value;
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"Look-ups in a large hash table; an operation is a look-up.", args, setup, run, 0, 1});
}
