// SPDX-License-Identifier: GPL-2.0
/*
 * What the core calls: a VMA's operations, and those of the file behind it.
 * They say what mmap, fork, munmap, mremap and MADV_REMOVE mean for a region.
 */
#include <linux/file.h>
#include <linux/falloc.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/userfaultfd_k.h>

#include "compat.h"
#include "fault.h"
#include "fork.h"
#include "migrate.h"
#include "vma.h"
#include "vmas.h"

static const struct vm_operations_struct vma_plain_ops;
static const struct vm_operations_struct vma_forked_ops;

/*
 * What vma_set_page_prot() does, which modules don't see: with the right to
 * write in vm_page_prot, a page that was only read could be written without a
 * fault. Those who must hear of a first write (vma_wants_writenotify()) are we,
 * if we watch, userfaultfd, and soft-dirty tracking.
 */
static void vma_set_prot(struct vm_area_struct *vma)
{
	unsigned long flags = vma->vm_flags;

	if (vma->vm_ops->page_mkwrite || userfaultfd_wp(vma) ||
	    dph_compat_soft_dirty_tracked(vma))
		flags &= ~VM_SHARED;
	/* Read without mmap_lock, by remove_migration_pte() for example. */
	WRITE_ONCE(vma->vm_page_prot, vm_get_page_prot(flags));
}

/*
 * From now on the core asks before it makes an entry writable.
 *
 * Newer kernels (of ours, 6.12 and 7.3) extend a VMA over a part of its neighbour
 * if both have the same file and flags (is_mergeable_vma()), without a look at
 * vm_ops: writes to that part would no longer be watched. So watched VMAs have a
 * flag that others don't have. VM_NORESERVE has no other meaning here: shared
 * mappings are not accounted (accountable_mapping(), and a test in
 * mprotect_fixup()), and only mmap lets a user set it, where we clear it.
 *
 * dup_mmap() brings us here for both sides with both mmap_locks held for write
 * and the parent's VMA write-locked. It has copied the parent's flags before, so
 * the child's VMA gets the mark too.
 */
static void vma_watch_writes(struct vm_area_struct *vma)
{
	vm_flags_set(vma, VM_NORESERVE);
	vma->vm_ops = &vma_forked_ops;
	vma_set_prot(vma);
}

/* The opposite. No fault of this VMA is under way. */
static void vma_unwatch_writes(struct vm_area_struct *vma)
{
	vm_flags_clear(vma, VM_NORESERVE);
	vma->vm_ops = &vma_plain_ops;
	vma_set_prot(vma);
}

/*
 * While mmap_lock is held, so many VMAs are looked at, which takes less time
 * than the copy of a block. A process may have 65530 of them, or more.
 */
#define VMA_SETTLE_STEP	512

/*
 * All that the process has, it has alone, and so in its own range of the file. From
 * now on its VMAs show that, so that the core finds what maps its pages: they can
 * migrate, and who is hit by a memory error is told. All VMAs are write-locked, which
 * is so if one step has seen all.
 */
static void vma_show_own_range(struct dph_region *r)
{
	if (r->space.base != DPH_SPACE_NOWHERE &&
	    r->space.base != r->space.vmas.range)
		dph_vmas_move(&r->space.vmas, r->space.base);
}

/*
 * The last relative is gone, and no block has a page that somebody else may
 * still see: there is no reason left to watch writes. What was found of a block
 * stays true, as only a fork can change it: whoever sees a page from then on
 * has it from us alone.
 *
 * While some VMAs are watched and others not, all is as after a fork of some of
 * them (fault_is_write()). A watched VMA that has come, or moved to where the walk
 * may have been, makes it begin anew. What mremap moves there and joins to another
 * VMA at once stays watched until the next fork, which only costs faults.
 */
