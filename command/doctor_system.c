// SPDX-License-Identifier: MIT
/* `dphuge doctor`: the kernel, its settings, limits, and the processor's counters. */
#include "doctor_system.h"
#include "driver.h"
#include "finding.h"
#include "line.h"

#include <errno.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

void doctor_system_kernel(struct finding *f)
{
	struct utsname u;

	uname(&u);
	if (strcmp(u.machine, "x86_64"))
		finding_set(f, FINDING_FAIL, "use an x86-64 machine", "Linux %s on %s", u.release, u.machine);
	else
		finding_set(f, FINDING_OK, NULL, "Linux %s on %s", u.release, u.machine);
}

#define THP "/sys/kernel/mm/transparent_hugepage/"

void doctor_system_thp(struct finding *f)
{
	char text[64];

	if (!line_first(THP "enabled", text, sizeof(text)))
		finding_set(f, driver_is_loaded() ? FINDING_OK : FINDING_FAIL,
			    driver_is_loaded() ? NULL : "load the driver", "this kernel has no transparent huge pages");
	else if (strstr(text, "[never]"))
		finding_set(f, driver_is_loaded() ? FINDING_WARN : FINDING_FAIL, "echo madvise > " THP "enabled",
			    "transparent huge pages: %s", text);
	else
		finding_set(f, FINDING_OK, NULL, "transparent huge pages: %s", text);
}

void doctor_system_defrag(struct finding *f)
{
	char text[64];

	if (!line_first(THP "defrag", text, sizeof(text)))
		finding_set(f, FINDING_OK, NULL, "this kernel has no setting \"defrag\"");
	else if (strstr(text, "[never]") || strstr(text, "[defer]"))
		finding_set(f, FINDING_WARN, "echo madvise > " THP "defrag",
			    "defrag: %s: when memory is fragmented, programs get 2 MiB pages only after the kernel has "
			    "made some in the background",
			    text);
	else
		finding_set(f, FINDING_OK, NULL, "defrag: %s", text);
}

void doctor_system_pool(struct finding *f)
{
	char text[32];
	unsigned long pages = line_first("/proc/sys/vm/nr_hugepages", text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;

	if (pages)
		finding_set(
		    f, FINDING_WARN, "echo 0 > /proc/sys/vm/nr_hugepages, unless other programs want it",
		    "%lu pages of 2 MiB are set aside in the hugetlb pool; only DPHUGE_BACKEND=hugetlb uses them",
		    pages);
	else
		finding_set(f, FINDING_OK, NULL, "no memory is set aside in the hugetlb pool");
}

void doctor_system_overcommit(struct finding *f)
{
	char text[32];

	if (line_first("/proc/sys/vm/overcommit_memory", text, sizeof(text)) && *text == '2')
		finding_set(f, FINDING_WARN, "echo 0 > /proc/sys/vm/overcommit_memory",
			    "overcommit_memory is 2: freed memory that is still mapped counts against the limit");
	else
		finding_set(f, FINDING_OK, NULL, "overcommit_memory is %s", text);
}

void doctor_system_cgroup(struct finding *f)
{
	char line[PATH_MAX], path[PATH_MAX + 64], max[32];

	if (!line_first("/proc/self/cgroup", line, sizeof(line)) || strncmp(line, "0::", 3)) {
		finding_set(f, FINDING_OK, NULL, "this process is in no cgroup of version 2");
		return;
	}
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
	if (!line_first(path, max, sizeof(max)) || !strcmp(max, "max")) {
		finding_set(f, FINDING_OK, NULL, "this cgroup has no memory limit");
	} else if (strtoull(max, NULL, 10) < 256ull << 20) {
		finding_set(f, FINDING_WARN, "raise its memory.max, or set DPHUGE_DECAY_MS=0",
			    "this cgroup may use only %s bytes", max);
	} else {
		finding_set(f, FINDING_OK, NULL, "this cgroup may use %s bytes", max);
	}
}

void doctor_system_addresses(struct finding *f)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
		finding_set(f, FINDING_WARN, "ulimit -v unlimited",
			    "ulimit -v is %llu kB: the large heap reserves as many addresses as that allows",
			    (unsigned long long)limit.rlim_cur / 1024);
	else
		finding_set(f, FINDING_OK, NULL, "addresses are not limited (ulimit -v)");
}

void doctor_system_counters(struct finding *f)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HW_CACHE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 |
						 PERF_COUNT_HW_CACHE_RESULT_MISS << 16,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0) {
		finding_set(f, FINDING_OK, NULL, "misses of the data TLB can be counted (perf stat)");
		close((int)fd);
	} else if (errno == EACCES || errno == EPERM) {
		finding_set(f, FINDING_WARN, "sysctl kernel.perf_event_paranoid=2",
			    "the processor's counters cannot be read: %s", strerror(errno));
	} else {
		finding_set(f, FINDING_WARN, NULL,
			    "the processor's counters are not available (%s), as in most virtual machines",
			    strerror(errno));
	}
}
