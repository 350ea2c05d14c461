/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all blocks of one region share. A region (region.h) embeds its space,
 * and a block points to it; a VMA's vm_private_data does as well, so that the
 * space is the "owner" of vmas.h.
 */
#ifndef DPH_SPACE_H
#define DPH_SPACE_H

#include <linux/xarray.h>

#include "count.h"
#include "folio.h"
#include "user.h"
#include "vmas.h"

/* For struct dph_space: pages can't be told from relatives'. */
#define DPH_SPACE_NOWHERE	ULONG_MAX

/**
 * struct dph_space - the blocks of a region, and what they share
 * @user:	who made the mapping; constant, the region's reference
 * @vmas:	the VMAs that show it
 * @blocks:	struct dph_block by file offset / 2 MiB (vmas.h); entries are added
 *		under its own lock and stay until the region goes
 * @base:	where its own range of the file begins, in which its own pages have
 *		their places (folio->index); or DPH_SPACE_NOWHERE. Constant
 * @at:		the address of offset 0 when it was mapped, for tracepoints; constant
 * @percent:	threshold, 0 to 100; read and written whole
 * @adaptive:	may guess, see policy.h; as @percent
 * @trust:	how right its guesses were; a race may lose a count, which does
 *		no harm
 * @forked:	has relatives, or had: pages may be shared. Set with
 *		mmap_lock held for write; a fault may read it with its VMA's lock
 *		only. It may be cleared then, and both values are right
 * @forks:	how many VMAs forks have copied; set with mmap_lock held for write,
 *		and the worker compares it without
 * @opened:	how many watched VMAs have come by a split or a move; with
 *		mmap_lock held for write
 * @counts:	its events
 */
struct dph_space {
	struct dph_user *user;
	struct dph_vmas vmas;
	struct xarray blocks;
	pgoff_t base;
	unsigned long at;
	unsigned int percent;
	bool adaptive;
	int trust;
	bool forked;
	unsigned int forks;
	unsigned int opened;
	struct dph_counts counts;
};

/**
 * dph_space_owner() - for whom the folios of a space's blocks are
 * @space:	the space
 *
 * The core finds what maps a folio by the folio's place in the file: only if the
 * process's VMAs show its own range does it find what the process has alone.
 *
 * Return: for dph_folio_alloc() and its like
 */
static inline struct dph_folio_owner
dph_space_owner(const struct dph_space *space)
{
	return (struct dph_folio_owner){
		.user = space->user,
		.mapping = space->vmas.mapping,
		.movable = space->base == space->vmas.range,
	};
}

/**
 * struct dph_settling - how far the worker is with a region without relatives
 * @forks:	its space's @forks, from before its blocks were looked at
 * @block:	nobody else has had anything of the blocks before this one since
 *		then
 * @blocks:	nor of any block
 * @opened:	its space's @opened when the walk through the VMAs began
 * @addr:	where that walk goes on; 0: it begins
 */
struct dph_settling {
	unsigned int forks;
	unsigned long block;
	bool blocks;
	unsigned int opened;
	unsigned long addr;
};

#endif /* DPH_SPACE_H */
