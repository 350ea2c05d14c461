// SPDX-License-Identifier: GPL-2.0
/* On a machine with two memory nodes (scripts/vm --nodes 2 --cpus 2): reservations
 * that nobody uses are given back before anybody is killed for want of memory, on
 * whichever node they lie and wherever the task ran that made them: for a task that
 * is bound to that node, for a memory cgroup at its limit, for one that is both.
 *
 * A task on one node makes reservations on the other (mbind). Each has one page of
 * 512 in use. Then somebody needs what is left of that node, and a good part of what is
 * only reserved there. Control: the same with reservations made by a task that runs
 * on their own node. Needs root and swap off. */
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"
#include "t_node.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define GROUP "/sys/fs/cgroup/dphuge-nodes"

static unsigned long node_free_mib(int node)
{
	char path[64], line[128];
	unsigned long kb = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/meminfo", node);
	f = fopen(path, "r");
	must(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "Node %*d MemFree: %lu", &kb);
	fclose(f);
	return kb >> 10;
}

static void enter_group(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	must(!write_to(GROUP "/cgroup.procs", pid));
}

static void bind_memory(int node)
{
	unsigned long mask = 1UL << node;

	must(!syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)));
}

/* Reserves @blocks on @node while it runs on @runs_on, and waits to be killed. */
static pid_t reserve_on(unsigned long blocks, int node, int runs_on, bool in_group)
{
	unsigned long mask = 1UL << node;
	int ready[2];
	pid_t pid;
	char x;

	must(!pipe(ready));
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		char *p;

		/* Whoever is killed, it is not to be this one. */
		must(!write_to("/proc/self/oom_score_adj", "-1000"));
		if (in_group)
			enter_group();
		run_on(runs_on);
		p = map(blocks * BLOCK, 100);
		must(!syscall(SYS_mbind, p, blocks * BLOCK, MPOL_BIND, &mask, 8 * sizeof(mask), 0));
		for (unsigned long b = 0; b < blocks; b++)
			p[b * BLOCK] = 'r';
		must(write(ready[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	must(read(ready[0], &x, 1) == 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* Its status: it touches @mib of anonymous memory. */
static int need(unsigned long mib, int node, bool in_group)
{
	size_t len = mib << 20;
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		char *p;

		must(!write_to("/proc/self/oom_score_adj", "1000"));
		if (in_group)
			enter_group();
		if (node >= 0)
			bind_memory(node);
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(p != MAP_FAILED && !madvise(p, len, MADV_NOHUGEPAGE));
		for (size_t i = 0; i < len; i += PAGE)
			p[i] = 1;
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid);
	return status;
}

static void over(pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
	must(device_empty());
}

/* A task bound to @node needs more of it than is free. */
static void node_runs_short(int node, int runs_on)
{
	unsigned long blocks = node_free_mib(node) * 3 / 4 / 2, reclaims = stat_of("reclaims"), left, free_mib;
	pid_t pid = reserve_on(blocks, node, runs_on, false);
	int status;

	free_mib = node_free_mib(node);
	status = need(free_mib + blocks, node, false); /* half of what is reserved */
	left = stat_of("bytes") >> 20;
	ok(!status, "node %d has %lu MiB left and %lu MiB that a task on node %d only reserved: %lu MiB are had (%s %d)", node,
	   free_mib, 2 * blocks, runs_on, free_mib + blocks, WIFSIGNALED(status) ? "signal" : "exit",
	   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	ok(stat_of("reclaims") > reclaims, "from reservations: %lu broken up, %lu MiB still held", stat_of("reclaims") - reclaims,
	   left);
	over(pid);
}

/* A cgroup at its limit has reservations, made on @runs_on, that lie on @node; who needs
 * memory takes it from @needs (-1: anywhere). */
static void group_runs_short(int node, int runs_on, int needs)
{
	unsigned long reclaims = stat_of("reclaims");
	pid_t pid;
	int status;

	write_to("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	must(!mkdir(GROUP, 0755));
	must(!write_to(GROUP "/memory.max", "200M"));
	write_to(GROUP "/memory.swap.max", "0");
	pid = reserve_on(70, node, runs_on, true); /* 140 MiB */
	status = need(140, needs, true);
	ok(!status, "a cgroup of 200 MiB has 140 on node %d that a task on node %d only reserved: 140 MiB from %s are had (%s %d)",
	   node, runs_on, needs < 0 ? "anywhere" : needs ? "node 1" : "node 0", WIFSIGNALED(status) ? "signal" : "exit",
	   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	ok(stat_of("reclaims") > reclaims, "from reservations: %lu broken up", stat_of("reclaims") - reclaims);
	over(pid);
	must(becomes(!rmdir(GROUP)));
}

/* A cgroup's need is no business of others: their reservations stay, on both nodes. */
static void others_stay(void)
{
	pid_t others[2] = { reserve_on(20, 0, 1, false), reserve_on(20, 1, 0, false) };
	unsigned long before = stat_of("bytes"), after = 0;
	pid_t pid;

	must(!mkdir(GROUP, 0755));
	must(!write_to(GROUP "/memory.max", "60M"));
	write_to(GROUP "/memory.swap.max", "0");
	pid = reserve_on(20, 1, 0, true); /* 40 MiB */
	need(40, -1, true);
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
	must(becomes((after = stat_of("bytes")) <= before));
	ok(after == before,
	   "what a cgroup at its limit gets back isn't others': %lu of %lu MiB held", after >> 20, before >> 20);
	kill(others[0], SIGKILL);
	must(waitpid(others[0], NULL, 0) == others[0]);
	over(others[1]);
	must(becomes(!rmdir(GROUP)));
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	node_runs_short(1, 1);
	node_runs_short(1, 0);
	node_runs_short(0, 1);
	for (int node = 0; node < 2; node++)
		for (int runs_on = 0; runs_on < 2; runs_on++)
			group_runs_short(node, runs_on, -1);
	group_runs_short(1, 0, 1);
	group_runs_short(0, 1, 1);
	others_stay();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
