// SPDX-License-Identifier: GPL-2.0
/* Memory is short: reservations and zeroes go back before anybody is killed,
 * bytes stay, and 2 MiB pages return when memory does. Needs root and 2 GiB. */
#include <signal.h>
#include <sys/stat.h>

#include "t.h"

#define GIB (1UL << 30)
#define CGROUP "/sys/fs/cgroup/dphuge-test"

/*
 * A process that takes memory as 4 KiB pages, a MiB at a time, until the device
 * holds no more than @enough, or it has @max. It looks itself, so that it doesn't
 * go on while somebody is on the way to stop it. It shares nothing with us (exec).
 */
struct eater {
	pid_t pid;
	int from;
};

static int eat(size_t max, size_t enough, bool holes)
{
	int fd = memfd_create("eater", 0);
	size_t n = 0;
	char *p;

	must(fd >= 0 && !ftruncate(fd, max));
	p = mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	must(p != MAP_FAILED);
	/* With compact_unevictable_allowed = 0 compaction can't move it. */
	must(!holes || !mlock2(p, max, MLOCK_ONFAULT));
	while (n < max && !(enough && stat_of("bytes") <= enough)) {
		for (size_t end = n + (1 << 20); n < end && n < max; n += PAGE)
			p[n] = 1;
		usleep(1000);
	}
	/* No two free pages side by side, so none of 2 MiB. */
	for (size_t i = 0; holes && i < n; i += 2 * PAGE)
		must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i, PAGE));
	must(write(STDOUT_FILENO, "", 1) == 1);
	for (;;)
		pause();
}

static struct eater start_eater(size_t max, size_t enough, bool holes)
{
	char most[32], until[32];
	struct eater e;
	int from[2];

	must(!pipe(from));
	snprintf(most, sizeof(most), "%zu", max);
	snprintf(until, sizeof(until), "%zu", enough);
	e.pid = fork();
	must(e.pid >= 0);
	if (!e.pid) {
		dup2(from[1], STDOUT_FILENO);
		execl("/proc/self/exe", "eater", most, until, holes ? "1" : "0", NULL);
		_exit(1);
	}
	close(from[1]);
	e.from = from[0];
	return e;
}

/* Once it has what it wants; false: it was killed. */
static bool eater_lives(struct eater *e)
{
	char c;

	return read(e->from, &c, 1) == 1;
}

static void stop_eater(struct eater *e)
{
	kill(e->pid, SIGKILL);
	waitpid(e->pid, NULL, 0);
	close(e->from);
}

static void touch_each_block(char *p, size_t blocks)
{
	for (size_t b = 0; b < blocks; b++)
		p[b * BLOCK + (b % BLOCK_PAGES) * PAGE] = (char)(b | 1);
}

/* @all: look at the untouched pages as well, which makes them touched. */
static bool touched_right(const char *p, size_t blocks, bool all)
{
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 0; i < BLOCK_PAGES; i++) {
			const char *page = p + b * BLOCK + i * PAGE;
			bool touched = i == b % BLOCK_PAGES;

			if (!touched && !all)
				continue;
			if (page[0] != (touched ? (char)(b | 1) : 0) || !all_bytes(page + 1, PAGE - 1, 0))
				return false;
		}
	return true;
}

/* One page in each block of 1 GiB, and somebody else wants the memory. */
static void sparse(int percent, const char *kind)
{
	const size_t blocks = GIB / BLOCK;
	unsigned long reclaims = stat_of("reclaims"), before;
	struct eater e;
	char *p;

	p = map(GIB, percent);
	touch_each_block(p, blocks);
	before = info_of(p).held;
	e = start_eater(8 * GIB, blocks * PAGE * 11 / 10, false);
	ok(before == GIB && eater_lives(&e),
	   "%s: %lu MiB held, then another process takes memory, and isn't killed", kind, before >> 20);
	ok(info_of(p).held <= blocks * PAGE * 11 / 10 && stat_of("reclaims") > reclaims,
	   "now %lu KiB are held for %lu KiB touched", (unsigned long)info_of(p).held >> 10, blocks * PAGE >> 10);
	stop_eater(&e);
	ok(touched_right(p, blocks, true), "and its bytes are right");
	munmap(p, GIB);
}

/* Blocks that lost their folio become dense: 2 MiB pages when memory is back. */
static void recovers(void)
{
	const size_t blocks = 128;
	char *p = map(blocks * BLOCK, 75);
	unsigned long wrong = 0;
	struct eater e;

	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 0; i < 100; i++)
			p[b * BLOCK + i * PAGE] = 1;
	e = start_eater(8 * GIB, 100 * PAGE * blocks, false);
	must(eater_lives(&e));
	ok(info_of(p).held == 100 * PAGE * blocks, "dense reservations broken up: %lu MiB held for %lu touched",
	   (unsigned long)info_of(p).held >> 20, 100 * PAGE * blocks >> 20);
	stop_eater(&e);
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 100; i < 400; i++)
			p[b * BLOCK + i * PAGE] = 2;
	ok(becomes(smaps_kb(p, blocks * BLOCK, "FilePmdMapped") == KB(blocks * BLOCK)),
	   "memory is back, and they are touched to the threshold: %lu of %lu MiB in 2 MiB pages",
	   smaps_kb(p, blocks * BLOCK, "FilePmdMapped") / 1024, blocks * BLOCK >> 20);
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 0; i < BLOCK_PAGES; i++)
			wrong += p[b * BLOCK + i * PAGE] != (i < 100 ? 1 : i < 400 ? 2 : 0);
	ok(!wrong, "and its bytes are right");
	munmap(p, blocks * BLOCK);
}

