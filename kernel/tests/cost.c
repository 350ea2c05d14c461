// SPDX-License-Identifier: GPL-2.0
/*
 * What faults and forks cost, beside what the kernel's own memory costs: a fault
 * at most 1.3 times as much with 4 KiB and 1.05 times with 2 MiB, a tenth of that
 * if the pool serves it, and a fork of 1 GiB a twentieth. After a fork, all is in
 * 2 MiB pages again within a second.
 *
 * The cost is counted in instructions, so this is for a guest whose clock counts
 * them (scripts/vm --icount): its time stamp counter is that clock, and the
 * figures repeat. Run with init_on_alloc=0, or the allocator clears each page,
 * too.
 */
#include <x86intrin.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define ROUNDS 7
#define HEAP (1UL << 30)

static int by_size(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

static unsigned long median(unsigned long *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), by_size);
	return v[n / 2];
}

/* The median cost of touching one byte in each @step, @n times; the first @skip do not count. */
static unsigned long touch(char *p, size_t step, unsigned int skip, unsigned int n)
{
	unsigned long *cost = calloc(n, sizeof(*cost)), m;

	must(cost);
	memset(cost, 1, n * sizeof(*cost)); /* so that it makes no faults later */
	for (unsigned int i = 0; i < skip + n; i++) {
		unsigned long before = __rdtsc();

		*(volatile char *)(p + i * step) = 1;
		if (i >= skip)
			cost[i - skip] = __rdtsc() - before;
	}
	m = median(cost, n);
	free(cost);
	return m;
}

/* Memory of the kernel's own, aligned as the device's. */
static char *advised(size_t len, int advice)
{
	char *p = block_align(anonymous(len + BLOCK));

	must(!madvise(p, len, advice));
	return p;
}

static void small_fault(void)
{
	char *a = advised(4 * BLOCK, MADV_NOHUGEPAGE), *d = map(4 * BLOCK, 100);
	unsigned long kernel = touch(a, PAGE, 8, 400), ours = touch(d, PAGE, 8, 400);

	ok(ours * 10 <= kernel * 13, "a 4 KiB fault: %lu, the kernel's %lu: %.2f, at most 1.3", ours, kernel,
	   (double)ours / kernel);
	munmap(d, 4 * BLOCK);
	munmap(a, 4 * BLOCK);
}

static void huge_fault(void)
{
	unsigned long kernel, ours, pooled, hits;
	char *p;

	must(!write_to("/sys/kernel/mm/transparent_hugepage/defrag", "never"));
	must(!write_to(PARAMS "pool_mib", "0"));
	p = advised(16 * BLOCK, MADV_HUGEPAGE);
	kernel = touch(p, BLOCK, 1, 15);
	ok(smaps_kb(p, 16 * BLOCK, "AnonHugePages") == KB(16 * BLOCK), "the kernel's are 2 MiB pages");
	munmap(p, 16 * BLOCK);
	p = map(16 * BLOCK, 0);
	ours = touch(p, BLOCK, 1, 15);
	ok(all_huge(p, 16 * BLOCK), "and so are the device's");
	munmap(p, 16 * BLOCK);
	ok(ours * 100 <= kernel * 105, "a 2 MiB fault: %lu, the kernel's %lu: %.3f, at most 1.05", ours, kernel,
	   (double)ours / kernel);

	must(!write_to(PARAMS "pool_mib", "40"));
	p = map(16 * BLOCK, 0);
	p[0] = 1;
	becomes(stat_of("pool_bytes") == 40UL << 20);
	hits = stat_of("pool_hits");
	pooled = touch(p + BLOCK, BLOCK, 1, 14);
	ok(stat_of("pool_hits") - hits == 15, "15 faults are served from the pool");
	ok(pooled * 10 <= ours, "a 2 MiB fault from the pool: %lu, without it %lu: 1/%lu, at most 1/10",
	   pooled, ours, ours / pooled);
	munmap(p, 16 * BLOCK);
}

/* The cost of a fork while [p, p + len) is in 2 MiB pages, as it is again some time after each fork. */
static unsigned long fork_cost(const char *p, size_t len)
{
	unsigned long cost[ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned long before;
		pid_t pid;

		must(becomes(huge_kb(p, len) >= KB(len)));
		/* What the background thread still does is no part of the fork. */
		usleep(300000);
		before = __rdtsc();
		pid = fork();

		if (!pid)
			sleep_forever(); /* its end would be counted too */
		cost[i] = __rdtsc() - before;
		must(pid > 0 && !kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
	}
	return median(cost, ROUNDS);
}

static void forks(void)
{
	unsigned long none = fork_cost(NULL, 0), half, ours, kernel;
	char *p;

	p = map(HEAP / 2, 0);
	touch(p, BLOCK, 0, HEAP / 2 / BLOCK);
	half = fork_cost(p, HEAP / 2) - none;
	munmap(p, HEAP / 2);
	p = map(HEAP, 0);
	touch(p, BLOCK, 0, HEAP / BLOCK);
	ours = fork_cost(p, HEAP) - none;
	munmap(p, HEAP);
	p = advised(HEAP, MADV_NOHUGEPAGE);
	memset(p, 1, HEAP);
	kernel = fork_cost(NULL, 0) - none;
	munmap(p, HEAP);
	ok(ours * 20 <= kernel,
	   "a fork with 1 GiB costs %lu, %lu a block; with 4 KiB pages %lu: 1/%lu, at most 1/20", ours,
	   ours / (HEAP / BLOCK), kernel, kernel / ours);
	ok(ours < 3 * half, "with half of it %lu, which is more than a third", half);
}

/* Reading smaps takes long with 4 KiB pages, so it is not read before a fault has mapped each block. */
static bool recovered(char *p, bool ours, unsigned long faults)
{
	if (ours && info_of(p).faults < faults + HEAP / BLOCK)
		return false;
	return smaps_kb(p, HEAP, ours ? "FilePmdMapped" : "AnonHugePages") == KB(HEAP);
}

/*
 * As when Redis saves in the background: fork, random writes, the child ends.
 * Milliseconds until all are 2 MiB pages again, or @patience.
 */
static unsigned long recovery(char *p, bool ours, unsigned long patience)
{
	unsigned long faults = 0;
	unsigned int random = 1;
	double start;
	pid_t pid;

	must(recovered(p, ours, -(HEAP / BLOCK)));
	pid = sleeping_child();
	for (int i = 0; i < 4096; i++)
		p[next_random(&random) % (HEAP / PAGE) * PAGE] = 2;
	if (ours)
		faults = info_of(p).faults;
	kill_child(pid);
	start = now_ms();
	while (!recovered(p, ours, faults) && now_ms() - start < patience)
		usleep(10000);
	return now_ms() - start;
}

static void recoveries(void)
{
	unsigned long ours, kernel;
	char *p = map(HEAP, 0);

	touch(p, BLOCK, 0, HEAP / BLOCK);
	ours = recovery(p, true, 20000);
	munmap(p, HEAP);
	p = advised(HEAP, MADV_HUGEPAGE);
	touch(p, BLOCK, 0, HEAP / BLOCK);
	kernel = recovery(p, false, 5000);
	munmap(p, HEAP);
	ok(ours <= 1000,
	   "after 4096 writes and a child's end 1 GiB is in 2 MiB pages again within %lu ms (1 instruction is 1 ns), at most 1000; the kernel's: %s%lu ms",
	   ours, kernel < 5000 ? "" : "more than ", kernel);
}

int main(void)
{
	small_fault();
	huge_fault();
	forks();
	recoveries();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
