// SPDX-License-Identifier: MIT
/*
 * Random gather: sums up elements of a large array in random order. Hash joins and sparse
 * matrices have this access pattern; for a TLB it is the worst one.
 *
 *   gather [MIB [MILLIONS]]     size of the array (default 1024), accesses (default 50)
 *
 * Prints a checksum; it is the same with every allocator.
 */
#include "xorshift.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static size_t parse_number(const char *text, const char *what)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || !n || n > 1000000) {
		fprintf(stderr, "gather: %s: '%s' is not a number from 1 to 1000000\n", what, text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	size_t n = (argc > 1 ? parse_number(argv[1], "MIB") : 1024) * ((1 << 20) / sizeof(uint64_t));
	size_t accesses = (argc > 2 ? parse_number(argv[2], "MILLIONS") : 50) * 1000000;
	uint64_t *a = malloc(n * sizeof(*a)), x = XORSHIFT_SEED, sum = 0;

	if (!a) {
		perror("gather: malloc");
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		a[i] = i * 2654435761u;
	for (size_t i = 0; i < accesses; i++)
		sum += a[xorshift(&x) % n];
	printf("%016llx\n", (unsigned long long)sum);
	free(a);
	return 0;
}
