// SPDX-License-Identifier: GPL-2.0
/*
 * After a fork memory is private. Parent, child and grandchild write to every
 * kind of block and none of them sees another's bytes, whoever writes first and
 * although other threads write on. One byte that is written copies one page at
 * most, reading copies nothing, and after the child's end the parent's blocks
 * are 2 MiB pages again.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define KINDS 5 /* of blocks */

static const char *const kind_name[KINDS] = { "reserved", "promoted", "sparse with holes",
					      "promoted, partly discarded", "untouched" };

static char *p;

/* Byte at page @i of block @k as the parent wrote it before the fork. */
static char original(unsigned int k, unsigned int i)
{
	switch (k) {
	case 0: return i < 40 ? 'a' : 0;
	case 1: return 'b';
	case 2: return i % 5 == 0 && i % 3 ? 'c' : 0;
	case 3: return i >= 100 && i < 110 ? 0 : 'd';
	default: return 0;
	}
}

static void prepare(void)
{
	p = map(KINDS * BLOCK, 50);
	for (unsigned int i = 0; i < BLOCK_PAGES; i++) {
		if (i < 40)
			p[i * PAGE] = 'a';
		p[BLOCK + i * PAGE] = 'b';
		if (i % 5 == 0)
			p[2 * BLOCK + i * PAGE] = 'c';
		p[3 * BLOCK + i * PAGE] = 'd';
	}
	for (unsigned int i = 0; i < BLOCK_PAGES; i += 15)
		must(!madvise(p + 2 * BLOCK + i * PAGE, PAGE, MADV_REMOVE));
	must(!madvise(p + 3 * BLOCK + 100 * PAGE, 10 * PAGE, MADV_REMOVE));
}

/* How many pages are not as they must be: every @step-th as @who wrote it, the others as they were. */
static unsigned long strangers(char who, unsigned int step)
{
	unsigned long wrong = 0;

	for (unsigned int k = 0; k < KINDS; k++)
		for (unsigned int i = 0; i < BLOCK_PAGES; i++) {
			char want = step && i % step == 0 ? who : original(k, i);
			const char *page = p + k * BLOCK + i * PAGE;

			wrong += page[0] != want || !all_bytes(page + 1, PAGE - 1, 0);
		}
	return wrong;
}

static void write_as(char who, unsigned int step)
{
	for (unsigned int k = 0; k < KINDS; k++)
		for (unsigned int i = 0; i < BLOCK_PAGES; i += step)
			p[k * BLOCK + i * PAGE] = who;
}

static int to_child[2], to_parent[2];

/* Tell the other side that it is its turn, wait until it is ours; each if its descriptor is given. */
static void take_turns(int fd_in, int fd_out)
{
	char c = 1;

	if (fd_out >= 0)
		must(write(fd_out, &c, 1) == 1);
	if (fd_in >= 0)
		must(read(fd_in, &c, 1) == 1);
}

static int grandchild(void *arg)
{
	(void)arg;
	if (strangers('C', 3))
		return 1;
	write_as('G', 1);
	return strangers('G', 1) != 0;
}

static int child(void *arg)
{
	bool writes_first = *(bool *)arg;

	if (!writes_first)
		take_turns(to_child[0], -1); /* until the parent has written */
	if (strangers(0, 0))
		return 1;
	write_as('C', 3);
	if (strangers('C', 3))
		return 2;
	if (!in_child(grandchild, NULL))
		return 3;
	if (strangers('C', 3))
		return 4;
	if (writes_first)
		take_turns(to_child[0], to_parent[1]); /* while the parent writes */
	return strangers('C', 3) ? 5 : 0;
}

static void both_sides(bool child_first)
{
	int status;
	pid_t pid;

	prepare();
	must(!pipe(to_child) && !pipe(to_parent));
	pid = fork_now();
	if (!pid)
		_exit(child(&child_first));
	if (child_first)
		take_turns(to_parent[0], -1);
	ok(!strangers(0, 0), "the %s writes first: the parent sees nothing of the child",
	   child_first ? "child" : "parent");
	write_as('P', 2);
	ok(!strangers('P', 2), "the parent sees its own writes");
	take_turns(-1, to_child[1]);
	status = wait_for(pid);
	ok(succeeded(status), "child and grandchild see only their own (%d)", WEXITSTATUS(status));
	ok(!strangers('P', 2), "the parent still does after both have ended");
	write_as('Q', 1);
	ok(!strangers('Q', 1), "and can write all of it");
	munmap(p, KINDS * BLOCK);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
}

struct one_byte {
	unsigned int kind;
	unsigned long copies, bytes;
};

static int write_one_byte(void *arg)
{
	struct one_byte *b = arg;
	unsigned long copies = stat_of("copies"), bytes = stat_of("bytes");

	p[b->kind * BLOCK + 200 * PAGE + 17] = 'x';
	return stat_of("copies") - copies <= b->copies && stat_of("bytes") <= bytes + b->bytes ? 0 : 1;
}

static void one_byte_costs_one_page(void)
{
	prepare();
	for (unsigned int k = 0; k < KINDS; k++) {
		struct one_byte b = { k, 1, k == 4 ? BLOCK : PAGE };

		ok(in_child(write_one_byte, &b),
		   "one byte written to a block that is %s costs one page at most", kind_name[k]);
	}
	munmap(p, KINDS * BLOCK);
}

static int only_reads(void *arg)
{
	unsigned long bytes = stat_of("bytes"), wrong = 0;

	(void)arg;
	for (unsigned int k = 0; k < KINDS; k++)
		for (unsigned int i = 0; i < BLOCK_PAGES; i++)
			if (original(k, i)) /* a read of a hole touches it */
				wrong += p[k * BLOCK + i * PAGE] != original(k, i);
	return wrong || stat_of("bytes") > bytes;
}

