// SPDX-License-Identifier: GPL-2.0
/*
 * When memory is short, reservations and pages of zeroes go back before anybody
 * is killed, on the whole machine and in a memory cgroup. Every byte stays, and
 * 2 MiB pages return when memory does, also where it was fragmented. Needs root
 * and 2 GiB.
 */
#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define GIB (1UL << 30)
#define GROUP "dphuge-test"

/*
 * A process that takes memory as 4 KiB pages, a MiB at a time, until the device
 * holds no more than @enough, or until it has @max. It looks at the device
 * itself, as it would take too much before somebody could stop it. It is a
 * program of its own (exec), so that it shares no memory with us.
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
	/* With compact_unevictable_allowed = 0, compaction cannot move locked pages. */
	must(!holes || !mlock2(p, max, MLOCK_ONFAULT));
	while (n < max && !(enough && stat_of("bytes") <= enough)) {
		for (size_t end = n + (1 << 20); n < end && n < max; n += PAGE)
			p[n] = 1;
		usleep(1000);
	}
	/* Every second page is free, so no 2 MiB are. */
	for (size_t i = 0; holes && i < n; i += 2 * PAGE)
		must(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, i, PAGE));
	must(write(STDOUT_FILENO, "", 1) == 1);
	sleep_forever();
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

/* Wait until it has what it wants. Return false if it was killed before. */
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

/* Whether the bytes are right; with @all also those of untouched pages, which are touched by that. */
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
	   "%s: %lu MiB are held, another process takes memory and is not killed", kind, before >> 20);
	ok(info_of(p).held <= blocks * PAGE * 11 / 10 && stat_of("reclaims") > reclaims,
	   "then %lu KiB are held for %lu KiB touched", (unsigned long)info_of(p).held >> 10,
	   blocks * PAGE >> 10);
	stop_eater(&e);
	ok(touched_right(p, blocks, true), "and their bytes are right");
	munmap(p, GIB);
}

/* Blocks that have lost their folio and become dense are 2 MiB pages again when memory is back. */
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
	ok(info_of(p).held == 100 * PAGE * blocks,
	   "reservations of 100 pages are broken up: %lu MiB are held for %lu touched",
	   (unsigned long)info_of(p).held >> 20, 100 * PAGE * blocks >> 20);
	stop_eater(&e);
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 100; i < 400; i++)
			p[b * BLOCK + i * PAGE] = 2;
	ok(becomes(all_huge(p, blocks * BLOCK)),
	   "memory is back and they are touched up to the threshold: %lu of %lu MiB are in 2 MiB pages",
	   huge_kb(p, blocks * BLOCK) / 1024, blocks * BLOCK >> 20);
	for (size_t b = 0; b < blocks; b++)
		for (size_t i = 0; i < BLOCK_PAGES; i++)
			wrong += p[b * BLOCK + i * PAGE] != (i < 100 ? 1 : i < 400 ? 2 : 0);
	ok(!wrong, "and their bytes are right");
	munmap(p, blocks * BLOCK);
}

/* Every second page of memory is free, so no 2 MiB are. */
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
	small = KB(blocks * BLOCK) - huge_kb(p, blocks * BLOCK);
	ok(small > 0 && stat_of("fallbacks") > fallbacks && all_bytes(p, blocks * BLOCK, 7),
	   "memory is fragmented: %lu of %lu MiB are on single pages, with all their bytes", small / 1024,
	   blocks * BLOCK >> 20);
	stop_eater(&e);
	must(!write_to(PARAMS "worker_percent", "50"));
	ok(becomes(all_huge(p, blocks * BLOCK)) && all_bytes(p, blocks * BLOCK, 7) &&
		   stat_of("repairs") > repairs,
	   "memory is back: all of it is in 2 MiB pages without a touch, by %lu repairs",
	   stat_of("repairs") - repairs);
	munmap(p, blocks * BLOCK);
}

static int in_cgroup(void *arg)
{
	char *p = map(24 * BLOCK, 50);

	(void)arg;
	cgroup_join(GROUP);
	touch_each_block(p, 24);
	if (info_of(p).held < 16 * BLOCK)
		return 2;
	memset(anonymous(56 << 20), 1, 56 << 20);
	return touched_right(p, 24, false) ? 0 : 3;
}

/* The same inside a memory cgroup, with plenty of memory outside. */
static void cgroup(void)
{
	cgroup_make(GROUP);
	must(!cgroup_set(GROUP, "memory.max", "67108864"));
	ok(in_child(in_cgroup, NULL),
	   "in a cgroup of 64 MiB with 48 MiB reserved there is room for 56 MiB of others, and nobody is killed");
	cgroup_removed(GROUP);
}

#define THP "/sys/kernel/mm/transparent_hugepage/enabled"

/* What the same sparse use costs with the kernel's own huge pages. This is printed, not checked. */
static void thp_beside(void)
{
	size_t free_before = meminfo_kb("MemAvailable") * 1024;
	const char *end = "still waited after 60 s";
	int ready[2], fd;
	struct eater e;
	pid_t pid;
	char c;

	must(!pipe(ready) && !write_to(THP, "always"));
	pid = fork_now();
	if (!pid) {
		char *p = block_align(anonymous(GIB + BLOCK));

		touch_each_block(p, GIB / BLOCK);
		printf("# THP=always: %lu MiB are held for %lu KiB touched\n",
		       smaps_kb(p, GIB, "Rss") >> 10, GIB / BLOCK * PAGE >> 10);
		fflush(stdout);
		must(write(ready[1], "x", 1) == 1);
		sleep_forever();
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
	return tap_done();
}
