// SPDX-License-Identifier: GPL-2.0
/* Nobody waits long for the background thread. It has the lowest priority; what it
 * holds while it works on a block (the process's mmap_lock, the block) it would hold for as long as
 * others keep it from the processor, and mmap_lock lends no priority. So a real-time
 * thread's page fault, or its mmap, never waits longer than one block's work takes
 * plus what the fault costs by itself, however busy the machine is; and between
 * taking and dropping mmap_lock the thread works on one block at most.
 *
 * For a guest whose clock counts instructions (scripts/vm --icount): times are instructions
 * then, and repeat. The second promise is read off the kernel's own tracepoints of
 * mmap_lock and the driver's. Needs root. */
#include "thread.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <time.h>

#define BLOCKS 60UL
#define SPINNERS 4
#define TRACING "/sys/kernel/tracing/"

static unsigned long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000UL + t.tv_nsec / 1000;
}

static pid_t child(void (*fn)(void))
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		struct sched_param normal = { 0 };

		must(!sched_setscheduler(0, SCHED_OTHER, &normal));
		fn();
		_exit(0);
	}
	return pid;
}

static void spin(void)
{
	for (;;)
		;
}

static void idle(void)
{
	for (;;)
		pause();
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
}

/* All pages of all blocks but one a block are copied, and then the relative goes: each
 * fold copies 511. */
static void leave_work(char *p)
{
	pid_t pid = child(idle);

	for (unsigned long i = 0; i < BLOCKS * BLOCK_PAGES; i++)
		if (i % BLOCK_PAGES)
			p[i * PAGE] = 2;
	end(pid);
}

/* What a block costs the thread when nobody is in its way, in microseconds. */
static unsigned long block_us(char *p)
{
	unsigned long folds = stat_of("folds"), ran;

	leave_work(p);
	ran = thread_ran_ns();
	must(becomes(stat_of("folds") >= folds + BLOCKS));
	return (thread_ran_ns() - ran) / 1000 / (stat_of("folds") - folds);
}

static void trace_thread(bool on)
{
	static const char *const events[] = { "mmap_lock/mmap_lock_acquire_returned", "mmap_lock/mmap_lock_released",
					      "sched/sched_switch", "dphuge" };
	char path[128], pid[16];

	if (access(TRACING "events", F_OK))
		must(!mount("tracefs", TRACING, "tracefs", 0, NULL));
	if (on) {
		must(!write_to(TRACING "buffer_size_kb", "8192"));
		snprintf(pid, sizeof(pid), "%d", thread_pid());
		must(!write_to(TRACING "set_event_pid", pid));
		must(!write_to(TRACING "trace", "0"));
	}
	for (unsigned int i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(path, sizeof(path), TRACING "events/%s/enable", events[i]);
		must(!write_to(path, on ? "1" : "0"));
	}
}

/* The thread's holds of mmap_lock, from the trace. */
struct holds {
	unsigned long n, blocks, most_blocks, preempted;
	double longest_us;
};

static struct holds read_trace(void)
{
	FILE *f = fopen(TRACING "trace", "r");
	struct holds h = { 0 };
	char line[512], *event, *addr, last[32] = "";
	unsigned int held = 0;
	unsigned long blocks = 0;
	double at, since = 0;

