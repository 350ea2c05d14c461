// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is right wherever mremap has put it. The driver finds a process's VMAs by
 * the distance between their addresses and their file offsets, and keeps a few of
 * these; beyond that it searches the file's own index. So parts of a mapping of more
 * than 1 GiB are moved to where the arithmetic is at its limits: to 2 MiB, where the
 * distance is negative and what lies before the part would be below address 0; to
 * the topmost addresses that a process has, where what lies behind it would be
 * nowhere; and to 12 places of as many distances, some not aligned to 2 MiB.
 *
 * The bytes are checked after forks with writes on both sides, discards of pages,
 * blocks and ranges of them, promotions, and with all of it moved back. No page of a neighbour may change, and nothing may be left.
 */
#include "t_device.h"
#include "t_known.h"
#include "t_memory.h"

#define LOW ((char *)BLOCK)
#define GIB (1UL << 30)

static struct known k;

static bool keep_free(char *at, unsigned long pages)
{
	return mmap(at, pages * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == at;
}

/* The last place that a process can have, with four or five levels of page tables. */
static char *topmost(unsigned long pages, unsigned long align)
{
	unsigned long top = (1UL << 56) - PAGE, at;

	if (keep_free((char *)(top - PAGE), 1))
		munmap((char *)(top - PAGE), PAGE);
	else
		top = (1UL << 47) - PAGE;
	/* The stack and the vDSO may be somewhere up there. */
	for (at = (top - pages * PAGE) & ~(align - 1); at > top - (64UL << 30); at -= align)
		if (keep_free((char *)at, pages))
			return (char *)at;
	bail("no place below %lx", top);
}

/* Move pages to where nothing is that matters. Nobody else is to settle where they were. */
static void move(char *from, unsigned long pages, char *to)
{
	must(mremap(from, pages * PAGE, pages * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	must(keep_free(from, pages));
	for (unsigned int i = 0; i < k.n; i++)
		if (k.at[i] >= from && k.at[i] < from + pages * PAGE)
			k.at[i] += to - from;
}

/* Pages [i, i + n) of the file, wherever they are: one call for each stretch. */
static void discard(unsigned int i, unsigned int n)
{
	for (unsigned int end = i + n, m; i < end; i += m) {
		for (m = 1; i + m < end && k.at[i + m] == k.at[i] + m * PAGE; m++)
			;
		known_remove(&k, i, m);
	}
}

static unsigned int with_child_that_waits(void)
{
	unsigned int wrong = 0;
	int go[2], status;
	pid_t pid;
	char x;

	must(!pipe(go));
	pid = fork_now();
	if (!pid) {
		must(read(go[0], &x, 1) == 1);
		wrong = known_wrong(&k);
		known_change(&k, 2, 5, 'w');
		wrong += known_wrong(&k);
		_exit(wrong < 255 ? wrong : 255);
	}
	/* What the parent discards and writes now is the child's still. */
	for (unsigned int b = 0; b < k.n; b += BLOCK_PAGES)
		discard(b + 7, 1);
	discard(0, BLOCK_PAGES);
	discard(k.n / 2, k.n / 4);
	wrong += known_wrong(&k);
	for (unsigned int i = 0; i < k.n; i++)
		known_write(&k, i, 'a' + i % 23);
	must(write(go[1], "x", 1) == 1);
	status = wait_for(pid);
	close(go[0]);
	close(go[1]);
	wrong += known_wrong(&k);
	return wrong + (WIFEXITED(status) ? WEXITSTATUS(status) : 255);
}

/* MADV_DONTNEED takes entries away and leaves the bytes. */
static unsigned int refault(void)
{
	for (unsigned int i = 0; i < k.n; i += 3)
		must(!madvise(k.at[i], PAGE, MADV_DONTNEED));
	return known_wrong(&k);
}

/* How many blocks could be mapped as 2 MiB pages. */
static unsigned int possible_blocks(void)
{
	unsigned int possible = 0;

	for (unsigned int b = 0; b < k.n; b += BLOCK_PAGES)
		possible += !((uintptr_t)k.at[b] % BLOCK) && k.at[b + BLOCK_PAGES - 1] == k.at[b] + BLOCK - PAGE;
	return possible;
}

/* How many are, wherever they are. */
static unsigned int huge_blocks(void)
{
	return huge_kb(NULL, ~0UL) / KB(BLOCK);
}

/*
 * Blocks have a quarter of their pages when they are shared with a child, whose end
 * the background thread is told of; then they get the rest.
 */
static unsigned int promote(const char *what)
{
	unsigned int wrong, huge, possible;
	const unsigned int quarter = BLOCK_PAGES / 4;

	discard(0, k.n);
	for (unsigned int i = 0; i < k.n; i++)
		if (i % BLOCK_PAGES < quarter)
			known_write(&k, i, 'q');
	wrong = known_fork(&k);
	for (unsigned int i = 0; i < k.n; i++)
		if (i % BLOCK_PAGES >= quarter)
			known_write(&k, i, 'h');
	wrong += known_wrong(&k);
	becomes(huge_blocks() == possible_blocks());
	huge = huge_blocks();
	possible = possible_blocks();
	ok(huge == possible, "%s: %u of %u aligned blocks become 2 MiB pages", what, huge, possible);
	return wrong + known_wrong(&k);
}

static void all_of_it(const char *what)
{
	unsigned int wrong, n;

	for (unsigned int i = 0; i < k.n; i++)
		known_write(&k, i, 'a' + i % 23);
	wrong = known_wrong(&k);
	ok(!wrong, "%s: what is written is there: %u of %u pages are wrong", what, wrong, k.n);
	wrong = known_fork(&k) + known_fork(&k);
	ok(!wrong, "%s: a fork with writes on both sides: %u wrong", what, wrong);
	wrong = with_child_that_waits();
	ok(!wrong, "%s: what the parent discards and writes is the child's still: %u wrong", what, wrong);
	wrong = refault();
	ok(!wrong, "%s: entries that are dropped come again: %u wrong", what, wrong);
	/* A single page at a time: those at the ends of pieces among them. */
	for (n = 0, wrong = 0; n < k.n; n += BLOCK_PAGES) {
		discard(n, 1);
		discard(n + BLOCK_PAGES - 1, 1);
	}
	wrong = known_wrong(&k) + known_fork(&k);
	ok(!wrong, "%s: the first page and the last of each block are discarded, and none else: %u wrong", what, wrong);
	wrong = promote(what);
	ok(!wrong, "%s: promotion keeps the bytes: %u wrong", what, wrong);
}

/* Some of it once more, with the parts somewhere else. */
static void back(const char *what)
{
	unsigned int wrong;

	for (unsigned int i = 0; i < k.n; i++)
		known_write(&k, i, 'A' + i % 23);
	wrong = known_fork(&k) + with_child_that_waits() + refault();
	ok(!wrong, "%s: and then moved back: %u wrong", what, wrong);
}

static void finish(char *p, unsigned long len, const char *what)
{
	discard(0, k.n);
	ok(becomes(!stat_of("bytes")), "%s: when all is discarded nothing is held", what);
	/* In small pieces, so that a VMA goes while its neighbours show the same block. */
	for (unsigned int i = 0, m; i < k.n; i += m) {
		for (m = 1; m < 16 && i + m < k.n && k.at[i + m] == k.at[i] + m * PAGE; m++)
			;
		must(!munmap(k.at[i], m * PAGE));
	}
	must(!munmap(p, len));
	k.n = 0;
	ok(device_empty(), "%s: nothing is left behind", what);
}

/* Seven blocks about 1 GiB into a mapping; the one in their midst is moved, and its neighbours aren't. */
static void odd_place(char *to, unsigned long pages, const char *what)
{
	const unsigned long len = GIB + 16 * BLOCK;
	char *p = map(len, 50), *first = p + GIB, *was;
	unsigned int mid = 3 * BLOCK_PAGES;

	known_add(&k, first, 7 * BLOCK_PAGES);
	for (unsigned int i = 0; i < k.n; i++)
		known_write(&k, i, 'z');
	was = k.at[mid];
	move(was, pages, to);
	printf("# %s: %lu pages at %p, from %p\n", what, pages, (void *)to, (void *)was);
	all_of_it(what);
	move(to, pages, was);
	back(what);
	finish(p, len, what);
}

/* A block stays where it was and is seen at @to as well, where it is written; the others are as they were. */
static void second_view(char *to, const char *what)
{
	const unsigned long len = GIB + 16 * BLOCK;
	char *p = map(len, 50), *mid = p + GIB + 3 * BLOCK;
	unsigned int wrong = 0, round;

	known_add(&k, p + GIB, 7 * BLOCK_PAGES);
	must(mremap(mid, 0, BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	for (unsigned long i = 0; i < BLOCK_PAGES; i++)
		k.at[3 * BLOCK_PAGES + i] = to + i * PAGE;
	for (round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < k.n; i++)
			known_write(&k, i, 's' + round);
		/* A fork unmaps all of the mapping in one step, here too. */
		wrong += known_fork(&k);
		wrong += !!memcmp(to, mid, BLOCK);
		wrong += with_child_that_waits();
		wrong += !!memcmp(to, mid, BLOCK);
		must(!madvise(p + GIB, 7 * BLOCK, MADV_REMOVE));
		memset(k.byte, 0, k.n);
		wrong += !!memcmp(to, mid, BLOCK);
		wrong += known_wrong(&k);
	}
	ok(!wrong, "a second view %s shows what the first does: %u wrong", what, wrong);
	must(!munmap(to, BLOCK));
	for (unsigned long i = 0; i < BLOCK_PAGES; i++)
		k.at[3 * BLOCK_PAGES + i] = mid + i * PAGE;
	ok(!known_wrong(&k), "and when it is gone, the first is as it was");
	finish(p, len, "a second view");
}

#define PLACES 12UL

/* Each block has a place of its own, in the opposite order, and a third of them is off by some pages. */
static void many_distances(void)
{
	char *p = map(PLACES * BLOCK, 50), *places = reserve((PLACES + 1) * 2 * BLOCK), *to[PLACES];

	places = block_align(places);
	known_add(&k, p, PLACES * BLOCK_PAGES);
	for (unsigned int i = 0; i < k.n; i++)
		known_write(&k, i, 'm');
	for (unsigned long b = 0; b < PLACES; b++) {
		to[b] = places + (PLACES - 1 - b) * 2 * BLOCK + (b % 3 == 2 ? b * PAGE : 0);
		move(p + b * BLOCK, BLOCK_PAGES, to[b]);
	}
	all_of_it("12 distances");
	/* Those that had no room among the few come to have it, and the others the other way round. */
	for (unsigned long b = 0; b < PLACES; b += 2)
		move(to[b], BLOCK_PAGES, p + b * BLOCK);
	all_of_it("7 distances");
	for (unsigned long b = 3; b < PLACES; b += 2)
		move(to[b], BLOCK_PAGES, p + b * BLOCK);
	back("2 distances");
	move(to[1], BLOCK_PAGES / 2, p + BLOCK);
	back("a block in two pieces");
	finish(p, PLACES * BLOCK, "12 distances");
	munmap(places, PLACES * 2 * BLOCK);
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	odd_place(LOW, BLOCK_PAGES, "at 2 MiB");
	odd_place(topmost(BLOCK_PAGES, BLOCK), BLOCK_PAGES, "the topmost block");
	odd_place(topmost(5, PAGE), 5, "the topmost pages");
	second_view(LOW, "at 2 MiB");
	second_view(topmost(BLOCK_PAGES, BLOCK), "at the topmost block");
	many_distances();
	return tap_done();
}
