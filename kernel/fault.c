// SPDX-License-Identifier: GPL-2.0
/*
 * What a fault does: it finds the block, has it touched, and sees to it that
 * the core maps 4 KiB or 2 MiB as the block demands.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "blocks.h"
#include "compat.h"
#include "cow.h"
#include "fault.h"
#include "held.h"
#include "pagetable.h"
#include "region.h"
#include "rss.h"
#include "touch.h"
#include "vmas.h"

static void fault_begin(struct dph_block *b, struct vm_fault *vmf)
{
	mutex_lock(&b->lock);
	b->vma_locked = dph_compat_fault_vma_locked(vmf);
	if (unlikely(b->in_rss))
		dph_rss_hide(b);
}

static void fault_done(struct dph_block *b)
{
	b->vma_locked = false;
	mutex_unlock(&b->lock);
	dph_count(&b->space->counts, DPH_FAULTS, 1);
	dph_count_spread(&b->space->counts);
}

static vm_fault_t fault_error(long err)
{
	switch (err) {
	case -ENOMEM:
		return VM_FAULT_OOM;
	case -EHWPOISON:
		return VM_FAULT_HWPOISON;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/*
 * Take the page table of a block that has become full away, so that the next
 * fault maps a PMD. Called without locks.
 */
static void fault_retract(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	struct dph_region *r;
	struct dph_block *b;

	if (mmap_write_lock_killable(mm))
		return;
	vma = find_vma(mm, addr);
	if (!vma || addr < vma->vm_start || !dph_view_pmd_possible(vma, addr))
		goto unlock;
	r = dph_region_of(vma);
	if (!r)
		goto unlock;
	b = dph_blocks_find(&r->space, dph_view_offset_at(vma, addr) >>
				       DPH_BLOCK_SHIFT);
	if (!b)
		goto unlock;
	vma_start_write(vma);
	mutex_lock(&b->lock);
	if (dph_block_huge(b) && !b->retracted) {
		b->retracted = true;
		if (!dph_pagetable_retract(vma, addr & PMD_MASK))
			dph_count(&r->space.counts, DPH_PROMOTE_ABORTS, 1);
	}
	mutex_unlock(&b->lock);
unlock:
	mmap_write_unlock(mm);
}

/*
 * A VMA that has not been forked itself (MADV_DONTFORK) can share a block with
 * one that has. Its entries are writable even for a read, so each of its
 * faults counts as a write.
 */
static bool fault_is_write(struct vm_fault *vmf)
{
	return (vmf->flags & FAULT_FLAG_WRITE) ||
	       !vmf->vma->vm_ops->page_mkwrite;
}

static bool fault_may_drop_lock(struct vm_fault *vmf)
{
	return fault_flag_allow_retry_first(vmf->flags) &&
	       !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
}

static vm_fault_t fault_populate(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct dph_space *space = vma->vm_private_data;
	bool whole = dph_view_pmd_possible(vma, vmf->address);
	struct dph_block *b;
	struct page *page;
	bool was_there;

	if (!space || !dph_view_reachable(space->vmas.range, vmf->pgoff))
		return VM_FAULT_SIGBUS;
	b = dph_blocks_get(space, dph_view_offset(vmf->pgoff) >> DPH_BLOCK_SHIFT,
			   GFP_KERNEL);
	if (!b)
		return VM_FAULT_OOM;

	fault_begin(b, vmf);
	was_there = b->folio;
	page = dph_touch_page(b, vmf, fault_is_write(vmf), whole);
	if (b->later) {
		b->later = false;
		dph_region_later(dph_region_of_space(space), HZ);
	}
	if (IS_ERR(page)) {
		fault_done(b);
		return fault_error(PTR_ERR(page));
	}
	if (dph_block_huge(b)) {
		if (whole && !b->retracted && dph_pagetable_retractable(vmf) &&
		    fault_may_drop_lock(vmf)) {
			struct mm_struct *mm = vma->vm_mm;
			unsigned long addr = vmf->address;

			fault_done(b);
			release_fault_lock(vmf);
			fault_retract(mm, addr);
			return VM_FAULT_RETRY;
		}
		if (!dph_folio_shared(b->folio))
			b->remap = false;
	} else if (!dph_pagetable_force_small(vmf)) {
		fault_done(b);
		return VM_FAULT_NOPAGE;
	}
	get_page(page);
	lock_page(page);
	dph_block_allow_huge(b, page);
	/* The core doesn't mark the folio if it doesn't know what it is. */
	if (was_there && dph_block_huge(b) && dph_held_poisoned(b->folio->core))
		folio_set_has_hwpoisoned(b->folio->core);
	if (whole && dph_block_huge(b) && dph_pagetable_map(vmf, b->folio->core)) {
		unlock_page(page);
		put_page(page);
		fault_done(b);
		return VM_FAULT_NOPAGE;
	}
	vmf->page = page;
	fault_done(b);
	return VM_FAULT_LOCKED;
}

