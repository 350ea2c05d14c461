/* SPDX-License-Identifier: GPL-2.0 */
/* Memory nodes: where a thread runs, and where a page lies. */
#ifndef DPH_TEST_NODE_H
#define DPH_TEST_NODE_H

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>

#include "t.h"

/* The calling thread runs on the first processor of @node from now on. */
static inline void run_on(int node)
{
	char path[64], list[64] = "";
	cpu_set_t set;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist", node);
	f = fopen(path, "r");
	if (!f || !fgets(list, sizeof(list), f))
		bail("no node %d", node);
	fclose(f);
	CPU_ZERO(&set);
	CPU_SET(atoi(list), &set);
	must(!sched_setaffinity(0, sizeof(set), &set));
}

/* The node on which the page at @p lies. */
static inline int node_of(const char *p)
{
	int node = -1;

	must(!syscall(SYS_get_mempolicy, &node, NULL, 0, p, MPOL_F_NODE | MPOL_F_ADDR));
	return node;
}

#endif /* DPH_TEST_NODE_H */
