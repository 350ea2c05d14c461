// SPDX-License-Identifier: MIT
/* Arrays whose size is a power of two are walked side by side, as solvers do. If they all
 * begin at the same offset in a page, they compete for the same lines of the cache. */
#include "micro.h"

#include <stdlib.h>
#include <string.h>

static struct micro_arg args[] = {
    {"size", 2 * MIB, PAGE, GIB, "bytes of an array"}, {"arrays", 32, 1, 256, "arrays"}, {NULL, 0, 0, 0, NULL}};

static size_t run(void)
{
	size_t length = args[0].value / sizeof(uint64_t);
	uint64_t *a[256], sum = 0;

	for (size_t i = 0; i < args[1].value; i++) {
		a[i] = micro_require(malloc(args[0].value));
		memset(a[i], 0, args[0].value);
	}
	for (size_t j = 0; j < length; j++)
		for (size_t i = 0; i < args[1].value; i++)
			sum += a[i][j]++;
	for (size_t i = 0; i < args[1].value; i++)
		free(a[i]);
	if (sum)
		abort();
	return length;
}

int main(int argc, char **argv)
{
	return micro_main(argc, argv,
			  &(struct micro){"Many arrays are walked side by side; an operation is an element of each.",
					  args, NULL, run, 2, 3});
}
