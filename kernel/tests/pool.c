// SPDX-License-Identifier: GPL-2.0
/* The pool of zeroed 2 MiB pages: filled while blocks are faulted in, charged to
 * whom it is for, given up under pressure and when nobody asks. Needs root and
 * cgroup2. Run with init_on_alloc=0: only our own clearing counts then. */
#include "t.h"

#include <sys/stat.h>

#define CGROUP "/sys/fs/cgroup/"
#define POOL_MIB 8

static unsigned long pool(void)
{
	return stat_of("pool_bytes");
}

static void set_pool(const char *mib)
{
	must(!write_to(PARAMS "pool_mib", mib));
}

static bool emptied(void)
{
	return becomes(!pool());
}

static int dirty_memory(void *arg)
{
	size_t len = meminfo_kb("MemAvailable") * 1024UL / 100 * 70;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	must(p != MAP_FAILED);
	memset(p, 0x5a, len);
	return 0;
}

/* Touch a block, so that the pool is filled for this cgroup. */
static void ask(void)
{
	char *p = map(BLOCK, 0);

	p[0] = 1;
	munmap(p, BLOCK);
}

/* Asked once; again only where clearing it takes longer than the 10 s after
 * which the driver takes it that nobody asks any more. */
static bool filled(void)
{
	unsigned int looks = 0;

	return becomes((looks++ % 1100 || (ask(), true)) && pool() == POOL_MIB << 20);
}

static void serves(void)
{
	unsigned long hits, given, wrong = 0;
	char *p;

	must(in_child(dirty_memory, NULL));
	set_pool("8");
	ok(filled(), "after one 2 MiB fault the pool is filled: %lu MiB", pool() >> 20);
	p = map(4 * BLOCK, 0);
	hits = stat_of("pool_hits");
	for (unsigned int b = 0; b < 4; b++)
		p[b * BLOCK] = 0;
	given = stat_of("pool_hits") - hits;
	for (unsigned int b = 0; b < 4; b++)
		wrong += !all_bytes(p + b * BLOCK, BLOCK, 0);
	ok(given == 4, "four blocks come from it: %lu", given);
	ok(!wrong, "all zero");
	ok(smaps_kb(p, 4 * BLOCK, "FilePmdMapped") == KB(4 * BLOCK), "2 MiB pages");
	ok(stat_of("bytes") == 4 * BLOCK, "what lies in the pool isn't held by anybody");
	munmap(p, 4 * BLOCK);
	p = map(BLOCK, 50);
	hits = stat_of("pool_hits");
	p[0] = 1;
	ok(stat_of("pool_hits") == hits, "a reservation takes none");
	munmap(p, BLOCK);
}

static void off(void)
{
	unsigned long hits;

	set_pool("0");
	ok(emptied(), "pool_mib=0 empties it");
	hits = stat_of("pool_hits");
	ask();
	usleep(300000);
	ok(!pool() && stat_of("pool_hits") == hits, "and it stays empty");
	ok(write_to(PARAMS "pool_mib", "-1") == EINVAL && write_to(PARAMS "pool_mib", "65537") == EINVAL,
	   "wrong sizes are EINVAL");
}

static void gives_way(void)
{
	set_pool("8");
	must(filled());
	/* Which would fill it again after a second. */
	must(!write_to(PARAMS "worker_percent", "0"));
	must(!write_to("/proc/sys/vm/drop_caches", "2"));
	ok(!pool(), "the shrinker empties it");
	must(!write_to(PARAMS "worker_percent", "50"));
	must(filled());
	ok(emptied(), "when nobody asks it goes back");
}

static unsigned long charged(const char *group)
{
	char dir[128];

	snprintf(dir, sizeof(dir), CGROUP "%s/", group);
	return number_in(dir, "memory.current");
}

static void join(const char *group)
{
	char path[128];

	snprintf(path, sizeof(path), CGROUP "%s/cgroup.procs", group);
	must(!write_to(path, "0"));
}

static int fill_for_a(void *arg)
{
	(void)arg;
	join("pool-a");
	return !filled();
}

static int take_in_b(void *arg)
{
	unsigned long hits = stat_of("pool_hits"), a = charged("pool-a"), b;
	char *p = map(BLOCK, 0);

	(void)arg;
	join("pool-b");
	b = charged("pool-b");
	p[0] = 1;
	if (stat_of("pool_hits") != hits)
		return 1;
	if (charged("pool-b") + CHARGE_STOCK < b + BLOCK)
		return 2;
	return charged("pool-a") > a + CHARGE_STOCK;
}

/* Its limit leaves room for its own memory only: the pool goes, nobody is killed. */
static int eat_in_a(void *arg)
{
	char *p = mmap(NULL, 22 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	must(p != MAP_FAILED);
	join("pool-a");
	must(filled());
	memset(p, 1, 22 << 20);
	return 0;
}

static void cgroups(void)
{
	mkdir(CGROUP "pool-a", 0755);
	mkdir(CGROUP "pool-b", 0755);
	must(!write_to(CGROUP "cgroup.subtree_control", "+memory"));
	set_pool("8");
	must(in_child(fill_for_a, NULL));
	ok(charged("pool-a") + CHARGE_STOCK >= POOL_MIB << 20, "the pool is charged to the cgroup that it is for: %lu KiB",
	   charged("pool-a") >> 10);
	ok(in_child(take_in_b, NULL), "another cgroup gets none of it, and pays for itself");
	set_pool("0");
	must(emptied());
	ok(charged("pool-a") < BLOCK + CHARGE_STOCK, "emptied, nothing stays charged: %lu KiB", charged("pool-a") >> 10);
	must(!write_to(CGROUP "pool-a/memory.max", "26M"));
	set_pool("8");
	ok(in_child(eat_in_a, NULL), "a cgroup at its limit gets the pool's memory; nobody is killed");
	set_pool("0");
	must(emptied());
	ok(becomes(!rmdir(CGROUP "pool-a")) && becomes(!rmdir(CGROUP "pool-b")), "and the cgroups can be removed");
}

int main(void)
{
	serves();
	off();
	gives_way();
	cgroups();
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
