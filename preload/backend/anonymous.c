// SPDX-License-Identifier: MIT
/*
 * Anonymous memory, on any Linux. "thp", the default where there is no driver: 2
 * MiB-aligned with MADV_HUGEPAGE, so the kernel's own transparent huge pages. "base":
 * none of them, to compare with.
 */
#include "backend/anonymous.h"

#include "backend/move.h"
#include "base/units.h"

#include <sys/mman.h>

static bool map_anonymous(char *p, size_t len, int how, int advice)
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

static bool purge_anonymous(char *p, size_t len)
{
	return !madvise(p, len, MADV_DONTNEED);
}

/*
 * The reservation behind becomes memory where it lies: if a mapping over it failed, it
 * could leave a hole, in which others settle.
 */
static enum outcome extend_anonymous(char *p, size_t old_len, size_t new_len, int advice)
{
	if (mprotect(p + old_len, new_len - old_len, PROT_READ | PROT_WRITE))
		return FAILED;
	(void)madvise(p + old_len, new_len - old_len, advice);
	return DONE;
}

/* A single mapping stays where it is, and becomes empty (Linux 5.7 and newer); for
 * several mappings there is no such way. */
static enum outcome replace_anonymous(char *p, size_t len, char *to, int advice)
{
	int saved = errno;
	bool done;

	if (move_is_single(p, len)) {
		done = mremap(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to) == to;
		errno = saved;
		return done ? DONE : FAILED;
	}
	errno = saved;
	if (!move_memory(p, len, to, len))
		return FAILED;
	done = map_anonymous(p, len, MAP_FIXED_NOREPLACE, advice);
	errno = saved;
	return done ? DONE : LOST;
}

static bool thp_map(char *p, size_t len)
{
	return map_anonymous(p, len, MAP_FIXED, MADV_HUGEPAGE);
}

static enum outcome thp_extend(char *p, size_t old_len, size_t new_len)
{
	return extend_anonymous(p, old_len, new_len, MADV_HUGEPAGE);
}

static enum outcome thp_replace(char *p, size_t len, char *to)
{
	return replace_anonymous(p, len, to, MADV_HUGEPAGE);
}

const struct backend backend_thp = {
    .name = "thp",
    .map = thp_map,
    .purge = purge_anonymous,
    .extend = thp_extend,
    .move = move_memory,
    .replace = thp_replace,
};

static bool base_map(char *p, size_t len)
{
	return map_anonymous(p, len, MAP_FIXED, MADV_NOHUGEPAGE);
}

static enum outcome base_extend(char *p, size_t old_len, size_t new_len)
{
	return extend_anonymous(p, old_len, new_len, MADV_NOHUGEPAGE);
}

static enum outcome base_replace(char *p, size_t len, char *to)
{
	return replace_anonymous(p, len, to, MADV_NOHUGEPAGE);
}

const struct backend backend_base = {
    .name = "base",
    .map = base_map,
    .purge = purge_anonymous,
    .extend = base_extend,
    .move = move_memory,
    .replace = base_replace,
};
