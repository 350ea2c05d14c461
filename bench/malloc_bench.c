// SPDX-License-Identifier: MIT
/*
 * What malloc itself costs, by kinds of use. Which malloc is LD_PRELOAD's
 * business: bench/compare runs this with each of them.
 *
 *   malloc_bench WORKLOAD [ROUNDS]
 *   malloc_bench touch MIB
 *
 * A workload does the same work in each round. The first rounds, which fault
 * fresh memory in, are not timed. Prints nanoseconds for each operation.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define PAGE (4096 + 64) /* and another line of the cache in each */
#define THREADS 2
#define WARM_UP 2

static uint64_t next(uint64_t *x) /* xorshift64, Marsaglia 2003 */
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void *got(void *p)
{
	if (!p) {
		perror("malloc_bench");
		exit(1);
	}
	return p;
}

static void touch(char *p, size_t size, size_t step)
{
	for (size_t i = 0; i < size; i += step)
		((volatile char *)p)[i] = 1;
}

/* Blocks that live for a while: @slots of them, sizes drawn by @size. */
static unsigned long churn(size_t (*size)(uint64_t), unsigned int slots, unsigned long ops, size_t step)
{
	uint64_t x = 88172645463325252ull;
	char **p = got(calloc(slots, sizeof(*p)));

	for (unsigned long i = 0; i < ops; i++) {
		unsigned int slot = next(&x) % slots;
		size_t n = size(next(&x));

		free(p[slot]);
		p[slot] = got(malloc(n));
		touch(p[slot], n, step);
	}
	for (unsigned int i = 0; i < slots; i++)
		free(p[i]);
	free(p);
	return ops;
}

static size_t size_small(uint64_t r)
{
	return 16 + r % 500;
}

static size_t size_mixed(uint64_t r)
{
	return r % 64 ? 16 + (r >> 8) % 1000 : 4096 + (r >> 8) % 28000;
}

static size_t size_large(uint64_t r)
{
	return 128 * KIB + r % (4 * MIB);
}

static size_t size_few(uint64_t r)
{
	return MIB << r % 3;
}

static size_t size_huge(uint64_t r)
{
	return 4 * MIB + r % (60 * MIB);
}

static unsigned long small(void)
{
	return churn(size_small, 4000, 4000000, SIZE_MAX / 2);
}

static unsigned long mixed(void)
{
	return churn(size_mixed, 4000, 2000000, SIZE_MAX / 2);
}

static void *small_thread(void *unused)
{
	(void)unused;
	small();
	return NULL;
}

static void in_threads(void *(*run)(void *))
{
	pthread_t t[THREADS];

	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, run, NULL);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static unsigned long small_threads(void)
{
	in_threads(small_thread);
	return 4000000;
}

static unsigned long churn_large(void)
{
	return churn(size_large, 32, 2000, PAGE);
}

static unsigned long churn_few(void)
{
	return churn(size_few, 8, 100000, SIZE_MAX / 2);
}

static unsigned long churn_huge(void)
{
	return churn(size_huge, 6, 40, PAGE);
}

static void *churn_thread(void *unused)
{
	(void)unused;
	churn(size_large, 16, 1000, PAGE);
	return NULL;
}

static unsigned long churn_threads(void)
{
	in_threads(churn_thread);
	return 1000;
}

/* A vector that grows by a fifth, to 200 MiB, is filled, and goes. */
static unsigned long grow(void)
{
	size_t n = 100 * KIB, old = 0;
	unsigned long ops = 0;
	char *p = NULL;

	for (; n < 200 * MIB; ops++) {
		p = got(realloc(p, n));
		touch(p + old, n - old, PAGE);
		old = n;
		n += n / 5;
	}
	free(p);
	return ops;
}

/* Two of them, in turns: the one stands in the other's way. */
static unsigned long grow_two(void)
{
	char *p[2] = {NULL, NULL};
	size_t n = 100 * KIB, old = 0;
	unsigned long ops = 0;

	for (; n < 100 * MIB; ops++) {
		for (unsigned int i = 0; i < 2; i++) {
			p[i] = got(realloc(p[i], n));
			touch(p[i] + old, n - old, PAGE);
		}
		old = n;
		n += n / 5;
	}
	free(p[0]);
	free(p[1]);
	return ops * 2;
}

/* Zeroed memory of which a part is used. */
static unsigned long zeroed(void)
{
	uint64_t x = 88172645463325252ull;
	char *p[8] = {NULL};

	for (unsigned int i = 0; i < 200; i++) {
		size_t n = 256 * KIB + next(&x) % (4 * MIB);
		unsigned int slot = i % 8;

		free(p[slot]);
		p[slot] = got(calloc(1, n));
		touch(p[slot], n, PAGE);
	}
	for (unsigned int i = 0; i < 8; i++)
		free(p[i]);
	return 200;
}

