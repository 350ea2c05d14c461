// SPDX-License-Identifier: MIT
/*
 * Anonymous memory, on any Linux. "thp", the embedded default: 2 MiB-aligned
 * with MADV_HUGEPAGE, so the kernel's own transparent huge pages. "base": none of
 * them, to compare with.
 */
#include "internal.h"

#include <sys/mman.h>

static bool map(char *p, size_t len, int how, int advice)
{
	char *got = mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);

	if (got != p && got != MAP_FAILED) /* MAP_FIXED_NOREPLACE, before Linux 4.17 */
		munmap(got, len);
	if (got != p)
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

/* The mapping stays, empty (Linux 5.7 and newer), if it is one; for several there is
 * no such way. */
static enum outcome replace(char *p, size_t len, char *to, int advice)
{
	int saved = errno;
	bool done;

	if (backend_single(p, len)) {
		done = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
		errno = saved;
		return done ? DONE : FAILED;
	}
	errno = saved;
	if (!backend_move(p, len, to, len))
		return FAILED;
	done = map(p, len, MAP_FIXED_NOREPLACE, advice);
	errno = saved;
	return done ? DONE : LOST;
}

static bool thp_map(char *p, size_t len)
{
	return map(p, len, MAP_FIXED, MADV_HUGEPAGE);
}

static enum outcome thp_extend(char *p, size_t old_len, size_t new_len)
{
	return extend(p, old_len, new_len, MADV_HUGEPAGE);
}

static enum outcome thp_replace(char *p, size_t len, char *to)
{
	return replace(p, len, to, MADV_HUGEPAGE);
}

const struct backend backend_thp = {
    .name = "thp",
    .map = thp_map,
    .purge = purge,
    .extend = thp_extend,
    .move = backend_move,
    .replace = thp_replace,
    .coverage = smaps_coverage,
};

static bool base_map(char *p, size_t len)
{
	return map(p, len, MAP_FIXED, MADV_NOHUGEPAGE);
}

static enum outcome base_extend(char *p, size_t old_len, size_t new_len)
{
	return extend(p, old_len, new_len, MADV_NOHUGEPAGE);
}

static enum outcome base_replace(char *p, size_t len, char *to)
{
	return replace(p, len, to, MADV_NOHUGEPAGE);
}

const struct backend backend_base = {
    .name = "base",
    .map = base_map,
    .purge = purge,
    .extend = base_extend,
    .move = backend_move,
    .replace = base_replace,
    .coverage = smaps_coverage,
};