/* What a fork does not copy lies in one block with what it does. */
static void dontfork(void)
{
	int status, go[2];
	pid_t pid;
	char c;

	p = map(BLOCK, 50);
	memset(p, 'o', BLOCK);
	must(!madvise(p, 100 * PAGE, MADV_DONTFORK));
	must(!pipe(go));
	pid = fork_now();
	if (!pid) {
		must(read(go[0], &c, 1) == 1);
		_exit(!all_bytes(p + 100 * PAGE, BLOCK - 100 * PAGE, 'o'));
	}
	(void)*(volatile char *)p;		/* a read maps it ... */
	memset(p, 'n', 100 * PAGE);		/* ... and a write must still copy */
	memset(p + 100 * PAGE, 'n', BLOCK - 100 * PAGE);
	must(write(go[1], "x", 1) == 1);
	status = wait_for(pid);
	ok(succeeded(status), "MADV_DONTFORK of a part of a block: the rest is still private");
	ok(all_bytes(p, BLOCK, 'n'), "and the parent keeps its writes");
	munmap(p, BLOCK);
	close(go[0]);
	close(go[1]);
}

/*
 * What a child has written stays in view when the kernel maps its block anew:
 * 7.x maps all of a folio at once, for a fault on any page of it.
 */
static int mapped_anew(void *arg)
{
	(void)arg;
	p[5 * PAGE] = 'n';
	must(!madvise(p + 9 * PAGE, PAGE, MADV_REMOVE));
	must(!madvise(p, BLOCK, MADV_DONTNEED)); /* of a shared mapping: unmaps */
	return p[7 * PAGE] != 'o' || p[5 * PAGE] != 'n' || p[9 * PAGE] != 0;
}

static void written_page_stays(void)
{
	p = map(BLOCK, 50);
	memset(p, 'o', BLOCK);
	ok(in_child(mapped_anew, NULL), "when a child's block is mapped anew, its own pages are");
	ok(p[5 * PAGE] == 'o' && p[9 * PAGE] == 'o', "and the parent's block has the parent's");
	munmap(p, BLOCK);
}

static void huge_again(void)
{
	p = map(4 * BLOCK, 50);
	memset(p, 1, 4 * BLOCK);
	must(in_child(do_nothing, NULL));
	memset(p, 2, 4 * BLOCK);
	ok(all_huge(p, 4 * BLOCK) && info_of(p).copies == 0,
	   "after the child's end its unchanged blocks are 2 MiB pages again, without a copy: %lu kB, %llu copies",
	   huge_kb(p, 4 * BLOCK), (unsigned long long)info_of(p).copies);
	munmap(p, 4 * BLOCK);
}

static void stays_readable(void)
{
	unsigned long faults, sum = 0;
	pid_t pid;

	p = map(4 * BLOCK, 50);
	memset(p, 1, 4 * BLOCK);
	faults = info_of(p).faults;
	pid = sleeping_child();
	for (unsigned int i = 0; i < 4 * BLOCK_PAGES; i++)
		sum += p[i * PAGE];
	ok(sum == 4 * BLOCK_PAGES && info_of(p).faults == faults && all_huge(p, 4 * BLOCK),
	   "while a child lives the parent reads its 2 MiB pages without a fault");
	kill_child(pid);
	munmap(p, 4 * BLOCK);
}

static atomic_bool writers_stop;

static void *writer(void *arg)
{
	volatile unsigned long *word = arg;

	while (!atomic_load(&writers_stop))
		for (unsigned int k = 0; k < KINDS; k++)
			word[k * BLOCK / sizeof(*word)]++;
	return NULL;
}

/* What a child reads does not change, although the parent's threads write on. */
static int unchanged(void *arg)
{
	const volatile unsigned long *word = arg;
	unsigned long seen[KINDS];

	for (unsigned int k = 0; k < KINDS; k++)
		seen[k] = word[k * BLOCK / sizeof(*word)];
	usleep(3000);
	for (unsigned int k = 0; k < KINDS; k++)
		if (seen[k] != word[k * BLOCK / sizeof(*word)])
			return 1;
	return 0;
}

static void threads_write_on(void)
{
	unsigned int good = 0;
	pthread_t t[2];

	prepare();
	for (unsigned int i = 0; i < 2; i++) /* neighbouring words, so in the same pages */
		must(!pthread_create(&t[i], NULL, writer, p + i * sizeof(long)));
	for (unsigned int n = 0; n < 60; n++) {
		/* The worker makes the promoted one a 2 MiB page again. */
		must(becomes(huge_kb(p, KINDS * BLOCK)));
		good += in_child(unchanged, p + n % 2 * sizeof(long));
	}
	atomic_store(&writers_stop, true);
	for (unsigned int i = 0; i < 2; i++)
		must(!pthread_join(t[i], NULL));
	ok(good == 60, "threads that write during a fork change nothing in the child, %u times of 60", good);
	munmap(p, KINDS * BLOCK);
}

int main(void)
{
	both_sides(true);
	both_sides(false);
	/* Or the pages that the driver's thread holds for a moment would count. */
	must(!write_to(PARAMS "worker_percent", "0"));
	one_byte_costs_one_page();
	prepare();
	ok(in_child(only_reads, NULL), "a child that only reads takes no copies");
	munmap(p, KINDS * BLOCK);
	must(!write_to(PARAMS "worker_percent", "50"));
	dontfork();
	written_page_stays();
	huge_again();
	stays_readable();
	threads_write_on();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
