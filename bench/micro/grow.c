// SPDX-License-Identifier: MIT
/* Vectors grow in turns, by a fifth each time, with realloc; what is new is filled. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"to", 200 * MIB, KIB, 64 * GIB, "bytes at which they end"},
				  {"vectors", 1, 1, 64, "vectors that grow in turns"},
				  {NULL, 0, 0, 0, NULL}};

static size_t run(void)
{
	char *p[64] = {NULL};
	size_t ops = 0;

	for (size_t n = 100 * KIB, old = 0; n < args[0].value; old = n, n += n / 5)
		for (size_t i = 0; i < args[1].value; i++, ops++) {
			p[i] = micro_require(realloc(p[i], n));
			micro_touch(p[i] + old, n - old, PAGE + 64);
		}
	for (size_t i = 0; i < args[1].value; i++)
		free(p[i]);
	return ops;
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"Vectors grow with realloc; an operation is a call of it.", args, NULL, run, 2, 3});
}
