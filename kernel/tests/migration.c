// SPDX-License-Identifier: GPL-2.0
/*
 * On a machine with two memory nodes (scripts/vm --nodes 2), the kernel can move
 * driver memory from one to the other, as it moves any other: 2 MiB pages stay what
 * they are, reservations and what relatives share move as a whole, no byte changes,
 * and what I/O holds stays where it is. What a process has alone of a mapping that it
 * has from its parent doesn't move (dphuge(4)).
 */
#include <pthread.h>
#include <stdatomic.h>

#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"
#include "t_node.h"

#define BLOCKS 16UL
#define SIZE (BLOCKS * BLOCK)

static unsigned long *word_of(char *p, unsigned long page)
{
	return (unsigned long *)(p + page * PAGE + page % 500 * 8);
}

/* Write to each @step-th page. */
static void fill(char *p, unsigned long step, unsigned long salt)
{
	for (unsigned long page = 0; page < SIZE / PAGE; page += step)
		*word_of(p, page) = page * 31 + salt;
}

/* Pages whose word isn't what fill() wrote; the others must be zero. */
static unsigned long wrong(char *p, unsigned long step, unsigned long salt)
{
	unsigned long n = 0;

	for (unsigned long page = 0; page < SIZE / PAGE; page++)
		n += *word_of(p, page) != (page % step ? 0 : page * 31 + salt);
	return n;
}

/* The same if the even pages are from one fill(), the odd ones from another. */
static unsigned long wrong_half(char *p, unsigned long even, unsigned long odd)
{
	unsigned long n = 0;

	for (unsigned long page = 0; page < SIZE / PAGE; page++)
		n += *word_of(p, page) != page * 31 + (page % 2 ? odd : even);
	return n;
}

/* Ask for @n blocks to be moved to @node, by their first pages. Return how many are there then. */
static unsigned long move(char *p, unsigned long n, int node)
{
	int nodes[BLOCKS], status[BLOCKS];
	unsigned long there = 0;
	void *pages[BLOCKS];

	for (unsigned long i = 0; i < n; i++) {
		pages[i] = p + i * BLOCK;
		nodes[i] = node;
	}
	/* Whoever has a folio or a block at the moment lets it go again soon. */
	for (int tries = 0; tries < 5 && there < n; tries++) {
		must(syscall(SYS_move_pages, 0, n, pages, nodes, status, MPOL_MF_MOVE_ALL) >= 0);
		there = 0;
		for (unsigned long i = 0; i < n; i++)
			there += node_of(p + i * BLOCK) == node;
	}
	return there;
}

static void whole(void)
{
	char *p = map(SIZE, 0);
	unsigned long before = stat_of("migrations"), node_1 = 1UL << 1;

	run_on(0);
	fill(p, 1, 1);
	must(node_of(p) == 0 && all_huge(p, SIZE));
	for (int node = 1; node >= 0; node--) {
		unsigned long there = move(p, BLOCKS, node);

		ok(there == BLOCKS && node_of(p + SIZE - 1) == node, "2 MiB pages move to node %d: %lu of %lu", node, there, BLOCKS);
		ok(all_huge(p, SIZE), "they are mapped as 2 MiB pages there: %lu kB", huge_kb(p, SIZE));
		ok(!wrong(p, 1, 1), "no byte of them has changed");
	}
	must(!syscall(SYS_mbind, p, SIZE, MPOL_BIND, &node_1, 8 * sizeof(node_1), MPOL_MF_MOVE));
	ok(node_of(p) == 1 && node_of(p + SIZE - 1) == 1 && all_huge(p, SIZE) && !wrong(p, 1, 1), "mbind() moves them as well");
	ok(stat_of("migrations") - before >= 2 * BLOCKS, "the driver has counted them: %lu", stat_of("migrations") - before);
	fill(p, 1, 2);
	ok(!wrong(p, 1, 2), "they are written to as before");
	munmap(p, SIZE);
}

#define GROUP "dphuge-migration"

/* A cpuset that loses the node where the memory lies takes it along (memory_migrate, cgroup v2). */
static bool in_cpuset(char *p)
{
	must(!cgroup_set(GROUP, "cpuset.mems", "0"));
	cgroup_join(GROUP);
	fill(p, 1, 9);
	must(node_of(p) == 0 && !cgroup_set(GROUP, "cpuset.mems", "1"));
	return becomes(node_of(p) == 1 && node_of(p + SIZE - 1) == 1) && all_huge(p, SIZE) && !wrong(p, 1, 9);
}

static void cpusets(void)
{
	char *p = map(SIZE, 0);

	must(!write_to(CGROUPS "cgroup.subtree_control", "+cpuset"));
	cgroup_make(GROUP);
	ok(in_cpuset(p), "a cpuset takes them along");
	cgroup_join(".");
	must(cgroup_removed(GROUP));
	munmap(p, SIZE);
}

