// SPDX-License-Identifier: MIT
/* A matrix that is stored by rows is summed up by columns: each step reads another page. */
#include "micro.h"

#include <stdlib.h>

static struct micro_arg args[] = {{"rows", 8192, 1, 1 << 24, "rows"},
				  {"columns", 4096, 1, 1 << 24, "columns, of 8 bytes"},
				  {"stride", 1, 1, 4096, "every so many columns one is read"},
				  {NULL, 0, 0, 0, NULL}};
static double *matrix;

static void setup(void)
{
	size_t n = args[0].value * args[1].value;

	matrix = micro_require(malloc(n * sizeof(*matrix)));
	for (size_t i = 0; i < n; i++)
		matrix[i] = (double)(i % 7);
}

static size_t run(void)
{
	static volatile double sink;
	size_t rows = args[0].value, columns = args[1].value, ops = 0;
	double sum = 0;

	for (size_t c = 0; c < columns; c += args[2].value, ops += rows)
		for (size_t r = 0; r < rows; r++)
			sum += matrix[r * columns + c];
	sink = sum;
	return ops + (size_t)(sink * 0);
}

int main(int argc, char **argv)
{
	return micro_main(argc, argv,
			  &(struct micro){"A matrix stored by rows, read by columns; an operation is an element.", args,
					  setup, run, 0, 2});
}
