// SPDX-License-Identifier: GPL-2.0
/* What a process's faults, forks and exits cost, and what the background thread does
 * for them, doesn't grow with the number of relatives that sit idle. A server
 * that forks a child for each client has hundreds of them.
 *
 * In instructions: for a guest whose clock counts them (scripts/vm --icount), so
 * that how busy the machine is doesn't matter. Usage: scale [--anonymous]; with it the same
 * operations on the kernel's own private memory are measured, and must pass. */
#include "thread.h"

#include <signal.h>
#include <x86intrin.h>

#define MANY 801U
#define ROUNDS 64U

static bool on_anonymous;

static char *memory(size_t len, int percent)
{
	char *p;

	if (!on_anonymous)
		return map(len, percent);
	p = mmap(NULL, len + BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED && !madvise(p, len + BLOCK, MADV_NOHUGEPAGE));
	return (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));
}

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

static pid_t idle_child(void)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t *pids, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (unsigned int i = 0; i < n; i++)
		must(waitpid(pids[i], NULL, 0) == pids[i]);
}

enum { COPY, FIRST_TOUCH, DISCARD, SHARED_READ, PROMOTION, COPY_BY_CHILD, FORK_AND_EXIT, COSTS };
static const char *const cost_name[COSTS] = { "a write to a shared page", "a first touch", "a discard of a page",
					      "a first read of a shared page", "the touch that fills a block",
					      "a child's write to a shared page", "fork and exit of one more child" };

static unsigned long cost_of(unsigned int what, char *p, unsigned int i, char *q)
{
	unsigned long before = __rdtsc();
	pid_t pid;

	switch (what) {
	case COPY: p[i * PAGE] = 2; break;
	case FIRST_TOUCH: q[i * PAGE] = 2; break;
	case DISCARD: must(!madvise(p + i * PAGE, PAGE, on_anonymous ? MADV_DONTNEED : MADV_REMOVE)); break;
	case SHARED_READ: (void)*(volatile char *)(p + (256 + i) * PAGE); break;
	default:
		pid = fork();
		must(pid >= 0);
		if (!pid)
			_exit(0);
		must(waitpid(pid, NULL, 0) == pid);
	}
	return __rdtsc() - before;
}

/* In a child: the median is passed through memory that stays shared. */
static unsigned long *shared_result;

static int copies_in_child(void *arg)
{
	unsigned long cost[ROUNDS];

	for (unsigned int i = 0; i < ROUNDS; i++)
		cost[i] = cost_of(COPY, arg, i, NULL);
	*shared_result = median(cost, ROUNDS);
	return 0;
}

static unsigned long promotions(char *p, unsigned int blocks)
{
	unsigned long cost[ROUNDS];

	for (unsigned int b = 0; b < blocks; b++) {
		unsigned long before = __rdtsc();

		for (unsigned int i = BLOCK_PAGES / 2; i < BLOCK_PAGES / 2 + 8; i++)
			p[b * BLOCK + i * PAGE] = 1;
		cost[b] = __rdtsc() - before;
	}
	return median(cost, blocks);
}

