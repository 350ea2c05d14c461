// SPDX-License-Identifier: GPL-2.0
/*
 * Driver memory is charged to its process's memory cgroup as files' memory is, with
 * no more and no less than is held; the pool of zeroed pages serves every cgroup, and
 * is charged to none until it does. When a cgroup is out of memory, its OOM killer
 * sees which 2 MiB pages a process has, even if nothing maps them.
 *
 * Needs root.
 */
#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define GROUP "dphuge-charge"
#define OTHER "dphuge-charge-2"
#define BLOCKS 16UL
#define SIZE (BLOCKS * BLOCK)
/* Page tables, and what the slab allocator has for each block. */
#define OVERHEAD (2UL << 20)

/* A line of the cgroup's memory.stat, in bytes. */
static unsigned long stat_line(const char *group, const char *name)
{
	char path[128], line[128];
	unsigned long value = ~0UL;
	size_t n = strlen(name);
	FILE *f;

	snprintf(path, sizeof(path), CGROUPS "%s/memory.stat", group);
	must(f = fopen(path, "r"));
	while (value == ~0UL && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, n) && line[n] == ' ')
			value = strtoul(line + n, NULL, 10);
	fclose(f);
	must(value != ~0UL);
	return value;
}

static bool about(unsigned long value, unsigned long expected)
{
	return value + OVERHEAD >= expected && value <= expected + OVERHEAD + CHARGE_STOCK;
}

/* The statistics are gathered every two seconds. */
static bool becomes_about(const char *name, unsigned long expected)
{
	return becomes(about(stat_line(GROUP, name), expected));
}

static void charged(void)
{
	unsigned long before, kernel, file;
	char *p;

	cgroup_join(GROUP);
	p = map(SIZE, 0);
	before = cgroup_charge(GROUP);
	kernel = stat_line(GROUP, "kernel");
	file = stat_line(GROUP, "file");
	memset(p, 1, SIZE);
	ok(about(cgroup_charge(GROUP) - before, SIZE), "memory.current rises by what is held: %lu kB of %lu",
	   KB(cgroup_charge(GROUP) - before), KB(SIZE));
	ok(becomes_about("unevictable", SIZE) && becomes_about("file_mapped", SIZE),
	   "memory.stat has it as mapped and unevictable: %lu and %lu kB", KB(stat_line(GROUP, "file_mapped")),
	   KB(stat_line(GROUP, "unevictable")));
	ok(stat_line(GROUP, "kernel") < kernel + OVERHEAD && stat_line(GROUP, "file") < file + OVERHEAD,
	   "and not as the kernel's own or as page cache: %lu and %lu kB", KB(stat_line(GROUP, "kernel")),
	   KB(stat_line(GROUP, "file")));
	munmap(p, SIZE);
	ok(about(cgroup_charge(GROUP), before), "it goes when the memory goes");
	ok(becomes_about("unevictable", 0) && becomes_about("file_mapped", 0), "from memory.stat as well");
	cgroup_join("."); /* the root */
}

static int take_one(void *group)
{
	unsigned long hits, before;
	char *p = map(BLOCK, 0);

	cgroup_join(group);
	before = cgroup_charge(group);
	hits = stat_of("pool_hits");
	*p = 1;
	return stat_of("pool_hits") - hits != 1 || cgroup_charge(group) < before + BLOCK / 2;
}

static int ask(void *group)
{
	cgroup_join(group);
	*map(BLOCK, 0) = 1;
	return 0;
}

static void pool(void)
{
	unsigned long charge;

	must(!write_to(PARAMS "pool_mib", "4"));
	must(in_child(ask, GROUP));
	ok(becomes(stat_of("pool_bytes") == 2 * BLOCK), "the pool is filled");
	charge = cgroup_charge(GROUP);
	ok(charge < BLOCK, "and is not charged to who has asked for it: %lu kB", KB(charge));
	ok(in_child(take_one, OTHER), "another cgroup gets a page of it, and is charged");
	must(!write_to(PARAMS "pool_mib", "0"));
	ok(becomes(stat_of("pool_bytes") == 0), "it goes when it is turned off");
}

#define LIMIT (96UL << 20)
#define HOG (64UL << 20)

static int hold(void *arg)
{
	char *p = map(HOG, 0);
	int *pipes = arg;

	cgroup_join(GROUP);
	memset(p, 1, HOG);
	must(!madvise(p, HOG, MADV_DONTNEED));
	must(write(pipes[1], "", 1) == 1);
	pause();
	return 0;
}

static int need(void *arg)
{
	char *p = anonymous(LIMIT / 2);

	(void)arg;
	cgroup_join(GROUP);
	memset(p, 1, LIMIT / 2);
	return 0;
}

static void out_of_memory(void)
{
	char limit[32], c;
	int pipes[2], status;
	pid_t hog;

	snprintf(limit, sizeof(limit), "%lu", LIMIT);
	must(!pipe(pipes) && !cgroup_set(GROUP, "memory.max", limit));
	hog = fork_now();
	if (!hog)
		_exit(hold(pipes));
	must(read(pipes[0], &c, 1) == 1);
	ok(in_child(need, NULL), "a process that needs half of its cgroup's limit gets it");
	kill(hog, SIGTERM);
	status = wait_for(hog);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	   "whoever has two thirds of it, and has dropped all by MADV_DONTNEED, is killed for it");
}

int main(void)
{
	cgroup_make(GROUP);
	cgroup_make(OTHER);
	must(!write_to(PARAMS "pool_mib", "0"));
	charged();
	pool();
	out_of_memory();
	ok(device_empty(), "the device holds nothing at the end");
	ok(cgroup_removed(GROUP) && cgroup_removed(OTHER), "the memory cgroups can be removed");
	return tap_done();
}
