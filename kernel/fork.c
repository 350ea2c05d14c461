// SPDX-License-Identifier: GPL-2.0
/*
 * A region and its relatives: what fork does to it as a whole (cow.c does it to
 * a block), and the way back when the last relative is gone.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>

#include "dphuge.h"
#include "compat.h"

/* From now on the core asks before it makes an entry writable. */
static void watch_writes(struct vm_area_struct *vma)
{
	vma->vm_ops = &dph_forked_ops;
	/* What vma_set_page_prot() does for a VMA with page_mkwrite. */
	WRITE_ONCE(vma->vm_page_prot,
		   vm_get_page_prot(vma->vm_flags & ~VM_SHARED));
}

/*
 * Keep faults out of all of the region's VMAs, not only of the one that is
 * copied: two may show the same block. mmap_lock is held for write.
 */
static void lock_vmas(struct dph_region *r)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, r->mm, 0);

	for_each_vma(vmi, vma)
		if (dph_region_of(vma) == r)
			vma_start_write(vma);
}

/*
 * Before blocks are shared with a child: let no write to @pvma go by unseen.
 * What a PMD maps may still be read; the rest is unmapped.
 */
static void protect(struct dph_region *parent, struct vm_area_struct *pvma)
{
	pgoff_t first = DPH_VMA_FIRST(pvma), end = DPH_VMA_LAST(pvma) + 1;
	unsigned long idx = first >> DPH_BLOCK_SHIFT;
	unsigned long last = (end - 1) >> DPH_BLOCK_SHIFT;
	struct dph_block *b;

	/* Another VMA may map the same blocks. */
	if (parent->vmas > 1) {
		dph_region_zap(parent, idx << DPH_BLOCK_SHIFT,
			       (last + 1 - idx) << DPH_BLOCK_SHIFT);
		return;
	}
	xa_for_each_range(&parent->blocks, idx, b, idx, last) {
		unsigned long addr = dph_vma_block_address(pvma, idx);
		pgoff_t start = idx << DPH_BLOCK_SHIFT;

		if (!dph_vma_pmd_possible(pvma, addr) ||
		    !dph_pt_protect(pvma, addr))
			continue;
		if (first < start)
			dph_region_zap(parent, first, start - first);
		first = start + DPH_BLOCK_PAGES;
		cond_resched();
	}
	if (first < end)
		dph_region_zap(parent, first, end - first);
}

/*
 * @vma is a child's copy of one of @parent's. Both mmap_locks are held for
 * write (dup_mmap()), so there is no fault under way in either process. This
 * can't fail: small allocations wait for memory instead.
 */
void dph_fork(struct dph_region *parent, struct vm_area_struct *vma)
{
	struct vm_area_struct *pvma = find_vma(parent->mm, vma->vm_start);
	unsigned long idx = vma->vm_pgoff >> DPH_BLOCK_SHIFT;
	unsigned long last = DPH_VMA_LAST(vma) >> DPH_BLOCK_SHIFT;
	const gfp_t gfp = GFP_KERNEL | __GFP_NOFAIL;
	struct dph_region *child;
	struct dph_block *pb;

	child = dph_region_find(parent->family, vma->vm_mm);
	if (child) {
		spin_lock(&child->family->lock);
		child->vmas++;
		spin_unlock(&child->family->lock);
		dph_region_put(child);
	} else {
		if (parent->vmas > 1)
			lock_vmas(parent);
		child = dph_region_alloc(parent->family, parent->user,
					 vma->vm_mm, READ_ONCE(parent->percent),
					 READ_ONCE(parent->adaptive), gfp);
	}
	vma->vm_private_data = child;
	parent->forked = true;
	child->forked = true;
	watch_writes(vma);
	if (WARN_ON_ONCE(!pvma || pvma->vm_private_data != parent))
		return;
	watch_writes(pvma);
	protect(parent, pvma);
	xa_for_each_range(&parent->blocks, idx, pb, idx, last) {
		unsigned long addr = dph_vma_block_address(pvma, idx);
		struct dph_block *cb;

		/* A block that lies in two VMAs comes by twice. */
		if (xa_load(&child->blocks, idx))
			continue;
		cb = dph_region_block(child, idx, gfp);
		if (WARN_ON_ONCE(!cb))
			continue;
		mutex_lock(&pb->lock);
		/* The shrinker can see it once it's in one of its lists. */
		mutex_lock_nested(&cb->lock, SINGLE_DEPTH_NESTING);
		dph_cow_fork_block(pb, cb, dph_vma_pmd_possible(pvma, addr) &&
					   dph_pt_huge(pvma, addr));
		mutex_unlock(&cb->lock);
		mutex_unlock(&pb->lock);
		cond_resched();
	}
}

/* Has @r no relatives? mmap_lock is held. */
static bool alone(struct dph_region *r)
{
	bool single;

	if (READ_ONCE(r->gone))
		return false;
	spin_lock(&r->family->lock);
	single = list_is_singular(&r->family->regions);
	spin_unlock(&r->family->lock);
	return single;
}

/* The opposite of watch_writes(), for all VMAs. */
static void leave_writes(struct dph_region *r)
{
	struct vm_area_struct *vma;
	VMA_ITERATOR(vmi, r->mm, 0);

	for_each_vma(vmi, vma) {
		/* One that userfaultfd watches too keeps its ways. */
		if (dph_region_of(vma) != r || userfaultfd_wp(vma))
			continue;
		vma->vm_ops = &dph_plain_ops;
		WRITE_ONCE(vma->vm_page_prot, vm_get_page_prot(vma->vm_flags));
	}
}

/*
 * The last relative is gone, and the worker has put the blocks in order: if
 * none of them has a page that somebody else may still see, there is no reason
 * left to watch writes. A new relative could only come by a fork, which needs
 * mmap_lock.
 */
void dph_fork_settle(struct dph_region *r)
{
	struct mm_struct *mm;
	struct dph_block *b;
	unsigned long idx;
	bool own;

	if (!READ_ONCE(r->forked))
		return;
	mm = dph_region_mm(r);
	if (!mm)
		return;
	/* Mostly it isn't, and nobody is to wait for that. */
	mmap_read_lock(mm);
	own = alone(r);
	mmap_read_unlock(mm);
	if (!own)
		goto put;
	mmap_write_lock(mm);
	if (!alone(r))
		goto unlock;
	/* No fault from here on: what is looked at below stays so. */
	lock_vmas(r);
	xa_for_each(&r->blocks, idx, b) {
		mutex_lock(&b->lock);
		own = dph_cow_settle(b);
		mutex_unlock(&b->lock);
		if (!own)
			goto unlock;
		cond_resched();
	}
	r->forked = false;
	leave_writes(r);
unlock:
	mmap_write_unlock(mm);
put:
	mmput(mm);
}