static void reserved(void)
{
	char *p = map(SIZE, 100);
	unsigned long folios;

	run_on(0);
	fill(p, 8, 3);
	ok(move(p, BLOCKS, 1) == BLOCKS && node_of(p + 8 * PAGE) == 1, "reservations move");
	ok(!wrong(p, 8, 3), "no byte of them has changed, and what was not written reads as zero");
	folios = whole_reservations(0, p, BLOCKS);
	ok(folios == BLOCKS, "they are reservations there: %lu of %lu", folios, BLOCKS);
	for (unsigned long page = 0; page < SIZE / PAGE; page++)
		p[page * PAGE + PAGE - 1] = 1;
	ok(all_huge(p, SIZE) && node_of(p) == 1, "and become 2 MiB pages there when they are full");
	munmap(p, SIZE);
}

static void pinned(void)
{
	struct iovec v = { .iov_len = PAGE };
	char *p = map(SIZE, 0), got[PAGE];
	int pipes[2];

	run_on(0);
	fill(p, 1, 4);
	v.iov_base = p + 3 * BLOCK;
	must(!pipe(pipes) && vmsplice(pipes[1], &v, 1, 0) == PAGE);
	ok(move(p, BLOCKS, 1) == BLOCKS - 1 && node_of(p + 3 * BLOCK) == 0, "what a pipe has stays where it is");
	ok(!wrong(p, 1, 4), "no byte has changed");
	must(read(pipes[0], got, PAGE) == PAGE);
	ok(!memcmp(got, p + 3 * BLOCK, PAGE), "the pipe has it");
	ok(move(p, BLOCKS, 1) == BLOCKS && !wrong(p, 1, 4), "it moves when the pipe is empty");
	close(pipes[0]);
	close(pipes[1]);
	munmap(p, SIZE);
}

/* Two pipes by which a parent and its child take turns. */
struct turns {
	int to_child[2], to_parent[2];
};

static void say(int fd)
{
	must(write(fd, "", 1) == 1);
}

static void hear(int fd)
{
	char c;

	must(read(fd, &c, 1) == 1);
}

static int child_of_shared(char *p, struct turns *t)
{
	unsigned long bad = wrong(p, 1, 5);

	say(t->to_parent[1]);
	hear(t->to_child[0]); /* they have moved */
	bad += wrong(p, 1, 5);
	bad += node_of(p) != 1;
	say(t->to_parent[1]);
	hear(t->to_child[0]); /* the parent has written */
	bad += wrong(p, 1, 5);
	fill(p, 1, 7);
	bad += wrong(p, 1, 7);
	say(t->to_parent[1]);
	hear(t->to_child[0]);
	bad += wrong(p, 1, 7);
	return bad != 0;
}

/* What held of memory that moved from node 0 to 1 while a child shared it. */
struct shared_move {
	bool moved, same, parents_view, childs_view;
};

static struct shared_move move_shared(char *p)
{
	struct shared_move m;
	struct turns t;
	pid_t child;

	must(!pipe(t.to_child) && !pipe(t.to_parent));
	fill(p, 1, 5);
	child = fork_now();
	if (!child)
		_exit(child_of_shared(p, &t));
	hear(t.to_parent[0]); /* the child has mapped all of it */
	m.moved = !wrong(p, 1, 5) && move(p, BLOCKS, 1) == BLOCKS;
	m.same = !wrong(p, 1, 5);
	say(t.to_child[1]);
	hear(t.to_parent[0]);
	fill(p, 1, 6);
	say(t.to_child[1]);
	hear(t.to_parent[0]);
	m.parents_view = !wrong(p, 1, 6);
	say(t.to_child[1]);
	m.childs_view = succeeded(wait_for(child));
	return m;
}

static void shared(void)
{
	char *p = map(SIZE, 0);
	struct shared_move m;

	run_on(0);
	m = move_shared(p);
	ok(m.moved, "what a child shares moves");
	ok(m.same, "no byte of it has changed");
	ok(m.parents_view, "the parent doesn't see what the child writes afterwards");
	ok(m.childs_view, "nor does the child see the parent's");
	ok(becomes(all_huge(p, SIZE)), "when it is gone all are 2 MiB pages again");
	ok(move(p, BLOCKS, 0) == BLOCKS && !wrong(p, 1, 6), "and move");
	munmap(p, SIZE);
}

/* The child's own: where it is, and what that has, doesn't change. */
static int child_alone(void *arg)
{
	char *p = arg;

	run_on(0);
	fill(p, 1, 8);
	return move(p, BLOCKS, 1) != 0 || wrong(p, 1, 8) || node_of(p) != 0;
}

static void of_a_child(void)
{
	char *p = map(SIZE, 0);

	ok(in_child(child_alone, p), "what a child has alone of its parent's mapping stays, and no byte changes");
	munmap(p, SIZE);
}