static void measure(unsigned int children, unsigned long *result)
{
	const unsigned int blocks = 8;
	char *p = memory(2 * BLOCK, 0), *q = memory(BLOCK, 100), *h = memory(blocks * BLOCK, 50);
	static pid_t pids[MANY];
	unsigned long cost[ROUNDS];

	memset(p, 1, 2 * BLOCK);
	q[300 * PAGE] = 1;
	for (unsigned int b = 0; b < blocks; b++)
		for (unsigned int i = 0; i < BLOCK_PAGES / 2 - 1; i++)
			h[b * BLOCK + i * PAGE] = 1;
	fflush(stdout);
	for (unsigned int i = 0; i < children; i++)
		pids[i] = idle_child();
	must(in_child(copies_in_child, p + BLOCK));
	result[COPY_BY_CHILD] = *shared_result;
	/* Reads first, as a write takes the 2 MiB entry away, and discards last. */
	for (unsigned int i = 0; i < ROUNDS; i++)
		cost[i] = cost_of(COPY, p, i, q);
	result[COPY] = median(cost, ROUNDS);
	for (unsigned int i = 0; i < ROUNDS; i++)
		cost[i] = cost_of(SHARED_READ, p, i, q);
	result[SHARED_READ] = median(cost, ROUNDS);
	for (unsigned int i = 0; i < ROUNDS; i++)
		cost[i] = cost_of(FIRST_TOUCH, p, i, q);
	result[FIRST_TOUCH] = median(cost, ROUNDS);
	for (unsigned int i = 0; i < ROUNDS; i++)
		cost[i] = cost_of(DISCARD, p, i, q);
	result[DISCARD] = median(cost, ROUNDS);
	result[PROMOTION] = promotions(h, blocks);
	for (unsigned int i = 0; i < 9; i++)
		cost[i] = cost_of(FORK_AND_EXIT, p, i, q);
	result[FORK_AND_EXIT] = median(cost, 9);
	end(pids, children);
	munmap(p, 2 * BLOCK);
	munmap(q, BLOCK);
	munmap(h, blocks * BLOCK);
}

static void relatives(void)
{
	unsigned long few[COSTS], many[COSTS];

	measure(1, few);
	measure(MANY, many);
	for (unsigned int c = 0; c < COSTS; c++)
		ok(many[c] * 10 <= few[c] * 12, "%s: %lu instructions with %u idle children, %lu with one: %.2f times, at most 1.2",
		   cost_name[c], many[c], MANY, few[c], (double)many[c] / few[c]);
}

/* --- the background thread --- */

#define BLOCKS_SHARED 200UL
#define VISITS 20U

/* CPU time of the thread for a child that comes, writes a page and goes. With @fresh, it shares
 * with its parent a block that no sibling has, as each time the parent has begun a new one. */
static unsigned long per_visit(char *p, unsigned int siblings, char *fresh)
{
	static pid_t pids[60];
	unsigned long ran;

	fflush(stdout);
	for (unsigned int i = 0; i < siblings; i++)
		pids[i] = idle_child();
	must(becomes(thread_idle_for(200000)));
	ran = thread_ran_ns();
	for (unsigned int i = 0; i < VISITS; i++) {
		pid_t pid;

		if (fresh)
			fresh[i * BLOCK] = 1;
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			p[BLOCK] = 3;
			_exit(0);
		}
		must(waitpid(pid, NULL, 0) == pid);
		usleep(500000); /* guest time, in which the thread does what it has to */
	}
	must(becomes(thread_idle_for(200000)));
	ran = thread_ran_ns() - ran;
	end(pids, siblings);
	return ran / VISITS;
}

static void thread_work(void)
{
	const unsigned long len = (BLOCKS_SHARED + 2 * VISITS) * BLOCK;
	char *p = map(len, 100), *fresh = p + BLOCKS_SHARED * BLOCK;
	unsigned long none, many;

	for (unsigned long b = 0; b < BLOCKS_SHARED; b++)
		p[b * BLOCK] = 1;
	/* With one sibling in both, so that the memory stays shared in both. */
	none = per_visit(p, 1, NULL);
	many = per_visit(p, 60, NULL);
	ok(many * 10 <= none * 12 + 10 * 50000,
	   "a child comes and goes: the thread runs %lu instructions with 60 idle siblings, %lu with one; at most 1.2 times and 50000",
	   many, none);
	none = per_visit(p, 1, fresh);
	many = per_visit(p, 60, fresh + VISITS * BLOCK);
	ok(many * 10 <= none * 12 + 10 * 50000,
	   "and one that shares memory with its parent only: %lu with 60, %lu with one", many, none);
	munmap(p, len);
}

int main(int argc, char **argv)
{
	on_anonymous = argc > 1 && !strcmp(argv[1], "--anonymous");
	shared_result = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared_result != MAP_FAILED);
	if (!on_anonymous)
		must(!write_to(PARAMS "pool_mib", "0"));
	relatives();
	if (!on_anonymous) {
		thread_work();
		ok(device_empty(), "nothing is left behind");
	}
	return tap_done();
}
