// SPDX-License-Identifier: MIT
/* dphuge doctor: the kernel, its settings, limits and the processor's counters. */
#include "command.h"
#include "doctor.h"
#include "driver.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

void doctor_kernel(struct finding *f)
{
	struct utsname u;

	uname(&u);
	if (strcmp(u.machine, "x86_64"))
		found(f, FAIL, "use an x86-64 machine", "Linux %s on %s", u.release, u.machine);
	else
		found(f, OK, NULL, "Linux %s on %s", u.release, u.machine);
}

#define THP "/sys/kernel/mm/transparent_hugepage/"

void doctor_thp(struct finding *f)
{
	char text[64];

	if (!line_of(THP "enabled", text, sizeof(text)))
		found(f, driver_is_loaded() ? OK : FAIL, driver_is_loaded() ? NULL : "load the driver",
		      "this kernel has no transparent huge pages");
	else if (strstr(text, "[never]"))
		found(f, driver_is_loaded() ? WARN : FAIL, "echo madvise > " THP "enabled",
		      "transparent huge pages: %s", text);
	else
		found(f, OK, NULL, "transparent huge pages: %s", text);
}

void doctor_defrag(struct finding *f)
{
	char text[64];

	if (!line_of(THP "defrag", text, sizeof(text)))
		found(f, OK, NULL, "no defrag setting");
	else if (strstr(text, "[never]") || strstr(text, "[defer]"))
		found(f, WARN, "echo madvise > " THP "defrag",
		      "defrag: %s: in fragmented memory, programs wait for 2 MiB pages to be made in the background",
		      text);
	else
		found(f, OK, NULL, "defrag: %s", text);
}

void doctor_pool(struct finding *f)
{
	char text[32];
	unsigned long pages = line_of("/proc/sys/vm/nr_hugepages", text, sizeof(text)) ? strtoul(text, NULL, 10) : 0;

	if (pages)
		found(f, WARN, "echo 0 > /proc/sys/vm/nr_hugepages, unless other programs want it",
		      "%lu pages of 2 MiB are set aside in the hugetlb pool; only DPHUGE_BACKEND=hugetlb uses them",
		      pages);
	else
		found(f, OK, NULL, "no memory is set aside in the hugetlb pool");
}

void doctor_overcommit(struct finding *f)
{
	char text[32];

	if (line_of("/proc/sys/vm/overcommit_memory", text, sizeof(text)) && *text == '2')
		found(f, WARN, "echo 0 > /proc/sys/vm/overcommit_memory",
		      "overcommit_memory is 2: freed memory that is still mapped counts against the limit");
	else
		found(f, OK, NULL, "overcommit_memory is %s", text);
}

/* Of cgroup2, this process's own. */
void doctor_cgroup(struct finding *f)
{
	char line[PATH_MAX], path[PATH_MAX + 64], max[32];

	if (!line_of("/proc/self/cgroup", line, sizeof(line)) || strncmp(line, "0::", 3)) {
		found(f, OK, NULL, "no cgroup2 here");
		return;
	}
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", line + 3);
	if (!line_of(path, max, sizeof(max)) || !strcmp(max, "max")) {
		found(f, OK, NULL, "this cgroup has no limit of memory");
	} else if (strtoull(max, NULL, 10) < 256ull << 20) {
		found(f, WARN, "give it more, or set DPHUGE_DECAY_MS=0", "this cgroup may have %s bytes only", max);
	} else {
		found(f, OK, NULL, "this cgroup may have %s bytes", max);
	}
}

void doctor_addresses(struct finding *f)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur != RLIM_INFINITY)
		found(f, WARN, "ulimit -v unlimited", "ulimit -v is %llu kB: the large heap takes what it can of it",
		      (unsigned long long)limit.rlim_cur / 1024);
	else
		found(f, OK, NULL, "addresses aren't limited (ulimit -v)");
}

void doctor_counters(struct finding *f)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HW_CACHE,
				       .size = sizeof(attr),
				       .config = PERF_COUNT_HW_CACHE_DTLB | PERF_COUNT_HW_CACHE_OP_READ << 8 |
						 PERF_COUNT_HW_CACHE_RESULT_MISS << 16,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};
	long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd >= 0) {
		found(f, OK, NULL, "misses of the data TLB can be counted (perf stat)");
		close((int)fd);
	} else if (errno == EACCES || errno == EPERM) {
		found(f, WARN, "sysctl kernel.perf_event_paranoid=2", "the processor's counters can't be read: %s",
		      strerror(errno));
	} else {
		found(f, WARN, NULL, "the processor's counters aren't there (%s), as in most virtual machines",
		      strerror(errno));
	}
}
