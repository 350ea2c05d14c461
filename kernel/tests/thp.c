// SPDX-License-Identifier: GPL-2.0
/* What the kernel can be told to do to huge pages, done to ours: the promises of
 * tools/testing/selftests/mm (split_huge_page_test, khugepaged, mremap_test,
 * mremap_dontunmap, migration, transhuge-stress) that apply to such memory.
 * Bytes stay, and 2 MiB pages too. Needs root. */
#include "t.h"

#include <sys/mount.h>
#include <sys/syscall.h>

#define THP "/sys/kernel/mm/transparent_hugepage/"
#define COLLAPSE 25
#define SOFT_OFFLINE 101

static void fill(char *p, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		memset(p + i * PAGE, 1 + i % 100, PAGE);
}

static bool filled(const char *p, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		if (!all_bytes(p + i * PAGE, PAGE, 1 + i % 100))
			return false;
	return true;
}

static bool huge(const char *p, size_t len)
{
	return smaps_kb(p, len, "FilePmdMapped") == KB(len);
}

static void split(char *p)
{
	char text[96];

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	snprintf(text, sizeof(text), "%d,%#lx,%#lx", getpid(), (unsigned long)p, (unsigned long)p + 4 * BLOCK);
	write_to("/sys/kernel/debug/split_huge_pages", text);
	ok(filled(p, 4 * BLOCK_PAGES) && huge(p, 4 * BLOCK), "split_huge_pages leaves them alone");
	write_to("/sys/kernel/debug/split_huge_pages", "1");
	ok(filled(p, 4 * BLOCK_PAGES) && huge(p, 4 * BLOCK), "also when it goes over all memory");
}

static void collapse(char *p)
{
	char *q = map(BLOCK, 100);

	fill(q, 100);
	ok(madvise(q, BLOCK, COLLAPSE) == -1 && filled(q, 100), "MADV_COLLAPSE is refused (errno %d)", errno);
	must(!write_to(THP "enabled", "always") && !write_to(THP "khugepaged/scan_sleep_millisecs", "10") &&
	     !write_to(THP "khugepaged/pages_to_scan", "4096"));
	usleep(500000);
	ok(filled(q, 100) && smaps_kb(q, BLOCK, "FilePmdMapped") == 0 && filled(p, 4 * BLOCK_PAGES) && huge(p, 4 * BLOCK),
	   "khugepaged passes them by");
	must(!write_to(THP "enabled", "madvise") && !write_to(THP "khugepaged/scan_sleep_millisecs", "10000"));
	munmap(q, BLOCK);
}

/* Each distance: congruent modulo 2 MiB or not; there and back. */
static void moves(char *p)
{
	static const unsigned long distances[] = { BLOCK_PAGES, 1, 13, BLOCK_PAGES + 1, BLOCK_PAGES - 1 };
	unsigned long wrong = 0;
	char *room = mmap(NULL, 8 * BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

	must(room != MAP_FAILED);
	room = (char *)(((uintptr_t)room + BLOCK - 1) & ~(BLOCK - 1));
	for (unsigned int i = 0; i < sizeof(distances) / sizeof(*distances); i++) {
		char *to = room + distances[i] * PAGE;

		must(mremap(p, 4 * BLOCK, 4 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		wrong += !filled(to, 4 * BLOCK_PAGES);
		must(mremap(to, 4 * BLOCK, 4 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
		wrong += !filled(p, 4 * BLOCK_PAGES);
	}
	ok(!wrong, "mremap by any distance keeps the bytes");
	q = mremap(p, 4 * BLOCK, 4 * BLOCK, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	ok(q != MAP_FAILED && filled(q, 4 * BLOCK_PAGES) && filled(p, 4 * BLOCK_PAGES),
	   "MREMAP_DONTUNMAP: as for any shared mapping both places show them");
	munmap(q, 4 * BLOCK);
	ok(filled(p, 4 * BLOCK_PAGES), "until one is unmapped");
	/* Entries that were moved one by one stay so; a refill has its 2 MiB pages again. */
	must(!madvise(p, 4 * BLOCK, MADV_REMOVE));
	fill(p, 4 * BLOCK_PAGES);
	ok(huge(p, 4 * BLOCK), "discarded and filled again they are 2 MiB pages");
}

static void migrate(char *p)
{
	void *pages[4] = { p, p + BLOCK, p + BLOCK + 5 * PAGE, p + 3 * BLOCK };
	int nodes[4] = { 0 }, status[4];

	syscall(SYS_move_pages, 0, 4UL, pages, nodes, status, 0);
	must(!write_to("/proc/sys/vm/compact_memory", "1"));
	ok(filled(p, 4 * BLOCK_PAGES) && huge(p, 4 * BLOCK), "move_pages and compaction leave them alone");
	if (madvise(p, PAGE, SOFT_OFFLINE))
		ok(filled(p, 4 * BLOCK_PAGES), "soft offlining is refused (errno %d)", errno);
	else
		ok(filled(p, 4 * BLOCK_PAGES), "soft offlining keeps the bytes");
}

static void stress(void)
{
	size_t len = meminfo_kb("MemAvailable") * 1024 / 100 * 60 / BLOCK * BLOCK;
	unsigned long missed = 0;

	for (int round = 0; round < 4; round++) {
		char *p = map(len, round % 2 ? DEFAULT_PERCENT : 0);

		for (size_t i = 0; i < len; i += round % 2 ? PAGE : BLOCK)
			p[i] = 1;
		missed += KB(len) - smaps_kb(p, len, "FilePmdMapped");
		munmap(p, len);
	}
	ok(!missed, "60 %% of memory (%zu MiB), four times over: all in 2 MiB pages", len >> 20);
}

int main(void)
{
	char *p = map(4 * BLOCK, 50);

	fill(p, 4 * BLOCK_PAGES);
	ok(huge(p, 4 * BLOCK), "four 2 MiB pages");
	split(p);
	collapse(p);
	moves(p);
	migrate(p);
	munmap(p, 4 * BLOCK);
	stress();
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