/* Every second page of memory is free, and no 2 MiB anywhere. */
static void fragmented(void)
{
	const size_t blocks = 200;
	unsigned long fallbacks = stat_of("fallbacks"), repairs = stat_of("repairs"), small;
	struct eater e;
	char *p;

	must(!write_to("/proc/sys/vm/compact_unevictable_allowed", "0"));
	e = start_eater((meminfo_kb("MemFree") - 160 * 1024) * 1024, 0, true);
	must(eater_lives(&e));
	p = map(blocks * BLOCK, 50);
	must(!write_to(PARAMS "worker_percent", "0"));
	memset(p, 7, blocks * BLOCK);
	small = KB(blocks * BLOCK) - smaps_kb(p, blocks * BLOCK, "FilePmdMapped");
	ok(small > 0 && stat_of("fallbacks") > fallbacks && all_bytes(p, blocks * BLOCK, 7),
	   "fragmented memory: %lu of %lu MiB on single pages, all bytes there", small / 1024, blocks * BLOCK >> 20);
	stop_eater(&e);
	must(!write_to(PARAMS "worker_percent", "50"));
	ok(becomes(smaps_kb(p, blocks * BLOCK, "FilePmdMapped") == KB(blocks * BLOCK)) && all_bytes(p, blocks * BLOCK, 7) &&
		   stat_of("repairs") > repairs,
	   "memory is back: all in 2 MiB pages, untouched since, by %lu repairs", stat_of("repairs") - repairs);
	munmap(p, blocks * BLOCK);
}

static int in_cgroup(void *arg)
{
	char pid[32], *p = map(24 * BLOCK, 50), *q;

	(void)arg;
	snprintf(pid, sizeof(pid), "%d", getpid());
	must(!write_to(CGROUP "/cgroup.procs", pid));
	touch_each_block(p, 24);
	if (info_of(p).held < 16 * BLOCK)
		return 2;
	q = mmap(NULL, 56 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(q != MAP_FAILED);
	memset(q, 1, 56 << 20);
	return touched_right(p, 24, false) ? 0 : 3;
}

/* The same inside a memory cgroup, with plenty of memory outside. */
static void cgroup(void)
{
	must(!write_to("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	must(!mkdir(CGROUP, 0755) || errno == EEXIST);
	must(!write_to(CGROUP "/memory.max", "67108864"));
	ok(in_child(in_cgroup, NULL), "a cgroup of 64 MiB: 48 MiB reserved, 56 MiB of others fit in, nobody is killed");
	rmdir(CGROUP);
}

#define THP "/sys/kernel/mm/transparent_hugepage/enabled"

/* The same sparse use with the kernel's own huge pages; a figure, no promise of ours. */
static void thp_beside(void)
{
	size_t free_before = meminfo_kb("MemAvailable") * 1024;
	const char *end = "still waited after 60 s";
	int ready[2], fd;
	struct eater e;
	pid_t pid;
	char c;

	must(!pipe(ready) && !write_to(THP, "always"));
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		char *p = mmap(NULL, GIB + BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(p != MAP_FAILED);
		p = (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));
		touch_each_block(p, GIB / BLOCK);
		printf("# THP=always: %lu MiB held for %lu KiB touched\n", smaps_kb(p, GIB, "Rss") >> 10,
		       GIB / BLOCK * PAGE >> 10);
		fflush(stdout);
		must(write(ready[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	must(read(ready[0], &c, 1) == 1);
	e = start_eater(free_before - (64 << 20), 0, false);
	fd = e.from;
	must(!fcntl(fd, F_SETFL, O_NONBLOCK));
	for (int i = 0; i < 1200; i++) {
		if (read(fd, &c, 1) == 1)
			end = "got it all";
		else if (waitpid(e.pid, NULL, WNOHANG) == e.pid)
			end = "was killed", e.pid = 0;
		else if (waitpid(pid, NULL, WNOHANG) == pid)
			end = "waited until the first was killed", pid = 0;
		else {
			usleep(50000);
			continue;
		}
		break;
	}
	printf("# THP=always: another process that took the %zu MiB that had been free %s\n",
	       (free_before >> 20) - 64, end);
	fflush(stdout);
	if (pid) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (e.pid)
		stop_eater(&e);
	must(!write_to(THP, "madvise"));
	close(ready[0]);
	close(ready[1]);
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return eat(strtoul(argv[1], NULL, 10), strtoul(argv[2], NULL, 10), atoi(argv[3]));
	sparse(50, "reservations");
	sparse(0, "zeroes in 2 MiB pages");
	thp_beside();
	cgroup();
	recovers();
	fragmented();
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
