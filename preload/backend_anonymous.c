// SPDX-License-Identifier: MIT
/*
 * Anonymous memory, on any Linux. "thp", the embedded default: 2 MiB-aligned
 * with MADV_HUGEPAGE, so the kernel's own transparent huge pages. "base": none of
 * them, to compare with.
 */
#include "internal.h"

#include <sys/mman.h>

static bool map(char *p, size_t len, int advice)
{
	if (mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	/* Without THP in the kernel this fails, and the memory is as good as any. */
	(void)madvise(p, len, advice);
	return true;
}

static bool purge(char *p, size_t len)
{
	return !madvise(p, len, MADV_DONTNEED);
}

/*
 * The reservation behind becomes memory where it lies: a mapping over it that
 * failed could leave a hole, in which others settle.
 */
static enum outcome extend(char *p, size_t old_len, size_t new_len, int advice)
{
	if (mprotect(p + old_len, new_len - old_len, PROT_READ | PROT_WRITE))
		return FAILED;
	(void)madvise(p + old_len, new_len - old_len, advice);
	return DONE;
}

/* The mapping stays, empty (Linux 5.7 and newer). */
static enum outcome replace(char *p, size_t len, char *to)
{
	int saved = errno;
	char *got = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);

	errno = saved;
	return got == to ? DONE : FAILED;
}

static bool thp_map(char *p, size_t len)
{
	return map(p, len, MADV_HUGEPAGE);
}

static enum outcome thp_extend(char *p, size_t old_len, size_t new_len)
{
	return extend(p, old_len, new_len, MADV_HUGEPAGE);
}

const struct backend backend_thp = {
    .name = "thp",
    .map = thp_map,
    .purge = purge,
    .extend = thp_extend,
    .move = backend_move,
    .replace = replace,
    .coverage = smaps_coverage,
};

static bool base_map(char *p, size_t len)
{
	return map(p, len, MADV_NOHUGEPAGE);
}

static enum outcome base_extend(char *p, size_t old_len, size_t new_len)
{
	return extend(p, old_len, new_len, MADV_NOHUGEPAGE);
}

const struct backend backend_base = {
    .name = "base",
    .map = base_map,
    .purge = purge,
    .extend = base_extend,
    .move = backend_move,
    .replace = replace,
    .coverage = smaps_coverage,
};
