// SPDX-License-Identifier: MIT
/* The triad of STREAM (McCalpin, 1995) reads and writes in sequence. There 4 KiB pages cost
 * least. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"size", 128 * MIB, MIB, 64 * GIB, "bytes of each of the three arrays"},
				  {NULL, 0, 0, 0, NULL}};
static double *a, *b, *c;
static size_t n;

static void setup(void)
{
	n = args[0].value / sizeof(*a);
	a = micro_require(malloc(n * sizeof(*a)));
	b = micro_require(malloc(n * sizeof(*b)));
	c = micro_require(malloc(n * sizeof(*c)));
	for (size_t i = 0; i < n; i++) {
		a[i] = 0;
		b[i] = 1;
		c[i] = 2;
	}
}

static size_t run(void)
{
	for (size_t i = 0; i < n; i++)
		a[i] = b[i] + 3 * c[i];
	if (a[n / 2] != 7)
		abort();
	return n;
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"STREAM's triad; an operation is an element of 8 bytes.", args, setup, run, 1, 5});
}
