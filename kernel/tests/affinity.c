// SPDX-License-Identifier: GPL-2.0
/* Where the background thread runs is the administrator's to say: what taskset or the
 * kernel's command line set stays so, whatever work the thread has and on which
 * memory nodes it lies; and it doesn't hop from node to node for each block. That
 * memory comes from the right node is no reason, as it can be asked for from any
 * processor. For a guest with two nodes (scripts/vm --nodes 2 --cpus 4). Needs root. */
#include "t_node.h"
#include "thread.h"

#include <stdatomic.h>

#define BLOCKS 40UL

static atomic_bool *enough; /* shared: the child that makes work ends */

static void keep_on(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(pid, sizeof(set), &set));
}

/* The first processor of a node. */
static int cpu_of(int node)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/", node);
	return number_in(path, "cpulist");
}

static unsigned long migrations(void)
{
	char value[64];

	thread_field("sched", "se.nr_migrations", value, sizeof(value));
	return strtoul(value, NULL, 10);
}

/* Work for it on @node: blocks to put in order after a fork, and a pool to fill. */
static unsigned long work(int node)
{
	unsigned long folds = stat_of("folds");
	pid_t pid;
	char *p;

	keep_on(0, cpu_of(node));
	p = map(BLOCKS * BLOCK, 0);
	memset(p, 1, BLOCKS * BLOCK);
	pid = sleeping_child();
	for (unsigned long b = 0; b < BLOCKS; b++)
		p[b * BLOCK] = 2;
	kill_child(pid);
	if (!becomes(stat_of("folds") >= folds + BLOCKS))
		bail("of %lu blocks %lu were put in order", BLOCKS, stat_of("folds") - folds);
	munmap(p, BLOCKS * BLOCK);
	return stat_of("folds") - folds;
}

/* Three blocks from the node's pool, all on it? */
static bool pool_serves(int node)
{
	keep_on(0, cpu_of(node));
	for (unsigned int ms = 100, waited = 0; waited < PATIENCE_MS; waited += ms) {
		unsigned long hits = stat_of("pool_hits");
		char *p = map(3 * BLOCK, 0);
		bool there = true;

		for (unsigned int i = 0; i < 3; i++) {
			p[i * BLOCK] = 1;
			there &= node_of(p + i * BLOCK) == node;
		}
		hits = stat_of("pool_hits") - hits;
		munmap(p, 3 * BLOCK);
		if (hits == 3)
			return there;
		usleep(ms * 1000);
		ms = ms < 5000 ? 2 * ms : ms;
	}
	return false;
}

/* At a thousand moments while it has work: where it may run, which must be @want. */
static unsigned long elsewhere(const char *want, int node)
{
	unsigned long wrong = 0;
	char allowed[64];
	pid_t pid;

	atomic_store(enough, false);
	pid = fork_now();
	if (!pid) {
		while (!atomic_load(enough))
			work(node);
		_exit(0);
	}
	for (unsigned int i = 0; i < 1000; i++) {
		thread_field("status", "Cpus_allowed_list", allowed, sizeof(allowed));
		wrong += !!strcmp(allowed, want);
		usleep(3000);
	}
	/* It isn't killed: it may have a child just then, which would stay, and all memory with it. */
	atomic_store(enough, true);
	must(succeeded(wait_for(pid)));
	return wrong;
}

int main(void)
{
	char before[64], after[64], want[16];
	unsigned long hops, folds;

	enough = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(enough != MAP_FAILED);
	/* It is not what this is about, and has its own ideas of who runs where. */
	must(!write_to("/proc/sys/kernel/numa_balancing", "0"));
	thread_field("status", "Cpus_allowed_list", before, sizeof(before));
	hops = migrations();
	folds = work(0) + work(1);
	hops = migrations() - hops;
	thread_field("status", "Cpus_allowed_list", after, sizeof(after));
	ok(!strcmp(before, after), "nobody set it: allowed on processors %s, after %lu blocks on %s", before, folds, after);
	ok(hops <= folds / 10, "it went from one processor to another %lu times for %lu blocks, at most once for ten", hops, folds);
	for (int node = 0; node < 2; node++) {
		snprintf(want, sizeof(want), "%d", cpu_of(node));
		keep_on(thread_pid(), cpu_of(node));
		hops = migrations();
		folds = work(node) + work(!node);
		thread_field("status", "Cpus_allowed_list", after, sizeof(after));
		ok(!strcmp(after, want), "taskset to %s: after %lu blocks on both nodes it is allowed on %s", want, folds, after);
		ok(migrations() - hops <= 1, "and it stayed there: %lu hops", migrations() - hops);
		ok(pool_serves(!node), "the other node's pool is served from there, with that node's memory");
		thread_field("status", "Cpus_allowed_list", after, sizeof(after));
		ok(!strcmp(after, want), "and it is still allowed on %s only: %s", want, after);
		keep_on(thread_pid(), cpu_of(node));
		hops = elsewhere(want, !node);
		ok(!hops, "at no moment was it allowed elsewhere: %lu of 1000", hops);
	}
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