bool dph_vma_settle(struct dph_region *r)
{
	VMA_ITERATOR(vmi, r->member.mm, r->settling.addr);
	struct dph_settling *s = &r->settling;
	struct vm_area_struct *vma;
	unsigned int seen = 0;
	bool at_once;

	if (!dph_region_alone(r) || r->space.forks != s->forks)
		return true;
	if (s->addr && s->opened != r->space.opened) {
		s->addr = 0;
		return false;
	}
	s->opened = r->space.opened;
	at_once = !s->addr;
	for_each_vma(vmi, vma) {
		if (seen++ == VMA_SETTLE_STEP) {
			s->addr = vma->vm_start;
			return false;
		}
		if (dph_region_of(vma) != r)
			continue;
		vma_start_write(vma);
		vma_unwatch_writes(vma);
	}
	WRITE_ONCE(r->space.forked, false);
	s->addr = 0;
	if (at_once)
		vma_show_own_range(r);
	return true;
}

/* The child's region for its copy of one of @parent's VMAs. */
static struct dph_region *vma_child_region(struct dph_region *parent,
					   struct mm_struct *mm)
{
	struct dph_region *child = dph_region_find(parent->family, mm);

	if (child) {
		/* An earlier VMA has made it, and keeps it. */
		dph_family_vma_opened(child->family, &child->member);
		dph_region_put(child);
		return child;
	}
	if (parent->member.vmas > 1)
		dph_fork_lock_vmas(parent);
	return dph_region_alloc(parent->file, parent->space.user, mm,
				READ_ONCE(parent->space.percent),
				READ_ONCE(parent->space.adaptive),
				GFP_KERNEL | __GFP_NOFAIL);
}

/*
 * @vma is a child's copy of one of @parent's. Both mmap_locks are held for
 * write (dup_mmap()), so there is no fault under way in either process. This
 * can't fail: small allocations wait for memory instead.
 */
static void vma_fork(struct dph_region *parent, struct vm_area_struct *vma)
{
	struct vm_area_struct *pvma = find_vma(parent->member.mm,
					       vma->vm_start);
	struct dph_region *child = vma_child_region(parent, vma->vm_mm);

	vma->vm_private_data = &child->space;
	child->space.vmas.range = parent->space.vmas.range;
	child->space.at = parent->space.at;
	dph_vmas_opened(&child->space.vmas, vma);
	WRITE_ONCE(parent->space.forked, true);
	parent->space.forks++;
	WRITE_ONCE(child->space.forked, true);
	child->space.forks++;
	vma_watch_writes(vma);
	/* Before 6.9 dup_mmap() copies entries, if any, before it calls open. */
	if (userfaultfd_wp(vma))
		dph_compat_zap_vma(vma, vma->vm_start,
				   vma->vm_end - vma->vm_start);
	if (WARN_ON_ONCE(!pvma || pvma->vm_private_data != &parent->space))
		return;
	vma_watch_writes(pvma);
	dph_fork_protect(parent, pvma, child);
	dph_fork_share(parent, pvma, child);
}

/* A VMA was split, moved by mremap, or copied by fork. */
static void vma_open(struct vm_area_struct *vma)
{
	struct dph_region *r = dph_region_of_space(vma->vm_private_data);

	if (vma->vm_mm == r->member.mm) {
		r->space.opened += !!vma->vm_ops->page_mkwrite;
		dph_vmas_opened(&r->space.vmas, vma);
		dph_family_vma_opened(r->family, &r->member);
	} else {
		vma_fork(r, vma);
	}
}

/*
 * A VMA goes: by munmap of all or some of the mapping, after mremap has moved
 * it, or with its process. mmap_lock is held, by munmap for read, but for
 * exit_mmap(), where the address space has no other user. What no other VMA
 * maps is freed.
 */
static void vma_close(struct vm_area_struct *vma)
{
	struct dph_region *r = dph_region_of_space(vma->vm_private_data);
	pgoff_t first = dph_view_first(vma), end = dph_view_last(vma) + 1;
	struct dph_family *family = r->family;
	pgoff_t gap_end;

	dph_vmas_closed(&r->space.vmas, vma);
	if (dph_family_vma_closed(family, &r->member)) {
		bool alone = dph_region_end(r);

		/* While several share it still, there is nothing to do. */
		alone |= dph_family_single(family);
		dph_region_relatives_later(family, alone);
		return;
	}
	if (!atomic_read(&vma->vm_mm->mm_users))
		return;
	while (first < end && dph_vmas_gap(&r->space.vmas, first, end, &first,
					   &gap_end)) {
		dph_region_discard(r, first, gap_end);
		first = gap_end;
	}
}