/*
 * The first write to a page comes by here right after ->fault(), which has
 * unlocked the page in between: what it said of the block may be true no more.
 */
static vm_fault_t fault_write(struct vm_fault *vmf)
{
	struct dph_space *space = vmf->vma->vm_private_data;
	unsigned int i = vmf->pgoff & DPH_BLOCK_MASK;
	vm_fault_t ret = VM_FAULT_NOPAGE;
	struct dph_block *b;

	if (!space)
		return VM_FAULT_SIGBUS;
	b = dph_blocks_find(space, dph_view_offset(vmf->pgoff) >>
				   DPH_BLOCK_SHIFT);
	if (!b)
		return VM_FAULT_NOPAGE;
	fault_begin(b, vmf);
	if (dph_block_page(b, i) != vmf->page) {
		/* Replaced or discarded since; its entry is gone as well. */
	} else if (!dph_block_huge(b) && !dph_pagetable_force_small(vmf)) {
		/* Some of the block was discarded since ->fault(). */
	} else if (PageHWPoison(vmf->page)) {
		ret = VM_FAULT_HWPOISON;
	} else if (dph_cow_writable(b, i, vmf->page)) {
		lock_page(vmf->page);
		dph_block_allow_huge(b, vmf->page);
		ret = VM_FAULT_LOCKED;
	} else {
		int err = dph_cow_break(b, vmf, i);

		if (err)
			ret = fault_error(err);
	}
	fault_done(b);
	return ret;
}

/*
 * What is allocated is charged to the current task's cgroup, and for a kernel
 * thread to none at all. So a fault on behalf of another address space (a
 * thread that borrows it by kthread_use_mm(), as vhost does; a debugger) names
 * that one's cgroup.
 */
static vm_fault_t fault_charged(struct vm_fault *vmf,
				vm_fault_t (*answer)(struct vm_fault *vmf))
{
	struct mem_cgroup *memcg, *old;
	vm_fault_t ret;

	if (likely(current->mm == vmf->vma->vm_mm &&
		   !(current->flags & PF_KTHREAD)))
		return answer(vmf);
	memcg = get_mem_cgroup_from_mm(vmf->vma->vm_mm);
	old = set_active_memcg(memcg);
	ret = answer(vmf);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return ret;
}

vm_fault_t dph_fault(struct vm_fault *vmf)
{
	return fault_charged(vmf, fault_populate);
}

vm_fault_t dph_fault_mkwrite(struct vm_fault *vmf)
{
	return fault_charged(vmf, fault_write);
}

/*
 * A page is populated when it is touched. That there is such a call tells the
 * core that ->fault() may be called with only the VMA's lock held, without
 * which each fault is begun twice.
 */
vm_fault_t dph_fault_map_pages(struct vm_fault *vmf, pgoff_t first,
			       pgoff_t last)
{
	return 0;
}
