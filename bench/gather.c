// SPDX-License-Identifier: MIT
/*
 * Random gather: sums elements of a large array in random order, the access
 * pattern of hash joins and sparse matrices, and the worst one for a TLB.
 *
 *   gather [MIB [MILLIONS]]     array size (default 1024), accesses (default 50)
 *
 * Prints a checksum, which does not depend on the allocator.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t next(uint64_t *x) /* xorshift64, Marsaglia 2003 */
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static size_t number(const char *text, const char *what)
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
	size_t n = (argc > 1 ? number(argv[1], "MIB") : 1024) * ((1 << 20) / sizeof(uint64_t));
	size_t accesses = (argc > 2 ? number(argv[2], "MILLIONS") : 50) * 1000000;
	uint64_t *a = malloc(n * sizeof(*a)), x = 88172645463325252ull, sum = 0;

	if (!a) {
		perror("gather: malloc");
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		a[i] = i * 2654435761u;
	for (size_t i = 0; i < accesses; i++)
		sum += a[next(&x) % n];
	printf("%016llx\n", (unsigned long long)sum);
	free(a);
	return 0;
}
