// SPDX-License-Identifier: MIT
/*
 * The part of bench/guest that runs in the guest: uses a block from malloc, whichever
 * malloc that is, and prints what that cost and what the kernel says of the block.
 *
 *   heap PATTERN MIB     PATTERN: sequential, random, sparse, fork
 *
 * Prints lines of JSON: for "random" one for each twentieth of the block, then the result.
 * Instructions are read from the time stamp counter, which counts them if the guest's
 * clock does (scripts/vm --icount).
 */
#include "xorshift.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE 4096ul
#define HUGE_PAGE (2ul << 20)
#define POINTS 20
#define WRITES 2048

static char *heap;
static size_t pages;
static uint64_t state = XORSHIFT_SEED;

static void die(const char *what)
{
	fprintf(stderr, "heap: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Sum up the mappings that the block lies in: kB resident, and kB of that in 2 MiB pages. */
static void read_smaps(unsigned long *rss, unsigned long *huge)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512], name[64];
	int ours = 0;

	if (!f)
		die("/proc/self/smaps");
	*rss = *huge = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end, kb;

		if (sscanf(line, "%lx-%lx %63s", &start, &end, name) == 3) {
			ours = start < (uintptr_t)heap + pages * PAGE && (uintptr_t)heap < end;
		} else if (ours && sscanf(line, "%63[^:]: %lu", name, &kb) == 2) {
			int hugetlb = strstr(name, "_Hugetlb") != NULL;

			if (!strcmp(name, "Rss") || hugetlb)
				*rss += kb;
			if (hugetlb || !strcmp(name, "AnonHugePages") || !strcmp(name, "FilePmdMapped"))
				*huge += kb;
		}
	}
	fclose(f);
}

static void touch_page(size_t page)
{
	memset(heap + page * PAGE + page % 60 * 64, 1 + (int)(page % 200), 64);
}

/* Touch all pages in random order. What it takes to read the smaps is not counted. */
static uint64_t fill_at_random(void)
{
	uint32_t *order = malloc(pages * sizeof(*order));
	uint64_t cost = 0, start;

	if (!order)
		die("malloc");
	for (size_t i = 0; i < pages; i++)
		order[i] = (uint32_t)i;
	for (size_t i = pages - 1; i > 0; i--) {
		size_t j = xorshift(&state) % (i + 1);
		uint32_t t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (unsigned int point = 1; point <= POINTS; point++) {
		unsigned long rss, huge;

		start = __rdtsc();
		for (size_t i = pages * (point - 1) / POINTS; i < pages * point / POINTS; i++)
			touch_page(order[i]);
		cost += __rdtsc() - start;
		read_smaps(&rss, &huge);
		printf("{\"touched\": %.3f, \"huge\": %.4f, \"rss_kb\": %lu}\n", (double)point / POINTS,
		       (double)huge / (double)(pages * 4), rss);
	}
	free(order);
	return cost;
}

/* Fork a child, and write while it lives. */
static uint64_t fork_and_write(void)
{
	uint64_t start = __rdtsc();
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (!pid)
		for (;;)
			pause();
	for (unsigned int i = 0; i < WRITES; i++)
		touch_page(xorshift(&state) % pages);
	start = __rdtsc() - start;
	kill(pid, 9);
	waitpid(pid, NULL, 0);
	return start;
}

int main(int argc, char **argv)
{
	unsigned long rss, huge, mib = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct rusage before, after;
	uint64_t cost;

	if (mib < 2 || mib > 4096) {
		fprintf(stderr, "usage: heap sequential|random|sparse|fork MIB(2..4096)\n");
		return 2;
	}
	pages = (mib << 20) / PAGE;
	heap = malloc(pages * PAGE);
	if (!heap)
		die("malloc");
	if (!strcmp(argv[1], "fork"))
		for (size_t i = 0; i < pages; i++)
			touch_page(i);
	getrusage(RUSAGE_SELF, &before);
	cost = __rdtsc();
	if (!strcmp(argv[1], "sequential"))
		for (size_t i = 0; i < pages; i++)
			touch_page(i);
	else if (!strcmp(argv[1], "sparse"))
		for (size_t i = 0; i < pages; i += HUGE_PAGE / PAGE)
			touch_page(i);
	cost = __rdtsc() - cost;
	if (!strcmp(argv[1], "random"))
		cost = fill_at_random();
	else if (!strcmp(argv[1], "fork"))
		cost = fork_and_write();
	getrusage(RUSAGE_SELF, &after);
	read_smaps(&rss, &huge);
	printf("{\"pattern\": \"%s\", \"faults\": %ld, \"instructions\": %llu, \"rss_kb\": %lu, \"huge_kb\": %lu, "
	       "\"entries\": %lu}\n",
	       argv[1], after.ru_minflt - before.ru_minflt, (unsigned long long)cost, rss, huge,
	       (rss - huge) / 4 + huge / 2048);
	return 0;
}
