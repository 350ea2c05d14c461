// SPDX-License-Identifier: MIT
/* Memory that the process has never used is touched, page by page or only here and there.
 * This shows what page faults cost and, in the resident size, how much memory is taken that
 * is not used. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"size", GIB, PAGE, 64 * GIB, "bytes"},
				  {"step", PAGE, 8, 1ul << 30, "bytes from one touch to the next"},
				  {NULL, 0, 0, 0, NULL}};

static size_t run(void)
{
	char *p = micro_require(malloc(args[0].value));

	micro_touch(p, args[0].value, args[1].value);
	return (args[0].value + args[1].value - 1) / args[1].value;
}

int main(int argc, char **argv)
{
	return micro_main(
	    argc, argv,
	    &(struct micro){"The first touch of fresh memory; an operation is a touch.", args, NULL, run, 0, 1});
}
