// SPDX-License-Identifier: GPL-2.0
/* Memory given back is really back, and mappings can be cut, moved and grown. */
#include "t.h"

static char *filled(size_t blocks, char byte)
{
	char *p = map(blocks * BLOCK, 50);

	memset(p, byte, blocks * BLOCK);
	return p;
}

static void whole_blocks(void)
{
	const size_t blocks = 256, enough_kb = 440 * 1024; /* of 512 MiB */
	unsigned long before = meminfo_kb("MemFree"), full, after;
	char *p = filled(blocks, 1);

	full = meminfo_kb("MemFree");
	must(!madvise(p, blocks * BLOCK, MADV_REMOVE));
	ok(stat_of("bytes") == 0, "MADV_REMOVE of all: the device holds %lu bytes", stat_of("bytes"));
	/* The page allocator keeps some on per-CPU lists, at least for a while. */
	becomes((after = meminfo_kb("MemFree")) > full + enough_kb);
	ok(before > full + enough_kb && after > full + enough_kb, "MemFree: %lu MiB of 512 taken, %ld MiB back",
	   (before - full) / 1024, (long)(after - full) / 1024);
	ok(all_bytes(p, blocks * BLOCK, 0), "and it reads as zero");
	munmap(p, blocks * BLOCK);
}

/* Any page-aligned range of any kind of block. */
static void parts(unsigned int touched, const char *kind)
{
	static const struct { unsigned int first, n; } range[] = {
		{ 0, 1 }, { 511, 1 }, { 17, 60 }, { 0, 256 }, { 200, 312 }, { 1, 510 },
	};

	for (unsigned int r = 0; r < sizeof(range) / sizeof(*range); r++) {
		unsigned int first = range[r].first, n = range[r].n, left = 0, wrong = 0;
		char *p = map(BLOCK, 50);

		for (unsigned int i = 0; i < touched; i++) {
			p[i * PAGE + 1] = 'x';
			left += i < first || i >= first + n;
		}
		must(!madvise(p + first * PAGE, n * PAGE, MADV_REMOVE));
		/* Nothing was touched in the range: a reservation may stay. */
		ok(stat_of("bytes") == left * PAGE || (left == touched && stat_of("bytes") == BLOCK),
		   "%s, pages %u+%u given back: %u left, %lu kB held", kind, first, n, left,
		   stat_of("bytes") / 1024);
		for (unsigned int i = 0; i < BLOCK_PAGES; i++) {
			bool in = i >= first && i < first + n;

			wrong += p[i * PAGE + 1] != (i < touched && !in ? 'x' : 0) || p[i * PAGE];
		}
		ok(!wrong, "and the rest keeps its bytes");
		/* Touch it all again: huge again, with the right content. */
		for (unsigned int i = 0; i < BLOCK_PAGES; i++)
			p[i * PAGE + 2] = 'y';
		for (unsigned int i = 0; i < BLOCK_PAGES; i++) {
			bool in = i >= first && i < first + n;

			wrong += p[i * PAGE + 1] != (i < touched && !in ? 'x' : 0) || p[i * PAGE + 2] != 'y';
		}
		ok(!wrong && smaps_kb(p, BLOCK, "FilePmdMapped") == KB(BLOCK), "and it becomes a 2 MiB page again");
		munmap(p, BLOCK);
	}
}

static void partial_munmap(void)
{
	char *p = filled(4, 'm');

	must(!munmap(p + BLOCK, 2 * BLOCK));
	ok(stat_of("bytes") == 2 * BLOCK, "munmap of the middle gives it back");
	must(!munmap(p + 3 * BLOCK + 10 * PAGE, BLOCK - 10 * PAGE));
	ok(stat_of("bytes") == BLOCK + 10 * PAGE, "munmap of part of a block, too");
	ok(all_bytes(p, BLOCK, 'm') && all_bytes(p + 3 * BLOCK, 10 * PAGE, 'm'), "and the rest keeps its bytes");
	must(!munmap(p, BLOCK) && !munmap(p + 3 * BLOCK, 10 * PAGE));
	ok(stat_of("bytes") == 0, "munmap of the rest gives all back");
}

