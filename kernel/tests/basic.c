// SPDX-License-Identifier: GPL-2.0
/*
 * The device gives memory. It refuses what it cannot do: private or executable
 * mappings, offsets, a read-only descriptor. It keeps its first promise: a 4 MiB
 * structure needs two 2 MiB entries in the page table, where glibc's needs 1,024.
 * Mappings may have any length and address, and outlive their descriptor. Nobody
 * opens them by another name, and the driver counts what it does.
 */
#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "t_device.h"
#include "t_memory.h"

static int mmap_errno(int open_flags, int prot, int flags, off_t off)
{
	int fd = open(DPHUGE_DEVICE, open_flags);
	void *p;

	must(fd >= 0);
	p = mmap(NULL, BLOCK, prot, flags, fd, off);
	close(fd);
	if (p != MAP_FAILED) {
		munmap(p, BLOCK);
		return 0;
	}
	return errno;
}

static void refusals(void)
{
	const int rw = PROT_READ | PROT_WRITE;
	char *p = map(BLOCK, DEFAULT_PERCENT);
	struct stat st;

	must(!stat(DPHUGE_DEVICE, &st));
	ok((st.st_mode & 0777) == 0666, "/dev/dphuge has mode 0666");
	ok(mmap_errno(O_RDWR, rw, MAP_SHARED, 0) == 0, "MAP_SHARED is accepted");
	ok(mmap_errno(O_RDWR, rw, MAP_PRIVATE, 0) == EINVAL, "MAP_PRIVATE is EINVAL");
	ok(mmap_errno(O_RDWR, rw | PROT_EXEC, MAP_SHARED, 0) == EACCES, "PROT_EXEC is EACCES");
	ok(mmap_errno(O_RDONLY, rw, MAP_SHARED, 0) == EACCES, "a read-only descriptor is EACCES");
	ok(mmap_errno(O_RDWR, rw, MAP_SHARED, PAGE) == EINVAL, "an offset is EINVAL");
	ok(mprotect(p, BLOCK, rw | PROT_EXEC) && errno == EACCES, "mprotect(PROT_EXEC) is EACCES");
	munmap(p, BLOCK);
}

