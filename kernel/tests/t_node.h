/* SPDX-License-Identifier: GPL-2.0 */
/* Memory nodes: where a thread runs. */
#ifndef DPH_TEST_NODE_H
#define DPH_TEST_NODE_H

#include <sched.h>

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

#endif /* DPH_TEST_NODE_H */
