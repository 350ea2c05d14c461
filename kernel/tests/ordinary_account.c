// SPDX-License-Identifier: GPL-2.0
/* How memory is locked, counted, limited, watched and moved. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"
#include "t_node.h"
#include "ordinary.h"

static unsigned long status_kb(const char *field)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kb = 0;
	char line[200];

	must(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			sscanf(line + strlen(field), ": %lu", &kb);
	fclose(f);
	return kb;
}

static void locked(char *p)
{
	saw_result(mlock(p, LEN), "0");
	saw("%lu kB", status_kb("VmLck"));
	saw_result(madvise(p, LEN, MADV_DONTNEED), "dropped");
	saw_result(munlock(p, LEN), "0");
}

static void lock_limit(char *p)
{
	struct rlimit limit = { PAGE, PAGE };

	must(!setrlimit(RLIMIT_MEMLOCK, &limit) && !setgid(65534) && !setuid(65534));
	saw_result(mlock(p, LEN), "0");
}

/* Whether another mapping can be had. */
static int maps_more(void *unused)
{
	(void)unused;
	more_memory(LEN);
	return 0;
}

static void address_limit(char *p)
{
	struct rlimit limit = { status_kb("VmSize") * 1024 + LEN / 2, RLIM_INFINITY };

	(void)p;
	must(!setrlimit(RLIMIT_AS, &limit));
	fclose(stdout); /* it says so */
	saw("%s", in_child(maps_more, NULL) ? "more than the limit" : "refused");
}

static void data_limit(char *p)
{
	struct rlimit limit = { status_kb("VmData") * 1024 + LEN / 2, RLIM_INFINITY };

	(void)p;
	must(!setrlimit(RLIMIT_DATA, &limit));
	fclose(stdout);
	saw("%s", in_child(maps_more, NULL) ? "more than the limit" : "refused");
}

static void overcommit(char *p)
{
	unsigned long before = meminfo_kb("Committed_AS");

	(void)p;
	more_memory(64 * BLOCK);
	saw("%s", meminfo_kb("Committed_AS") >= before + KB(32 * BLOCK) ? "counted" : "not counted");
}

static void resident(char *p)
{
	unsigned long before = status_kb("VmRSS"), after;

	saw("Rss %lu kB, Pss %lu kB, dirty %lu kB", smaps_kb(p, LEN, "Rss"), smaps_kb(p, LEN, "Pss"),
	    smaps_kb(p, LEN, "Private_Dirty") + smaps_kb(p, LEN, "Shared_Dirty"));
	munmap(p, LEN);
	after = status_kb("VmRSS");
	saw("VmRSS %s", before - after > KB(LEN) * 3 / 4 ? "has it" : "lacks it");
}

static void kinds_of_resident(char *p)
{
	saw("%lu kB Anonymous, %lu kB AnonHugePages", smaps_kb(p, LEN, "Anonymous"), smaps_kb(p, LEN, "AnonHugePages"));
}

static void charge(char *p)
{
	unsigned long before;
	char *q;

	(void)p;
	cgroup_make("ordinary");
	cgroup_join("ordinary");
	before = cgroup_charge("ordinary");
	q = more_memory(16 * BLOCK);
	for (unsigned long i = 0; i < 16 * BLOCK; i += PAGE)
		q[i] = 'A';
	saw("%s", cgroup_charge("ordinary") - before >= 16 * BLOCK ? "charged" : "not charged");
}

static void present(char *p)
{
	unsigned char in_core[LEN / PAGE];
	unsigned long n = 0;
	char *fresh = more_memory(LEN);

	must(!mincore(p, LEN, in_core));
	for (unsigned long i = 0; i < LEN / PAGE; i++)
		n += in_core[i] & 1;
	saw("%lu pages", n);
	must(!mincore(fresh, LEN, in_core));
	saw("%s", in_core[0] & 1 ? "untouched ones too" : "no untouched ones");
}

static void soft_dirty(char *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned long entry[2];

	must(fd >= 0 && !write_to("/proc/self/clear_refs", "4"));
	p[BLOCK] = 'B';
	for (int i = 0; i < 2; i++) {
		off_t at = (off_t)((uintptr_t)(p + i * BLOCK) / PAGE * 8);

		must(pread(fd, &entry[i], 8, at) == 8);
		saw("%s", entry[i] >> 55 & 1 ? "dirty" : "clean");
	}
}

static void userfault(char *p)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .range = { (uintptr_t)p, LEN }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	must(fd >= 0 && !ioctl(fd, UFFDIO_API, &api));
	saw_result(ioctl(fd, UFFDIO_REGISTER, &range), "0");
}

/* Where the memory lies, and whether it goes where it is told to. */
static void policy(char *p)
{
	unsigned long mask = 1UL << 1;
	char *fresh = more_memory(LEN);

	(void)p;
	saw_result(syscall(SYS_mbind, fresh, LEN, MPOL_BIND, &mask, 8 * sizeof(mask), 0), "0");
	memset(fresh, 'A', LEN);
	saw("node %d", node_of(fresh));
}

static void move_pages(char *p)
{
	int node = !node_of(p), status = -1;
	void *page = p;

	saw_result(syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, MPOL_MF_MOVE), "0");
	saw("%s", node_of(p) == node ? "it is there" : "it stays");
	saw("%s", content(p));
}

static void named(char *p)
{
	if (prctl(0x53564d41 /* PR_SET_VMA */, 0UL, p, LEN, "name") && errno == EINVAL)
		saw("none"); /* without CONFIG_ANON_VMA_NAME */
	else
		saw_result(prctl(0x53564d41, 0UL, p, LEN, "name"), "0");
}

static void sealed(char *p)
{
	if (syscall(462 /* mseal */, p, LEN, 0) && errno == ENOSYS) {
		saw("none");
		return;
	}
	saw_result(munmap(p, LEN), "0");
	saw("%s", content(p));
}


const struct row account_rows[] = {
	{ "mlock(2)", locked },
	{ "RLIMIT_MEMLOCK", lock_limit },
	{ "RLIMIT_AS", address_limit },
	{ "RLIMIT_DATA", data_limit },
	{ "overcommit", overcommit },
	{ "resident memory in smaps and status", resident },
	{ "anonymous memory in smaps", kinds_of_resident },
	{ "memory.current of a cgroup", charge },
	{ "mincore(2)", present },
	{ "soft-dirty bits", soft_dirty },
	{ "userfaultfd(2), missing pages", userfault },
	{ "mbind(2)", policy },
	{ "move_pages(2)", move_pages },
	{ "PR_SET_VMA_ANON_NAME", named },
	{ "mseal(2)", sealed },
	{ NULL, NULL },
};