static void moves(void)
{
	unsigned long faults;
	char *p = filled(8, 'r'), *room, *q;

	faults = stat_of("faults");
	q = mremap(p, 8 * BLOCK, 16 * BLOCK, MREMAP_MAYMOVE);
	must(q != MAP_FAILED);
	ok(all_bytes(q, 8 * BLOCK, 'r') && all_bytes(q + 8 * BLOCK, 8 * BLOCK, 0), "mremap grows, the new part is zero");
	ok(((uintptr_t)q & (BLOCK - 1)) == 0, "to an aligned address");
	memset(q, 's', 16 * BLOCK);
	ok(smaps_kb(q, 16 * BLOCK, "FilePmdMapped") == KB(16 * BLOCK), "all of it as 2 MiB pages");

	room = mmap(NULL, 20 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(room != MAP_FAILED);
	p = (char *)(((uintptr_t)room + BLOCK) & ~(BLOCK - 1));
	faults = stat_of("faults");
	p = mremap(q, 16 * BLOCK, 16 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	must(p != MAP_FAILED);
	ok(all_bytes(p, 16 * BLOCK, 's') && stat_of("faults") - faults <= 16,
	   "mremap moves 32 MiB: %lu faults, nothing copied", stat_of("faults") - faults);
	ok(stat_of("bytes") == 16 * BLOCK, "and holds no more than before");
	q = mremap(p, 16 * BLOCK, 3 * BLOCK, 0);
	must(q == p);
	ok(stat_of("bytes") == 3 * BLOCK, "mremap shrinks and gives back");
	/* To an address that isn't congruent: 4 KiB pages from then on. */
	q = mremap(p, 3 * BLOCK, 3 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * BLOCK + 3 * PAGE);
	must(q != MAP_FAILED);
	ok(all_bytes(q, 3 * BLOCK, 's'), "mremap to an incongruent address keeps the bytes");
	munmap(room, 20 * BLOCK);
	ok(stat_of("bytes") == 0, "munmap after moves gives all back");
}

static void protections(void)
{
	char *p = filled(2, 'q');

	must(!mprotect(p + 5 * PAGE, PAGE, PROT_NONE));
	must(!mprotect(p + BLOCK, BLOCK, PROT_READ));
	ok(all_bytes(p, 5 * PAGE, 'q') && all_bytes(p + 6 * PAGE, 2 * BLOCK - 6 * PAGE, 'q'),
	   "mprotect keeps the bytes");
	must(!mprotect(p, 2 * BLOCK, PROT_READ | PROT_WRITE));
	memset(p, 'z', 2 * BLOCK);
	ok(all_bytes(p, 2 * BLOCK, 'z'), "and can be taken back");
	must(!mlock(p, 2 * BLOCK) && !munlock(p, 2 * BLOCK));
	ok(all_bytes(p, 2 * BLOCK, 'z'), "mlock and munlock work");
	munmap(p, 2 * BLOCK);
}

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

/* Advice meant for other kinds of memory changes nothing. */
static void other_advice(void)
{
	static const struct { int advice; const char *name; int err; } advices[] = {
		{ MADV_NORMAL, "NORMAL", 0 }, { MADV_RANDOM, "RANDOM", 0 }, { MADV_WILLNEED, "WILLNEED", -1 },
		{ MADV_DONTNEED, "DONTNEED", 0 }, { MADV_COLD, "COLD", 0 }, { MADV_PAGEOUT, "PAGEOUT", 0 },
		{ MADV_HUGEPAGE, "HUGEPAGE", -1 }, { MADV_COLLAPSE, "COLLAPSE", -1 }, { MADV_FREE, "FREE", EINVAL },
		{ MADV_MERGEABLE, "MERGEABLE", -1 }, { MADV_POPULATE_READ, "POPULATE_READ", 0 },
		{ MADV_POPULATE_WRITE, "POPULATE_WRITE", 0 },
	};

	for (unsigned int i = 0; i < sizeof(advices) / sizeof(*advices); i++) {
		char *p = map(3 * BLOCK, 50);
		int err;

		memset(p, 'h', BLOCK);			/* promoted */
		memset(p + BLOCK, 'h', 50 * PAGE);	/* reserved */
		err = madvise(p + 3 * PAGE, BLOCK + 20 * PAGE, advices[i].advice) ? errno : 0;
		ok((advices[i].err < 0 || err == advices[i].err) && all_bytes(p, BLOCK + 50 * PAGE, 'h') &&
		   all_bytes(p + BLOCK + 50 * PAGE, 2 * BLOCK - 50 * PAGE, 0), "MADV_%s keeps the bytes", advices[i].name);
		munmap(p, 3 * BLOCK);
	}
}

int main(void)
{
	other_advice();
	whole_blocks();
	parts(512, "promoted");
	parts(100, "reserved");
	partial_munmap();
	moves();
	protections();
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
