/* SPDX-License-Identifier: GPL-2.0 */
/* Memory cgroups, version 2. Needs root. */
#ifndef DPH_TEST_CGROUP_H
#define DPH_TEST_CGROUP_H

#include <sys/stat.h>

#include "t.h"

#define CGROUPS "/sys/fs/cgroup/"
/* Each processor keeps up to 64 pages' charge to a cgroup in stock (mm/memcontrol.c). */
#define CHARGE_STOCK (sysconf(_SC_NPROCESSORS_ONLN) * 64 * PAGE)

/* @group is the name of a directory right below the root. */
static inline void cgroup_make(const char *group)
{
	char path[128];

	write_to(CGROUPS "cgroup.subtree_control", "+memory");
	snprintf(path, sizeof(path), CGROUPS "%s", group);
	must(!mkdir(path, 0755) || errno == EEXIST);
}

static inline int cgroup_set(const char *group, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), CGROUPS "%s/%s", group, file);
	return write_to(path, text);
}

/* The calling process becomes a member. */
static inline void cgroup_join(const char *group)
{
	must(!cgroup_set(group, "cgroup.procs", "0"));
}

static inline unsigned long cgroup_charge(const char *group)
{
	char dir[128];

	snprintf(dir, sizeof(dir), CGROUPS "%s/", group);
	return number_in(dir, "memory.current");
}

/* Whether it can be removed, once its last member has ended. */
static inline bool cgroup_removed(const char *group)
{
	char path[128];

	snprintf(path, sizeof(path), CGROUPS "%s", group);
	return becomes(!rmdir(path));
}

#endif /* DPH_TEST_CGROUP_H */
