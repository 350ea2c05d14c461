// SPDX-License-Identifier: MIT
/*
 * DPHUGE_SMALL=huge: the extents that jemalloc cuts small blocks from come from our backend
 * too (extent_hooks in jemalloc(3)).
 *
 * They are mapped apart from the window, so that a pointer's address still says whose it
 * is, and without a lock of ours: jemalloc calls us with its own held, which a fork takes
 * after ours. jemalloc cuts, merges and keeps them. Of what it gives back, whole 2 MiB
 * blocks go to the kernel; to take a part away would break a 2 MiB page.
 */
#include "front/extents.h"

#include "backend/anonymous.h"
#include "backend/backend.h"
#include "base/state.h"

#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <sys/mman.h>

/* hugetlb's pages must be copied at a fork, and these would be too many to copy: they come
 * from anonymous memory then. */
static bool map_extent(char *p, size_t len)
{
	enum backend_choice got;

	return fixed->choice == BACKEND_HUGETLB ? backend_thp.map(p, len) : backend_map(p, len, &got);
}

static bool purge_extent(char *p, size_t len)
{
	return fixed->choice == BACKEND_HUGETLB ? backend_thp.purge(p, len) : fixed->backend->purge(p, len);
}

static void *extent_alloc(extent_hooks_t *hooks, void *at, size_t size, size_t align, bool *zero, bool *commit,
			  unsigned int arena)
{
	size_t len, reserved;
	char *p, *start;

	(void)hooks;
	(void)arena;
	align = align < BLOCK_BYTES ? BLOCK_BYTES : align;
	if (at || __builtin_add_overflow(size, align, &reserved))
		return NULL;
	len = round_up(size, PAGE_BYTES);
	p = mmap(NULL, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	start = (char *)round_up((uintptr_t)p, align);
	if (!map_extent(start, len)) {
		munmap(p, reserved);
		return NULL;
	}
	if (start > p)
		munmap(p, (size_t)(start - p));
	if (start + len < p + reserved)
		munmap(start + len, (size_t)(p + reserved - start - len));
	*zero = true;
	*commit = true;
	return start;
}

/* true: not done; jemalloc keeps the addresses to use them again. */
static bool extent_dalloc(extent_hooks_t *hooks, void *p, size_t size, bool committed, unsigned int arena)
{
	(void)hooks;
	(void)p;
	(void)size;
	(void)committed;
	(void)arena;
	return true;
}

static void extent_destroy(extent_hooks_t *hooks, void *p, size_t size, bool committed, unsigned int arena)
{
	(void)hooks;
	(void)committed;
	(void)arena;
	munmap(p, size);
}

/* false: all of it reads as zero now. */
static bool extent_purge(extent_hooks_t *hooks, void *extent, size_t size, size_t offset, size_t len,
			 unsigned int arena)
{
	char *from = (char *)extent + offset, *to = from + len;
	char *first = (char *)round_up((uintptr_t)from, BLOCK_BYTES),
	     *last = (char *)round_down((uintptr_t)to, BLOCK_BYTES);

	(void)hooks;
	(void)size;
	(void)arena;
	if (first >= last)
		return true;
	if (!purge_extent(first, (size_t)(last - first))) {
		/* It was mapped before the hooks were there, or as the driver had no memory left. */
		(void)madvise(first, (size_t)(last - first), MADV_DONTNEED);
		return true;
	}
	return first != from || last != to;
}

static bool extent_split(extent_hooks_t *hooks, void *p, size_t size, size_t a, size_t b, bool committed,
			 unsigned int arena)
{
	(void)hooks;
	(void)p;
	(void)size;
	(void)a;
	(void)b;
	(void)committed;
	(void)arena;
	return false;
}

static bool extent_merge(extent_hooks_t *hooks, void *a, size_t a_size, void *b, size_t b_size, bool committed,
			 unsigned int arena)
{
	(void)hooks;
	(void)a;
	(void)a_size;
	(void)b;
	(void)b_size;
	(void)committed;
	(void)arena;
	return false;
}

bool extents_install(void)
{
	/* jemalloc only reads it; as a constant it cannot be overwritten by an attacker. */
	static const extent_hooks_t hooks = {
	    .alloc = extent_alloc,
	    .dalloc = extent_dalloc,
	    .destroy = extent_destroy,
	    .purge_forced = extent_purge,
	    .split = extent_split,
	    .merge = extent_merge,
	};
	extent_hooks_t *ours = (extent_hooks_t *)&hooks;
	unsigned int arenas = 0;
	size_t len = sizeof(arenas);
	char name[64];

	if (mallctl("opt.narenas", &arenas, &len, NULL, 0))
		return false;
	for (unsigned int i = 0; i < arenas; i++) {
		snprintf(name, sizeof(name), "arena.%u.extent_hooks", i);
		if (mallctl(name, NULL, NULL, &ours, sizeof(ours)))
			return false;
	}
	return true;
}