/* Its parent has ended, and it has written half of what it got. */
static bool daemon_moves(char *p, int answer)
{
	struct shared_move m;
	bool good;

	fill(p, 2, 10);
	if (!becomes(!vma_flag(p, SIZE, "nr"))) /* the mark of a VMA whose writes are watched */
		return false;
	good = move(p, BLOCKS, 1) == BLOCKS && !wrong_half(p, 10, 11) && becomes(all_huge(p, SIZE));
	/* It has children, too. */
	run_on(0);
	must(move(p, BLOCKS, 0) == BLOCKS);
	m = move_shared(p);
	good &= m.moved && m.same && m.parents_view && m.childs_view;
	/* What is discarded is new, and what remains is right. */
	good &= !madvise(p, BLOCK + 7 * PAGE, MADV_REMOVE) && !*word_of(p, 0) && !*word_of(p, BLOCK_PAGES + 6) &&
		*word_of(p, BLOCK_PAGES + 7) == (BLOCK_PAGES + 7) * 31 + 6;
	must(write(answer, good ? "y" : "n", 1) == 1);
	return good;
}

/* A process that forks and ends, as a program does that becomes a daemon. */
static void becomes_daemon(void)
{
	int answer[2];
	pid_t parent;
	char c = 0;

	must(!pipe(answer));
	parent = fork_now();
	if (!parent) {
		char *p = map(SIZE, 0);

		run_on(0);
		fill(p, 1, 11);
		if (!fork_now())
			_exit(!daemon_moves(p, answer[1]));
		_exit(0);
	}
	must(succeeded(wait_for(parent)));
	close(answer[1]);
	ok(read(answer[0], &c, 1) == 1 && c == 'y', "a daemon's memory moves, whether it is its parent's or its own, and its child's with it");
	close(answer[0]);
}

#define WRITERS 4UL

static char *area;
static atomic_bool stop;

/*
 * Count in each page of every WRITERS-th block, again and again. Return how far it came. The
 * driver's thread, which is nice, needs time to make 2 MiB pages again after each fork.
 */
static void *count_up(void *arg)
{
	unsigned long first = (uintptr_t)arg, n = 0;

	while (!atomic_load(&stop)) {
		n++;
		for (unsigned long b = first; b < BLOCKS; b += WRITERS)
			for (unsigned long i = 0; i < BLOCK_PAGES; i++)
				*word_of(area, b * BLOCK_PAGES + i) = n;
		usleep(1000);
	}
	return (void *)n;
}

/* A child's view stands still, whatever its parent writes. */
static int child_of_writers(void *arg)
{
	static unsigned long seen[SIZE / PAGE];
	unsigned long bad = 0;

	(void)arg;
	for (unsigned long page = 0; page < SIZE / PAGE; page++)
		seen[page] = *word_of(area, page);
	for (unsigned long page = 0; page < SIZE / PAGE; page++)
		bad += *word_of(area, page) != seen[page];
	return bad != 0;
}

/* Move all of the process's memory back and forth. */
static void *keep_moving(void *arg)
{
	(void)arg;
	for (int node = 1; !atomic_load(&stop); node = !node) {
		unsigned long mask[2] = { 1UL << !node, 1UL << node };

		must(syscall(SYS_migrate_pages, 0, 8 * sizeof(long), &mask[0], &mask[1]) >= 0);
	}
	return NULL;
}

static void under_way(void)
{
	unsigned long moved = stat_of("migrations"), copied = stat_of("fork_copies"), bad = 0, forks = 0;
	pthread_t writers[WRITERS], mover;
	time_t start = time(NULL);
	bool children = true;
	cpu_set_t all;
	void *n;

	memset(&all, 0xff, sizeof(all));
	must(!sched_setaffinity(0, sizeof(all), &all));
	area = map(SIZE, 40);
	memset(area, 0, SIZE);
	for (unsigned long i = 0; i < WRITERS; i++)
		must(!pthread_create(&writers[i], NULL, count_up, (void *)i));
	must(!pthread_create(&mover, NULL, keep_moving, NULL));
	/* For a few seconds; or longer, where the processors run in turn. */
	for (; time(NULL) < start + 6 || (stat_of("migrations") - moved < BLOCKS && time(NULL) < start + PATIENCE_MS / 1000);
	     forks++) {
		children &= in_child(child_of_writers, NULL);
		usleep(forks % 4 * 50000); /* until all are 2 MiB pages again, and not */
	}
	atomic_store(&stop, true);
	must(!pthread_join(mover, NULL));
	for (unsigned long i = 0; i < WRITERS; i++) {
		must(!pthread_join(writers[i], &n));
		for (unsigned long b = i; b < BLOCKS; b += WRITERS)
			for (unsigned long page = 0; page < BLOCK_PAGES; page++)
				bad += *word_of(area, b * BLOCK_PAGES + page) != (uintptr_t)n;
	}
	moved = stat_of("migrations") - moved;
	copied = stat_of("fork_copies") - copied;
	ok(moved >= BLOCKS, "they move while four threads write and %lu children come and go: %lu times", forks, moved);
	ok(!bad, "no write is lost: %lu are", bad);
	ok(children, "each child sees the moment of its fork");
	ok(copied <= 2 * BLOCK_PAGES, "a fork doesn't copy what is about to move: %lu pages are copied by %lu forks of %lu", copied,
	   forks, SIZE / PAGE);
	munmap(area, SIZE);
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	whole();
	cpusets();
	reserved();
	pinned();
	shared();
	of_a_child();
	becomes_daemon();
	under_way();
	ok(device_empty(), "the device holds nothing at the end");
	return tap_done();
}