#define RING 64

static char *_Atomic ring[RING];

static void *consumer(void *arg)
{
	for (unsigned long i = 0; i < *(unsigned long *)arg; i++) {
		char *p;

		while (!(p = atomic_exchange(&ring[i % RING], NULL)))
			__builtin_ia32_pause();
		free(p);
	}
	return NULL;
}

/* One thread allocates and another frees. */
static unsigned long cross_of(size_t (*size)(uint64_t), unsigned long ops, size_t step)
{
	uint64_t x = 88172645463325252ull;
	pthread_t t;

	pthread_create(&t, NULL, consumer, &ops);
	for (unsigned long i = 0; i < ops; i++) {
		size_t n = size(next(&x));
		char *p = got(malloc(n));

		touch(p, n, step);
		while (atomic_load(&ring[i % RING]))
			__builtin_ia32_pause();
		atomic_store(&ring[i % RING], p);
	}
	pthread_join(t, NULL);
	return ops;
}

static unsigned long cross(void)
{
	return cross_of(size_large, 1000, PAGE);
}

static unsigned long cross_small(void)
{
	return cross_of(size_small, 2000000, SIZE_MAX / 2);
}

/* Many arrays of a power of two, walked side by side, as solvers do. */
static unsigned long colours(void)
{
	enum { ARRAYS = 32, LENGTH = 2 * MIB / sizeof(uint64_t) };
	uint64_t *a[ARRAYS], sum = 0;

	for (unsigned int i = 0; i < ARRAYS; i++) {
		a[i] = got(malloc(LENGTH * sizeof(uint64_t)));
		memset(a[i], 0, LENGTH * sizeof(uint64_t));
	}
	for (size_t j = 0; j < LENGTH; j++)
		for (unsigned int i = 0; i < ARRAYS; i++)
			sum += a[i][j]++;
	for (unsigned int i = 0; i < ARRAYS; i++)
		free(a[i]);
	if (sum)
		abort();
	return LENGTH;
}

/* Millions of small objects, visited in random order, as in a database's index. */
static unsigned long chase(void)
{
	enum { NODES = 2000000, VISITS = 4000000 };
	uint64_t x = 88172645463325252ull, sum = 0;
	uint64_t **node = got(malloc(NODES * sizeof(*node)));

	for (unsigned int i = 0; i < NODES; i++) {
		node[i] = got(malloc(32 + next(&x) % 160));
		*node[i] = next(&x) % NODES;
	}
	for (unsigned int i = 0; i < VISITS; i++)
		sum += *node[next(&x) % NODES];
	for (unsigned int i = 0; i < NODES; i++)
		free(node[i]);
	free(node);
	return VISITS + (sum == 1);
}

static const struct workload {
	const char *name;
	unsigned long (*run)(void);
	unsigned int rounds;
} workloads[] = {
    {"small", small, 3},
    {"small-threads", small_threads, 3},
    {"small-mixed", mixed, 3},
    {"small-chase", chase, 1},
    {"small-chase", chase, 1},
    {"small-cross", cross_small, 3},
    {"large-churn", churn_large, 3},
    {"large-churn-few", churn_few, 3},
    {"large-churn-huge", churn_huge, 3},
    {"large-threads", churn_threads, 3},
    {"large-cross", cross, 3},
    {"large-grow", grow, 3},
    {"large-grow-two", grow_two, 3},
    {"large-calloc", zeroed, 3},
    {"large-colours", colours, 3},
};

#define NR (sizeof(workloads) / sizeof(*workloads))

/*
 * In a virtual machine, a page that the host hasn't backed yet costs a hundred
 * times what a fault costs. Have it back what the next run is going to get.
 */
static int touch_memory(const char *mib)
{
	size_t n = strtoul(mib, NULL, 10) * MIB;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("malloc_bench");
		return 1;
	}
	madvise(p, n, MADV_HUGEPAGE);
	memset(p, 1, n);
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	const struct workload *w = NULL;
	unsigned long ops = 0, rounds;
	double start = 0;

	if (argc > 2 && !strcmp(argv[1], "touch"))
		return touch_memory(argv[2]);
	for (unsigned int i = 0; i < NR && argc > 1; i++)
		if (!strcmp(argv[1], workloads[i].name))
			w = &workloads[i];
	if (!w) {
		fprintf(stderr, "malloc_bench: WORKLOAD is one of");
		for (unsigned int i = 0; i < NR; i++)
			fprintf(stderr, " %s", workloads[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : w->rounds;
	for (unsigned long i = 0; i < WARM_UP + rounds; i++) {
		if (i == WARM_UP)
			start = now();
		ops += w->run() * (i >= WARM_UP);
	}
	printf("%.2f\n", (now() - start) / (double)ops);
	return 0;
}