static void four_mib(void)
{
	const size_t len = 4UL << 20;
	char *p = map(len, DEFAULT_PERCENT), *q;

	ok(((uintptr_t)p & (BLOCK - 1)) == 0, "a mapping is 2 MiB-aligned");
	memset(p, 1, len);
	ok(huge_kb(p, len) == 4096, "4 MiB on the device: FilePmdMapped is %lu kB", huge_kb(p, len));
	ok(smaps_kb(p, len, "Rss") == 4096, "and Rss is %lu kB", smaps_kb(p, len, "Rss"));

	/* glibc takes large blocks from anonymous mappings, for which THP is off by default. */
	must(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	q = malloc(len);
	memset(q, 1, len);
	ok(smaps_kb(q, len, "AnonHugePages") == 0 && smaps_kb(q, len, "Rss") >= 4096,
	   "4 MiB of glibc's malloc: %lu entries of 4 KiB", smaps_kb(q, len, "Rss") / 4);
	free(q);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	munmap(p, len);
}

static void first_touch(void)
{
	char *p = map(4 * BLOCK, 0);
	unsigned long faults = stat_of("faults");

	p[BLOCK + 12345] = 1;
	ok(huge_kb(p, 4 * BLOCK) == 2048 && stat_of("faults") == faults + 1,
	   "threshold 0: one touch makes one fault and maps 2 MiB");
	ok(all_bytes(p + BLOCK, 12345, 0) && all_bytes(p + BLOCK + 12346, BLOCK - 12346, 0),
	   "and all other bytes of it are zero");
	munmap(p, 4 * BLOCK);
}

static void descriptor(void)
{
	int fd = device();
	char *p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(p != MAP_FAILED);
	close(fd);
	memset(p, 7, 2 * BLOCK);
	ok(all_bytes(p, 2 * BLOCK, 7), "a mapping works after its descriptor is closed");
	ok(syscall(SYS_delete_module, "dphuge", O_NONBLOCK) && errno == EAGAIN,
	   "the module can't be unloaded while a mapping lives");
	munmap(p, 2 * BLOCK);
}

static void odd_mappings(void)
{
	int fd = device();
	char *room = reserve(8 * BLOCK), *p;
	char *at = block_align(room) + 5 * PAGE;

	p = mmap(at, 3 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	must(p == at);
	memset(p, 3, 3 * BLOCK);
	ok(huge_kb(p, 3 * BLOCK) == 4096,
	   "an unaligned mapping has 2 MiB pages inside and 4 KiB pages at its ends");
	ok(info_of(p).held == 3 * BLOCK, "and holds nothing beyond its ends");
	ok(all_bytes(p, 3 * BLOCK, 3), "and keeps its bytes");
	munmap(room, 8 * BLOCK);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(p != MAP_FAILED);
	memset(p, 3, 2 * PAGE);
	ok(info_of(p).held == 2 * PAGE, "a mapping of two pages holds two pages");
	munmap(p, 2 * PAGE);
	close(fd);
}

/*
 * Since 6.12 the kernel maps no PMD for such a process (redis is one). An access
 * across two pages must not fault on them in turn for ever.
 */
static void thp_disabled(void)
{
	unsigned long wrong = 0;
	char *p = map(2 * BLOCK, 50);

	must(!prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	alarm(PATIENCE_MS / 1000);
	for (unsigned int i = 0; i < 2 * BLOCK_PAGES - 1; i++)
		*(volatile uint64_t *)(p + (i + 1) * PAGE - 4) = i * 0x100000001ull;
	for (unsigned int i = 0; i < 2 * BLOCK_PAGES - 1; i++)
		wrong += *(volatile uint64_t *)(p + (i + 1) * PAGE - 4) != i * 0x100000001ull;
	alarm(0);
	ok(!wrong, "with PR_SET_THP_DISABLE memory works, %lu kB in 2 MiB pages", huge_kb(p, 2 * BLOCK));
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	munmap(p, 2 * BLOCK);
	p = map(2 * BLOCK, 50);
	memset(p, 1, BLOCK);
	must(!madvise(p, 2 * BLOCK, MADV_NOHUGEPAGE));
	alarm(PATIENCE_MS / 1000);
	for (unsigned int i = 0; i < 2 * BLOCK_PAGES - 1; i++)
		*(volatile uint64_t *)(p + (i + 1) * PAGE - 4) = i;
	alarm(0);
	ok(true, "with MADV_NOHUGEPAGE memory works, %lu kB in 2 MiB pages", huge_kb(p, 2 * BLOCK));
	munmap(p, 2 * BLOCK);
}

/* A link in /proc/PID/map_files leads to the file, not to the memory of whom it belongs to. */
static void map_files(void)
{
	char *p = map(BLOCK, 50), path[64];

	memset(p, 1, BLOCK);
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)p, (unsigned long)p + BLOCK);
	ok(!access(path, F_OK) && open(path, O_RDWR) < 0 && errno == ENXIO,
	   "nobody opens the memory by /proc/PID/map_files");
	munmap(p, BLOCK);
}

/* What happens is counted, and what is counted can be read. */
static void statistics(void)
{
	unsigned long promotions = stat_of("promotions"), discards = stat_of("discards");
	unsigned int files = 0, numbers = 0;
	DIR *dir = opendir(STATS);
	struct dirent *e;
	char *p = map(BLOCK, 50), text[32];

	must(dir);
	for (unsigned int i = 0; i <= BLOCK_PAGES / 2; i++)
		p[i * PAGE] = 1;
	must(!madvise(p, BLOCK, MADV_REMOVE));
	ok(stat_of("promotions") == promotions + 1 && stat_of("discards") > discards,
	   "a promotion and a discard are counted");
	munmap(p, BLOCK);
	while ((e = readdir(dir))) {
		int fd = e->d_name[0] == '.' ? -1 : openat(dirfd(dir), e->d_name, O_RDONLY);
		ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		files += e->d_name[0] != '.';
		if (n > 1) {
			text[n] = 0;
			numbers += strspn(text, "0123456789") == (size_t)n - 1 && text[n - 1] == '\n';
		}
		if (fd >= 0)
			close(fd);
	}
	closedir(dir);
	ok(files && numbers == files, "each of %u statistics is a number: %u", files, numbers);
}

int main(void)
{
	refusals();
	map_files();
	statistics();
	thp_disabled();
	four_mib();
	first_touch();
	descriptor();
	odd_mappings();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
