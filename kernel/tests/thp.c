// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel can be told to do to huge pages leaves the device's bytes as
 * they are, and its 2 MiB pages too: splitting, khugepaged, mremap(), migration,
 * soft offlining and allocation of most of the memory. (The promises of
 * tools/testing/selftests/mm that apply to such memory: split_huge_page_test,
 * khugepaged, mremap_test, mremap_dontunmap, migration, transhuge-stress.) Needs
 * root.
 */
#include <sys/mount.h>
#include <sys/syscall.h>

#include "t_device.h"
#include "t_memory.h"

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

static void split(char *p)
{
	char text[96];

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	snprintf(text, sizeof(text), "%d,%#lx,%#lx", getpid(), (unsigned long)p, (unsigned long)p + 4 * BLOCK);
	write_to("/sys/kernel/debug/split_huge_pages", text);
	ok(filled(p, 4 * BLOCK_PAGES) && all_huge(p, 4 * BLOCK),
	   "split_huge_pages leaves our 2 MiB pages alone");
	write_to("/sys/kernel/debug/split_huge_pages", "1");
	ok(filled(p, 4 * BLOCK_PAGES) && all_huge(p, 4 * BLOCK),
	   "and so it does when it goes over all memory");
}

static void collapse(char *p)
{
	char *q = map(BLOCK, 100);

	fill(q, 100);
	ok(madvise(q, BLOCK, COLLAPSE) == -1 && filled(q, 100),
	   "MADV_COLLAPSE is refused (errno %d) and keeps the bytes", errno);
	must(!write_to(THP "enabled", "always") && !write_to(THP "khugepaged/scan_sleep_millisecs", "10") &&
	     !write_to(THP "khugepaged/pages_to_scan", "4096"));
	usleep(500000);
	ok(filled(q, 100) && huge_kb(q, BLOCK) == 0 && filled(p, 4 * BLOCK_PAGES) && all_huge(p, 4 * BLOCK),
	   "khugepaged leaves all of our pages alone");
	must(!write_to(THP "enabled", "madvise") && !write_to(THP "khugepaged/scan_sleep_millisecs", "10000"));
	munmap(q, BLOCK);
}

/* Moves there and back, by distances that are multiples of 2 MiB or not. */
static void moves(char *p)
{
	static const unsigned long distances[] = { BLOCK_PAGES, 1, 13, BLOCK_PAGES + 1, BLOCK_PAGES - 1 };
	unsigned long wrong = 0;
	char *room = block_align(reserve(8 * BLOCK)), *q;

	for (unsigned int i = 0; i < COUNT_OF(distances); i++) {
		char *to = room + distances[i] * PAGE;

		must(mremap(p, 4 * BLOCK, 4 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
		wrong += !filled(to, 4 * BLOCK_PAGES);
		must(mremap(to, 4 * BLOCK, 4 * BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
		wrong += !filled(p, 4 * BLOCK_PAGES);
	}
	ok(!wrong, "mremap by any distance keeps the bytes");
	q = mremap(p, 4 * BLOCK, 4 * BLOCK, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	ok(q != MAP_FAILED && filled(q, 4 * BLOCK_PAGES) && filled(p, 4 * BLOCK_PAGES),
	   "after MREMAP_DONTUNMAP both addresses show the bytes, as for any shared mapping");
	munmap(q, 4 * BLOCK);
	ok(filled(p, 4 * BLOCK_PAGES), "and the old one still does when the new one is unmapped");
	/* Entries of 4 KiB that were moved stay of 4 KiB until the memory is discarded. */
	must(!madvise(p, 4 * BLOCK, MADV_REMOVE));
	fill(p, 4 * BLOCK_PAGES);
	ok(all_huge(p, 4 * BLOCK), "when discarded and filled again, they are 2 MiB pages");
}

static void migrate(char *p)
{
	void *pages[4] = { p, p + BLOCK, p + BLOCK + 5 * PAGE, p + 3 * BLOCK };
	int nodes[4] = { 0 }, status[4];

	syscall(SYS_move_pages, 0, 4UL, pages, nodes, status, 0);
	must(!write_to("/proc/sys/vm/compact_memory", "1"));
	ok(filled(p, 4 * BLOCK_PAGES) && all_huge(p, 4 * BLOCK),
	   "move_pages to where they are, and compaction, leave our pages alone");
	if (madvise(p, PAGE, SOFT_OFFLINE))
		ok(filled(p, 4 * BLOCK_PAGES), "soft offlining is refused (errno %d) and keeps the bytes",
		   errno);
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
		missed += KB(len) - huge_kb(p, len);
		munmap(p, len);
	}
	ok(!missed, "60 %% of memory (%zu MiB) is all in 2 MiB pages, four times over", len >> 20);
}

int main(void)
{
	char *p = map(4 * BLOCK, 50);

	fill(p, 4 * BLOCK_PAGES);
	ok(all_huge(p, 4 * BLOCK), "four blocks are filled: four 2 MiB pages");
	split(p);
	collapse(p);
	moves(p);
	migrate(p);
	munmap(p, 4 * BLOCK);
	stress();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