	must(f);
	while (fgets(line, sizeof(line), f)) {
		/* "dphuge-57 [000] d..1. 12.345678: name: ..." */
		if (*line == '#' || !strstr(line, "dphuge-") || !(event = strchr(strchr(line, ']'), ':')))
			continue;
		while (event > line && event[-1] != ' ')
			event--;
		at = strtod(event, &event) * 1e6;
		event += 2;
		if (!strncmp(event, "mmap_lock_acquire_returned", 26)) {
			if (!held++)
				since = at, blocks = 0, *last = 0;
		} else if (!strncmp(event, "mmap_lock_released", 18)) {
			if (!held || --held)
				continue;
			h.n++;
			if (blocks > h.most_blocks)
				h.most_blocks = blocks;
			if (at - since > h.longest_us)
				h.longest_us = at - since;
		} else if (held && !strncmp(event, "sched_switch", 12)) {
			h.preempted++;
		} else if (!strncmp(event, "dphuge_fold", 11) || !strncmp(event, "dphuge_promote", 14) ||
			   !strncmp(event, "dphuge_demote", 13)) {
			/* A block's fold is followed by its promotion: "addr=0x... " */
			addr = strstr(event, "addr=");
			must(addr);
			addr[strcspn(addr, " \n")] = 0;
			if (strncmp(addr, last, sizeof(last) - 1)) {
				snprintf(last, sizeof(last), "%s", addr);
				blocks += held > 0;
				h.blocks++;
			}
		}
	}
	fclose(f);
	return h;
}

static void keep_max(unsigned long *max, unsigned long start)
{
	unsigned long us = now_us() - start;

	if (us > *max)
		*max = us;
}

int main(void)
{
	struct sched_param high = { .sched_priority = 10 }, normal = { 0 };
	unsigned long fault = 0, map_ = 0, alone = 0, unit, bound, until, faults = 0;
	unsigned long folds;
	pid_t spinners[SPINNERS];
	struct holds h;
	char *p;

	must(!write_to(PARAMS "pool_mib", "0"));
	/* No relatives of the memory, or its blocks would stay shared. */
	for (int i = 0; i < SPINNERS; i++) {
		spinners[i] = child(spin);
		kill(spinners[i], SIGSTOP);
	}
	p = map(BLOCKS * BLOCK, 0);
	memset(p, 1, BLOCKS * BLOCK);
	unit = block_us(p);
	memset(p, 1, BLOCKS * BLOCK);

	/* What it waits for without the thread: its own work, and the clock's ticks. */
	must(!sched_setscheduler(0, SCHED_FIFO, &high));
	must(!write_to(PARAMS "worker_percent", "0"));
	leave_work(p);
	for (unsigned long i = 0; i < 200; i++) {
		unsigned long start = now_us();

		p[i % BLOCKS * BLOCK + i * 7 % BLOCK_PAGES * PAGE] = 3;
		keep_max(&alone, start);
		start = now_us();
		munmap(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
		keep_max(&alone, start);
	}
	bound = 2 * unit + 2 * alone;

	for (int i = 0; i < SPINNERS; i++)
		kill(spinners[i], SIGCONT);
	folds = stat_of("folds");
	trace_thread(true);
	must(!write_to(PARAMS "worker_percent", "100"));
	for (until = now_us() + 4000000; now_us() < until; faults++) {
		unsigned long start = now_us(), at = faults * 37;

		p[at % BLOCKS * BLOCK + faults * 7 % BLOCK_PAGES * PAGE] = 3;
		keep_max(&fault, start);
		start = now_us();
		munmap(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), PAGE);
		keep_max(&map_, start);
		usleep(2000);
	}
	trace_thread(false);
	must(!sched_setscheduler(0, SCHED_OTHER, &normal));
	for (int i = 0; i < SPINNERS; i++)
		end(spinners[i]);
	h = read_trace();
	printf("# a block costs %lu us, a fault or mmap without the thread %lu; of %lu of each\n", unit, alone, faults);
	printf("# %lu holds of mmap_lock, the longest %.0f us, %lu switches away while it was held, %lu blocks worked on\n", h.n,
	       h.longest_us, h.preempted, h.blocks);
	ok(fault <= bound, "a real-time thread's write waits %lu us at most, allowed are %lu", fault, bound);
	ok(map_ <= bound, "its mmap waits %lu us at most", map_);
	ok(stat_of("folds") > folds, "meanwhile %lu blocks were put in order", stat_of("folds") - folds);
	ok(h.most_blocks <= 1, "between taking and dropping mmap_lock it works on %lu blocks at most", h.most_blocks);
	munmap(p, BLOCKS * BLOCK);
	must(!write_to(PARAMS "worker_percent", "50"));
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
