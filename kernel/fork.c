// SPDX-License-Identifier: GPL-2.0
/*
 * What a fork does to a region as a whole (cow.c does it to a block), and the
 * way back when the last relative is gone.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "blocks.h"
#include "compat.h"
#include "cow.h"
#include "fork.h"
#include "pagetable.h"
#include "vmas.h"

/* Not only of the VMA that is copied: two may show the same block. */
void dph_fork_lock_vmas(struct dph_region *r)
{
	VMA_ITERATOR(vmi, r->member.mm, 0);
	struct vm_area_struct *vma;

	for_each_vma(vmi, vma)
		if (dph_region_of(vma) == r)
			vma_start_write(vma);
}

static void fork_zap(struct dph_region *r, pgoff_t first, unsigned long n)
{
	dph_vmas_zap(&r->space.vmas, first, n, DPH_VMAS_LOCKED);
}

/* What dph_fork_protect() has protected must be clean. */
static void fork_protect_again(struct dph_region *parent,
			       struct vm_area_struct *pvma)
{
	unsigned long idx = dph_view_first(pvma) >> DPH_BLOCK_SHIFT;
	unsigned long last = dph_view_last(pvma) >> DPH_BLOCK_SHIFT;
	struct dph_block *b;

	xa_for_each_range(&parent->space.blocks, idx, b, idx, last) {
		unsigned long addr = dph_view_block_address(pvma, idx);

		if (!dph_view_pmd_possible(pvma, addr) ||
		    dph_pagetable_protect(pvma, addr))
			continue;
		/* It migrates, and would come back as dirty as it went. */
		if (dph_pagetable_absent(pvma, addr))
			fork_zap(parent, idx << DPH_BLOCK_SHIFT,
				 DPH_BLOCK_PAGES);
		cond_resched();
	}
}

/*
 * Another VMA may map the same blocks. But once one of them is shared with the
 * child, nothing maps it any more, and nobody can fault. A process may have cut
 * a block into as many VMAs as it has pages: it isn't unmapped for each of them.
 */
static void fork_unmap_blocks(struct dph_region *parent,
			      struct dph_region *child, unsigned long first,
			      unsigned long last)
{
	unsigned long idx, from = 0, to = 0;
	struct dph_block *b;

	xa_for_each_range(&parent->space.blocks, idx, b, first, last) {
		cond_resched();
		if (dph_blocks_find(&child->space, idx))
			continue;
		from = to ? from : idx;
		to = idx + 1;
	}
	if (to)
		fork_zap(parent, from << DPH_BLOCK_SHIFT,
			 (to - from) << DPH_BLOCK_SHIFT);
}

void dph_fork_protect(struct dph_region *parent, struct vm_area_struct *pvma,
		      struct dph_region *child)
{
	pgoff_t first = dph_view_first(pvma), end = dph_view_last(pvma) + 1;
	unsigned long idx = first >> DPH_BLOCK_SHIFT;
	unsigned long last = (end - 1) >> DPH_BLOCK_SHIFT;
	bool any_protected = false;
	struct dph_block *b;

	if (parent->member.vmas > 1) {
		fork_unmap_blocks(parent, child, idx, last);
		return;
	}
	xa_for_each_range(&parent->space.blocks, idx, b, idx, last) {
		unsigned long addr = dph_view_block_address(pvma, idx);
		pgoff_t start = idx << DPH_BLOCK_SHIFT;

		if (!dph_view_pmd_possible(pvma, addr) ||
		    !dph_pagetable_protect(pvma, addr))
			continue;
		if (first < start)
			fork_zap(parent, first, start - first);
		first = start + DPH_BLOCK_PAGES;
		any_protected = true;
		cond_resched();
	}
	if (first < end)
		fork_zap(parent, first, end - first);
	if (any_protected && dph_pagetable_settle(parent->member.mm))
		fork_protect_again(parent, pvma);
}

/*
 * Whoever migrates a process's memory takes all of it off the LRU lists first, with
 * a reference to each folio, and keeps that until the last is done: a fork in that
 * time would copy everything. So a folio that is off its list may have one reference
 * more. (Who takes it off without one of his own first has our mmap_lock for that.)
 * It may also go back to its list and be taken off again just between two looks. That
 * takes a thousand times longer than they do: we look often, without a pause.
 */
static bool fork_only_isolated(struct folio *core, int references)
{
	bool only = true;
	unsigned int i;

	local_irq_disable();
	for (i = 0; i < 8 && only; i++) {
		only = !folio_test_lru(core);
		/* The references are read between two looks at the list. */
		smp_rmb();
		only &= folio_ref_count(core) == references + 1;
		/* As above. */
		smp_rmb();
		only &= !folio_test_lru(core);
	}
	local_irq_enable();
	return only;
}

/* Its block and perhaps the folio are locked; @isolated: it may be off its list. */
static bool fork_explained(struct dph_block *pb, struct vm_area_struct *pvma,
			   bool isolated)
{
	unsigned long addr = dph_view_block_address(pvma, pb->idx);
	struct folio *core = pb->folio->core;
	int references = folio_ref_count(core);
	bool mapped;

	/*
	 * The references are read first. The core may drop the PMD at any time, by
	 * way of the reverse map. If it does so after that, the PMD's looks like
	 * somebody else's, and the child gets a copy. The other way round a page
	 * that a device writes to would be shared.
	 */
	smp_rmb();
	mapped = dph_view_pmd_possible(pvma, addr) &&
		 dph_pagetable_huge(pvma, addr);
	return references == 1 + mapped ||
	       (isolated && fork_only_isolated(core, 1 + mapped));
}

/* So often is a folio looked at that somebody has who may be migrating it. */
#define FORK_LOOKS	4

/*
 * Does I/O, or a pipe, have the folio of @pb, which is locked? Whoever is about to
 * have migrated it has the folio's lock, and lets go soon. While we have that, nobody
 * drops its PMD.
 */
static bool fork_held(struct dph_block *pb, struct vm_area_struct *pvma)
{
	unsigned int look;
	bool explained;

	/* What relatives have too is nobody's to write to. */
	if (!pb->folio || dph_folio_shared(pb->folio))
		return false;
	explained = fork_explained(pb, pvma, false);
	for (look = 0; look < FORK_LOOKS && !explained; look++) {
		cond_resched();
		folio_lock(pb->folio->core);
		explained = fork_explained(pb, pvma, true);
		folio_unlock(pb->folio->core);
	}
	return !explained;
}

void dph_fork_share(struct dph_region *parent, struct vm_area_struct *pvma,
		    struct dph_region *child)
{
	unsigned long idx = dph_view_first(pvma) >> DPH_BLOCK_SHIFT;
	unsigned long last = dph_view_last(pvma) >> DPH_BLOCK_SHIFT;
	struct dph_block *pb;

	xa_for_each_range(&parent->space.blocks, idx, pb, idx, last) {
		struct dph_block *cb;

		/* A block that lies in two VMAs is met twice. */
		if (dph_blocks_find(&child->space, idx))
			continue;
		cb = dph_blocks_get(&child->space, idx,
				    GFP_KERNEL | __GFP_NOFAIL);
		if (WARN_ON_ONCE(!cb))
			continue;
		mutex_lock(&pb->lock);
		/* The shrinker can see the new block once it is on a list. */
		mutex_lock_nested(&cb->lock, SINGLE_DEPTH_NESTING);
		dph_cow_share(pb, cb, fork_held(pb, pvma));
		mutex_unlock(&cb->lock);
		mutex_unlock(&pb->lock);
		cond_resched();
	}
}
