// SPDX-License-Identifier: GPL-2.0
/*
 * The VMAs by which one process sees a file: unmap some of it, find what is not
 * mapped, find the address of a block.
 */
#include <linux/fs.h>
#include <linux/interval_tree_generic.h>
#include <linux/mm.h>
#include <linux/oom.h>

#include "vmas.h"

/*
 * The VMAs as mm/interval_tree.c keeps them in i_mmap; its iterators aren't
 * exported.
 */
static pgoff_t vmas_pgoff_first(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static pgoff_t vmas_pgoff_last(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, vmas_pgoff_first, vmas_pgoff_last,
		     static __maybe_unused, vmas_tree)

bool dph_vmas_walkable(struct mm_struct *mm)
{
	return !check_stable_address_space(mm);
}

/* An address less its offset. It may be negative: so it wraps around. */
static unsigned long vmas_base(const struct vm_area_struct *vma)
{
	return vma->vm_start - (dph_view_first(vma) << PAGE_SHIFT);
}

void dph_vmas_init(struct dph_vmas *v, struct mm_struct *mm,
		   struct address_space *mapping, const void *owner)
{
	v->mm = mm;
	v->mapping = mapping;
	v->owner = owner;
}

static struct dph_vmas_base *vmas_find_base(struct dph_vmas *v,
					    unsigned long at)
{
	unsigned int i;

	for (i = 0; i < DPH_VMAS_BASES; i++)
		if (v->base[i].at == at && atomic_read(&v->base[i].vmas))
			return &v->base[i];
	return NULL;
}

void dph_vmas_opened(struct dph_vmas *v, const struct vm_area_struct *vma)
{
	struct dph_vmas_base *base = vmas_find_base(v, vmas_base(vma));
	unsigned int i;

	if (!base)
		atomic_inc(&v->kinds);
	for (i = 0; !base && i < DPH_VMAS_BASES; i++) {
		if (!atomic_read(&v->base[i].vmas)) {
			base = &v->base[i];
			base->at = vmas_base(vma);
		}
	}
	atomic_inc(base ? &base->vmas : &v->others);
}

/*
 * A VMA that had no room when it came may count down the entry of others with
 * its distance, and these count down @others for it. No entry counts more VMAs
 * than there are, and together they count all: so while @others is 0, each
 * entry counts its own.
 */
void dph_vmas_closed(struct dph_vmas *v, struct vm_area_struct *vma)
{
	struct dph_vmas_base *base = vmas_find_base(v, vmas_base(vma));

	vma->vm_private_data = NULL;
	if (!base)
		atomic_dec(&v->others);
	if (!base || atomic_dec_and_test(&base->vmas))
		atomic_dec(&v->kinds);
}

/*
 * The VMA's place in i_mmap goes by what it shows. Nobody looks at it there
 * meanwhile, and nobody faults.
 */
void dph_vmas_move(struct dph_vmas *v, pgoff_t range)
{
	VMA_ITERATOR(at, v->mm, 0);
	struct vm_area_struct *vma;

	mmap_assert_write_locked(v->mm);
	i_mmap_lock_write(v->mapping);
	for_each_vma(at, vma) {
		if (vma->vm_private_data != v->owner)
			continue;
		vmas_tree_remove(vma, &v->mapping->i_mmap);
		vma->vm_pgoff += range - v->range;
		vmas_tree_insert(vma, &v->mapping->i_mmap);
	}
	v->range = range;
	i_mmap_unlock_write(v->mapping);
}

/*
 * struct vmas_walk - a walk through all VMAs of an owner that show some range
 * @v:		the owner's
 * @first:	the range's first offset
 * @last:	its last one
 * @by_file:	in i_mmap; else in the process's own VMAs
 * @vma:	where the walk is, in i_mmap
 * @base:	the entry that it looks for
 * @at:		where the walk is, if @in_base
 * @end:	where the range ends for @base; an address, exclusive
 * @in_base:	@at and @end are valid
 */
struct vmas_walk {
	const struct dph_vmas *v;
	pgoff_t first;
	pgoff_t last;
	bool by_file;
	struct vm_area_struct *vma;
	unsigned int base;
	struct vma_iterator at;
	unsigned long end;
	bool in_base;
};

static struct vm_area_struct *vmas_next_of_file(struct vmas_walk *w)
{
	pgoff_t first = w->v->range + w->first, last = w->v->range + w->last;

	do {
		w->vma = w->vma ?
			 vmas_tree_iter_next(w->vma, first, last) :
			 vmas_tree_iter_first(&w->v->mapping->i_mmap, first,
					      last);
	} while (w->vma && w->vma->vm_private_data != w->v->owner);
	return w->vma;
}

static struct vma_iterator vmas_iterator(struct mm_struct *mm,
					 unsigned long start)
{
	VMA_ITERATOR(at, mm, start);

	return at;
}

/* Begin with an entry. False: it has no VMA, or none can be there. */
static bool vmas_begin_base(struct vmas_walk *w)
{
	const struct dph_vmas_base *base = &w->v->base[w->base];
	unsigned long start = base->at + (w->first << PAGE_SHIFT);

	w->end = base->at + ((w->last + 1) << PAGE_SHIFT);
	/* What would lie below address 0 is nowhere. */
	if (w->end < start)
		start = 0;
	if (!atomic_read(&base->vmas) || start >= TASK_SIZE_MAX || !w->end)
		return false;
	w->at = vmas_iterator(w->v->mm, start);
	return true;
}

static struct vm_area_struct *vmas_next_of_mm(struct vmas_walk *w)
{
	struct vm_area_struct *vma;

	for (; w->base < DPH_VMAS_BASES; w->base++, w->in_base = false) {
		if (!w->in_base && !vmas_begin_base(w))
			continue;
		w->in_base = true;
		while ((vma = vma_find(&w->at, w->end)))
			if (vma->vm_private_data == w->v->owner &&
			    vmas_base(vma) == w->v->base[w->base].at)
				return vma;
	}
	return NULL;
}

static struct vm_area_struct *vmas_next(struct vmas_walk *w)
{
	return w->by_file ? vmas_next_of_file(w) : vmas_next_of_mm(w);
}

/*
 * A walk through the process's VMAs needs its mmap_lock. One through i_mmap
 * needs i_mmap_rwsem: as for a truncated file, that keeps the VMAs and their
 * page tables in place, whosever they are.
 */
static void vmas_begin(struct vmas_walk *w, enum dph_vmas_hold hold)
{
	struct mm_struct *mm = w->v->mm;

	w->by_file = hold == DPH_VMAS_FILE ||
		     (hold == DPH_VMAS_TRY && !mmap_read_trylock(mm));
	if (!w->by_file) {
		mmap_assert_locked(mm);
		if (!dph_vmas_walkable(mm) || atomic_read(&w->v->others)) {
			w->by_file = true;
			if (hold == DPH_VMAS_TRY)
				mmap_read_unlock(mm);
		}
	}
	if (w->by_file)
		i_mmap_lock_read(w->v->mapping);
}

static void vmas_end(struct vmas_walk *w, enum dph_vmas_hold hold)
{
	if (w->by_file)
		i_mmap_unlock_read(w->v->mapping);
	else if (hold == DPH_VMAS_TRY)
		mmap_read_unlock(w->v->mm);
}

void dph_vmas_zap(const struct dph_vmas *v, pgoff_t first, unsigned long n,
		  enum dph_vmas_hold hold)
{
	struct vmas_walk w = { .v = v, .first = first, .last = first + n - 1 };
	struct vm_area_struct *vma;

	vmas_begin(&w, hold);
	while ((vma = vmas_next(&w))) {
		pgoff_t from = max(first, dph_view_first(vma));
		pgoff_t to = min(w.last, dph_view_last(vma)) + 1;

		dph_compat_zap_vma(vma, vma->vm_start +
				   ((from - dph_view_first(vma)) << PAGE_SHIFT),
				   (to - from) << PAGE_SHIFT);
	}
	vmas_end(&w, hold);
}

/*
 * If all VMAs have one distance, only the one that faults can show the page. A
 * VMA with another distance may be coming, if the fault holds its own VMA's lock
 * only: a new view, which has no entry yet, and gets one from a fault that takes
 * the block's lock after us. It can't be an old view that mremap moves, entries
 * and all: then there are two distances before, and three while it moves.
 */
void dph_vmas_zap_fault(const struct dph_vmas *v, struct vm_fault *vmf)
{
	if (atomic_read(&v->kinds) == 1)
		dph_compat_zap_vma(vmf->vma, vmf->address & PAGE_MASK,
				   PAGE_SIZE);
	else
		dph_vmas_zap(v, dph_view_offset(vmf->pgoff), 1,
			     dph_compat_fault_vma_locked(vmf) ?
			     DPH_VMAS_TRY : DPH_VMAS_LOCKED);
}

bool dph_vmas_gap(const struct dph_vmas *v, pgoff_t first, pgoff_t end,
		  pgoff_t *gap_first, pgoff_t *gap_end)
{
	bool covered = true;

	while (covered && first < end) {
		struct vmas_walk w = { .v = v, .first = first,
				       .last = end - 1 };
		struct vm_area_struct *vma;

		covered = false;
		*gap_end = end;
		vmas_begin(&w, DPH_VMAS_LOCKED);
		while ((vma = vmas_next(&w))) {
			if (dph_view_first(vma) <= first) {
				first = dph_view_last(vma) + 1;
				covered = true;
				break;
			}
			*gap_end = min(*gap_end, dph_view_first(vma));
		}
		vmas_end(&w, DPH_VMAS_LOCKED);
	}
	*gap_first = first;
	return first < end;
}

unsigned long dph_vmas_address(const struct dph_vmas *v, unsigned long idx)
{
	pgoff_t first = idx << DPH_BLOCK_SHIFT;
	struct vmas_walk w = { .v = v, .first = first, .last = first };
	struct vm_area_struct *vma;
	unsigned long found = 0;

	vmas_begin(&w, DPH_VMAS_LOCKED);
	while (!found && (vma = vmas_next(&w))) {
		unsigned long addr = dph_view_block_address(vma, idx);

		if (dph_view_pmd_possible(vma, addr))
			found = addr;
	}
	vmas_end(&w, DPH_VMAS_LOCKED);
	return found;
}
