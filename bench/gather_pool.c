// SPDX-License-Identifier: MIT
/*
 * Random gather over a block from malloc, and over a block from the hugetlb pool, which
 * is filled in advance: that is the upper bound of what 2 MiB pages can achieve. Both
 * blocks are in one process and take turns, so that whatever else the machine does slows
 * down both.
 *
 *   gather_pool [MIB [MILLIONS [ROUNDS]]]
 *                  size of each block (default 4096), accesses a turn (default 10),
 *                  turns of each (default 15)
 *
 * The pool (vm.nr_hugepages) must have as many 2 MiB pages as the block needs. Prints the
 * medians, in nanoseconds for an access, and the pool's divided by malloc's: 1 is the best
 * possible result.
 */
#include "xorshift.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS_MAX 1000

static uint64_t state = XORSHIFT_SEED, sum;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double time_turn(const uint64_t *block, size_t n, size_t accesses)
{
	double start = now();

	for (size_t i = 0; i < accesses; i++)
		sum += block[xorshift(&state) % n];
	return (now() - start) / (double)accesses;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static size_t parse_number(int argc, char **argv, int which, size_t otherwise, size_t most)
{
	char *end;
	unsigned long n;

	if (argc <= which)
		return otherwise;
	n = strtoul(argv[which], &end, 10);
	if (*end || !n || n > most) {
		fprintf(stderr, "gather_pool: '%s' is not a number from 1 to %zu\n", argv[which], most);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	size_t bytes = parse_number(argc, argv, 1, 4096, 1000000) << 20, n = bytes / sizeof(uint64_t);
	size_t accesses = parse_number(argc, argv, 2, 10, 100000) * 1000000;
	size_t rounds = parse_number(argc, argv, 3, 15, ROUNDS_MAX);
	static double ours[ROUNDS_MAX], pool[ROUNDS_MAX], ratio[ROUNDS_MAX];
	uint64_t *a = malloc(bytes), *b;
	double middle;

	b = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (!a || b == MAP_FAILED) {
		perror(a ? "gather_pool: the hugetlb pool (vm.nr_hugepages)" : "gather_pool: malloc");
		return 1;
	}
	for (size_t i = 0; i < n; i++)
		a[i] = b[i] = i;
	(void)time_turn(a, n, accesses);
	(void)time_turn(b, n, accesses);
	for (size_t i = 0; i < rounds; i++) {
		ours[i] = time_turn(a, n, accesses);
		pool[i] = time_turn(b, n, accesses);
		ratio[i] = pool[i] / ours[i];
	}
	middle = median(ratio, rounds); /* this also sorts them */
	printf("malloc %.2f ns, pool %.2f ns, pool / malloc %.3f (median of %zu turns, %.3f to %.3f)\n",
	       median(ours, rounds), median(pool, rounds), middle, rounds, ratio[0], ratio[rounds - 1]);
	return sum == 42;
}