static const struct vm_operations_struct vma_plain_ops = {
	.open = vma_open,
	.close = vma_close,
	.fault = dph_fault,
#ifdef DPH_COMPAT_MAP_PAGES
	.map_pages = dph_fault_map_pages,
#endif
};

/*
 * With page_mkwrite a long-term pin for writing (io_uring fixed buffers, RDMA)
 * is refused since 6.5 (writable_file_mapping_allowed()), so only VMAs that
 * have been forked have it.
 */
static const struct vm_operations_struct vma_forked_ops = {
	.open = vma_open,
	.close = vma_close,
	.fault = dph_fault,
	.page_mkwrite = dph_fault_mkwrite,
#ifdef DPH_COMPAT_MAP_PAGES
	.map_pages = dph_fault_map_pages,
#endif
};

/* MADV_REMOVE by the calling process, pages [first, end) of the file. */
static int vma_discard(struct file *file, pgoff_t first, pgoff_t end)
{
	struct mm_struct *mm = current->mm;
	pgoff_t range = first - dph_view_offset(first);
	struct dph_region *r;
	int err = -ENXIO;

	if (first >= end)
		return 0;
	if (!mm)
		return -EINVAL;
	/* Keeps the VMAs in place while their entries are dropped. */
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	r = dph_region_find(dph_family_of(file), mm);
	if (r) {
		dph_region_discard(r, first - range, end - range);
		err = 0;
		dph_region_put(r);
	}
	mmap_read_unlock(mm);
	return err;
}

static long vma_file_fallocate(struct file *file, int mode, loff_t offset,
			       loff_t len)
{
	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	/* Whole pages that lie in the range, as PUNCH_HOLE is defined. */
	return vma_discard(file, DIV_ROUND_UP(offset, PAGE_SIZE),
			   (offset + len) >> PAGE_SHIFT);
}

/* /proc/PID/map_files would open the file anew, for another process. */
static int vma_file_open(struct inode *inode, struct file *file)
{
	return -ENXIO;
}

static const struct file_operations vma_file_ops = {
	.owner = THIS_MODULE,
	.open = vma_file_open,
	.release = dph_family_release,
	.fallocate = vma_file_fallocate,
	.get_unmapped_area = thp_get_unmapped_area,
	.llseek = noop_llseek,
};

/* There is nothing that dirty pages would have to be written to. */
static const struct address_space_operations vma_file_aops = {
	.dirty_folio = noop_dirty_folio,
	.migrate_folio = dph_migrate_folio,
};

int dph_vma_mmap(struct vm_area_struct *vma, unsigned int percent,
		 bool adaptive)
{
	struct dph_user *user;
	struct dph_region *r;
	pgoff_t begin = dph_view_begin(vma->vm_start);
	struct file *file;
	int err;

	/* More than 128 TiB, with page tables of five levels. */
	if (!dph_view_reachable(0, begin + vma_pages(vma) - 1))
		return -ENOMEM;
	user = dph_user_current();
	if (!user)
		return -ENOMEM;
	file = dph_family_file(&vma_file_ops, &vma_file_aops);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto put_user;
	}
	r = dph_region_alloc(file, user, vma->vm_mm, percent, adaptive,
			     GFP_KERNEL);
	if (!r) {
		err = -ENOMEM;
		goto put_file;
	}
	vma_set_file(vma, file);
	vma->vm_private_data = &r->space;
	vma->vm_ops = &vma_plain_ops;
	vma->vm_pgoff = begin;
	r->space.at = vma->vm_start - (begin << PAGE_SHIFT);
	dph_vmas_opened(&r->space.vmas, vma);
	/* See vma_watch_writes() for what MAP_NORESERVE would mean. */
	vm_flags_clear(vma, VM_MAYEXEC | VM_NORESERVE);
	err = 0;
put_file:
	fput(file);
put_user:
	dph_user_put(user);
	return err;
}
