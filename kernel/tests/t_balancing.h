/* SPDX-License-Identifier: GPL-2.0 */
/* NUMA balancing, and memory that is moved between nodes. Needs root and two nodes. */
#ifndef DPH_TEST_BALANCING_H
#define DPH_TEST_BALANCING_H

#include <linux/mempolicy.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "t.h"

#define SCHED_NUMA "/sys/kernel/debug/sched/numa_balancing/"

/* A number in /proc/vmstat; 0 if it isn't there. */
static inline unsigned long vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	unsigned long n = 0;
	char line[128];

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			n = strtoul(line + strlen(name), NULL, 10);
	fclose(f);
	return n;
}

/* Balancing looks at a process's memory soon and often. Return 0, or errno. */
static inline int balance_soon(void)
{
	static const char *const set[][2] = { { SCHED_NUMA "scan_delay_ms", "10" },
					      { SCHED_NUMA "scan_period_min_ms", "20" },
					      { SCHED_NUMA "scan_period_max_ms", "100" } };
	int err = 0;

	if (access(SCHED_NUMA, F_OK) && mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL))
		return errno;
	for (unsigned int i = 0; i < COUNT_OF(set) && !err; i++)
		err = write_to(set[i][0], set[i][1]);
	return err;
}

#define MOVED_AT_ONCE 1536u /* pages */

/* Move pages to @node by move_pages(). One that can't be moved is no error. Return 0, or errno. */
static inline int move_to_node(char *p, size_t n, int node)
{
	static _Thread_local void *pages[MOVED_AT_ONCE];
	static _Thread_local int nodes[MOVED_AT_ONCE], status[MOVED_AT_ONCE];

	for (size_t i = 0; i < n / PAGE; i++) {
		pages[i] = p + i * PAGE;
		nodes[i] = node;
	}
	return syscall(SYS_move_pages, 0, n / PAGE, pages, nodes, status, MPOL_MF_MOVE) < 0 ? errno : 0;
}

/* All of the process's memory moves to @node, 0 or 1. Return 0, or errno. */
static inline int migrate_to_node(int node)
{
	unsigned long from = 1UL << !node, to = 1UL << node;

	return syscall(SYS_migrate_pages, 0, 64, &from, &to) < 0 ? errno : 0;
}

static inline int bind_to_node(char *p, size_t n, int node)
{
	unsigned long mask = 1UL << node;

	return syscall(SYS_mbind, p, n, MPOL_BIND, &mask, 64, MPOL_MF_MOVE) ? errno : 0;
}

#endif /* DPH_TEST_BALANCING_H */
