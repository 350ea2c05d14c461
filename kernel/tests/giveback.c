// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that is given back with MADV_REMOVE, munmap() or mremap() is free for
 * others at once, in any part of any kind of block, and what was not given back
 * keeps its bytes. Mappings can be cut, moved, shrunk and grown. Advice that is
 * meant for other kinds of memory changes nothing.
 */
#include "t_device.h"
#include "t_memory.h"

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
	ok(stat_of("bytes") == 0, "after MADV_REMOVE of everything the device holds %lu bytes",
	   stat_of("bytes"));
	/* The page allocator keeps some pages on per-CPU lists, at least for a while. */
	becomes((after = meminfo_kb("MemFree")) > full + enough_kb);
	ok(before > full + enough_kb && after > full + enough_kb, "MemFree: %lu MiB of 512 taken, %ld MiB back",
	   (before - full) / 1024, (long)(after - full) / 1024);
	ok(all_bytes(p, blocks * BLOCK, 0), "and all bytes are zero");
	munmap(p, blocks * BLOCK);
}

/* The first @touched pages of a block are touched, then some range of it is given back. */
static void parts(unsigned int touched, const char *kind)
{
	static const struct { unsigned int first, n; } range[] = {
		{ 0, 1 }, { 511, 1 }, { 17, 60 }, { 0, 256 }, { 200, 312 }, { 1, 510 },
	};

	for (unsigned int r = 0; r < COUNT_OF(range); r++) {
		unsigned int first = range[r].first, n = range[r].n, left = 0, wrong = 0;
		char *p = map(BLOCK, 50);

		for (unsigned int i = 0; i < touched; i++) {
			p[i * PAGE + 1] = 'x';
			left += i < first || i >= first + n;
		}
		must(!madvise(p + first * PAGE, n * PAGE, MADV_REMOVE));
		/* If no page of the range was touched, the reservation may stay. */
		ok(stat_of("bytes") == left * PAGE || (left == touched && stat_of("bytes") == BLOCK),
		   "%s, %u+%u given back (first page, number): %u touched are left, %lu kB held", kind,
		   first, n, left, stat_of("bytes") / 1024);
		for (unsigned int i = 0; i < BLOCK_PAGES; i++) {
			bool in = i >= first && i < first + n;

			wrong += p[i * PAGE + 1] != (i < touched && !in ? 'x' : 0) || p[i * PAGE];
		}
		ok(!wrong, "and the rest keeps its bytes");
		/* All of it is touched again: it becomes a 2 MiB page with the right bytes. */
		for (unsigned int i = 0; i < BLOCK_PAGES; i++)
			p[i * PAGE + 2] = 'y';
		for (unsigned int i = 0; i < BLOCK_PAGES; i++) {
			bool in = i >= first && i < first + n;

			wrong += p[i * PAGE + 1] != (i < touched && !in ? 'x' : 0) || p[i * PAGE + 2] != 'y';
		}
		ok(!wrong && all_huge(p, BLOCK), "and it becomes a 2 MiB page again");
		munmap(p, BLOCK);
	}
}

static void partial_munmap(void)
{
	char *p = filled(4, 'm');

	must(!munmap(p + BLOCK, 2 * BLOCK));
	ok(stat_of("bytes") == 2 * BLOCK, "munmap of the middle of a mapping gives it back");
	must(!munmap(p + 3 * BLOCK + 10 * PAGE, BLOCK - 10 * PAGE));
	ok(stat_of("bytes") == BLOCK + 10 * PAGE, "and so does munmap of a part of a block");
	ok(all_bytes(p, BLOCK, 'm') && all_bytes(p + 3 * BLOCK, 10 * PAGE, 'm'), "and the rest keeps its bytes");
	must(!munmap(p, BLOCK) && !munmap(p + 3 * BLOCK, 10 * PAGE));
	ok(stat_of("bytes") == 0, "after munmap of the rest nothing is held");
}

static void moves(void)
{
	char *p = filled(8, 'r'), *room, *q;
	unsigned long faults;

	q = mremap(p, 8 * BLOCK, 16 * BLOCK, MREMAP_MAYMOVE);
	must(q != MAP_FAILED);
	ok(all_bytes(q, 8 * BLOCK, 'r') && all_bytes(q + 8 * BLOCK, 8 * BLOCK, 0),
	   "mremap grows a mapping, and the new part is zero");
	ok(((uintptr_t)q & (BLOCK - 1)) == 0, "its new address is 2 MiB-aligned");
	memset(q, 's', 16 * BLOCK);
	ok(all_huge(q, 16 * BLOCK), "and all of it can be 2 MiB pages");

	room = reserve(20 * BLOCK);
	p = block_align(room);
	faults = stat_of("faults");
	p = mremap(q, 16 * BLOCK, 16 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, p);
	must(p != MAP_FAILED);
	ok(all_bytes(p, 16 * BLOCK, 's') && stat_of("faults") - faults <= 16,
	   "mremap moves 32 MiB with %lu faults, so nothing is copied", stat_of("faults") - faults);
	ok(stat_of("bytes") == 16 * BLOCK, "and the device holds no more than before");
	q = mremap(p, 16 * BLOCK, 3 * BLOCK, 0);
	must(q == p);
	ok(stat_of("bytes") == 3 * BLOCK, "mremap shrinks a mapping and gives back the rest");
	/* To an address that is not congruent modulo 2 MiB: it has 4 KiB pages from then on. */
	q = mremap(p, 3 * BLOCK, 3 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, p + 8 * BLOCK + 3 * PAGE);
	must(q != MAP_FAILED);
	ok(all_bytes(q, 3 * BLOCK, 's'), "mremap to an incongruent address keeps the bytes");
	munmap(room, 20 * BLOCK);
	ok(stat_of("bytes") == 0, "munmap after the moves gives everything back");
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
	ok(all_bytes(p, 2 * BLOCK, 'z'), "and write access can be given back");
	must(!mlock(p, 2 * BLOCK) && !munlock(p, 2 * BLOCK));
	ok(all_bytes(p, 2 * BLOCK, 'z'), "mlock and munlock keep them");
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

	for (unsigned int i = 0; i < COUNT_OF(advices); i++) {
		char *p = map(3 * BLOCK, 50);
		int err;

		memset(p, 'h', BLOCK);			/* promoted */
		memset(p + BLOCK, 'h', 50 * PAGE);	/* reserved */
		err = madvise(p + 3 * PAGE, BLOCK + 20 * PAGE, advices[i].advice) ? errno : 0;
		ok((advices[i].err < 0 || err == advices[i].err) && all_bytes(p, BLOCK + 50 * PAGE, 'h') &&
		   all_bytes(p + BLOCK + 50 * PAGE, 2 * BLOCK - 50 * PAGE, 0),
		   "MADV_%s keeps the bytes", advices[i].name);
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
	return tap_done();
}
