// SPDX-License-Identifier: GPL-2.0
/*
 * What one process holds of a family: its life, and the references to it.
 *
 * A region goes in two steps. With its last VMA its memory goes, and so may
 * the family, the file and the address space: from then on it is "gone". The
 * structure goes with the last reference, which the worker or the shrinker may
 * have.
 */
#include <linux/file.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "backing.h"
#include "blocks.h"
#include "demote.h"
#include "pseudofs.h"
#include "region.h"

struct dph_region *dph_region_of(const struct vm_area_struct *vma)
{
	if (!vma->vm_file || !dph_pseudofs_ours(vma->vm_file) ||
	    !vma->vm_private_data)
		return NULL;
	return dph_region_of_space(vma->vm_private_data);
}

struct dph_region *dph_region_alloc(struct file *file, struct dph_user *user,
				    struct mm_struct *mm, unsigned int percent,
				    bool adaptive, gfp_t gfp)
{
	struct dph_region *r = kzalloc(sizeof(*r), gfp | __GFP_ACCOUNT);

	if (!r)
		return NULL;
	kref_init(&r->ref);
	r->file = file;
	r->family = dph_family_of(file);
	spin_lock_init(&r->pin);
	dph_queue_init_work(&r->work);
	r->space.user = dph_user_get(user);
	dph_vmas_init(&r->space.vmas, mm, file->f_mapping, &r->space);
	r->space.percent = percent;
	r->space.adaptive = adaptive;
	xa_init_flags(&r->space.blocks, XA_FLAGS_ACCOUNT);
	r->member.mm = mm;
	r->space.base = dph_family_join(r->family, &r->member);
	return r;
}

static void region_free(struct kref *ref)
{
	struct dph_region *r = container_of(ref, struct dph_region, ref);

	dph_blocks_free(&r->space);
	dph_count_free(&r->space.counts);
	dph_user_put(r->space.user);
	kfree(r);
}

static struct dph_region *region_of_member(struct dph_family_member *m)
{
	return container_of(m, struct dph_region, member);
}

static void region_hold(struct dph_family_member *m)
{
	kref_get(&region_of_member(m)->ref);
}

struct dph_region *dph_region_find(struct dph_family *family,
				   struct mm_struct *mm)
{
	struct dph_family_member *m = dph_family_find(family, mm, region_hold);

	return m ? region_of_member(m) : NULL;
}

bool dph_region_get(struct dph_region *r)
{
	return kref_get_unless_zero(&r->ref);
}

void dph_region_put(struct dph_region *r)
{
	kref_put(&r->ref, region_free);
}

struct file *dph_region_file(struct dph_region *r)
{
	struct file *file = NULL;

	spin_lock(&r->pin);
	if (!r->gone)
		file = get_file(r->file);
	spin_unlock(&r->pin);
	return file;
}

struct mm_struct *dph_region_mm(struct dph_region *r)
{
	struct mm_struct *mm = NULL;

	spin_lock(&r->pin);
	if (!r->gone && mmget_not_zero(r->member.mm))
		mm = r->member.mm;
	spin_unlock(&r->pin);
	return mm;
}

/*
 * munmap() calls ->close() with the mmap_lock held for read only, so the family
 * may go while somebody else holds it for read too. It can't while the region
 * isn't gone.
 */
bool dph_region_alone(struct dph_region *r)
{
	bool alone;

	spin_lock(&r->pin);
	alone = !r->gone && dph_family_single(r->family);
	spin_unlock(&r->pin);
	return alone;
}

/*
 * The reference is taken before the worker can see the work. A region that is
 * gone has closed it, as nobody would take it out of the queue again.
 */
void dph_region_later(struct dph_region *r, unsigned long delay)
{
	kref_get(&r->ref);
	if (!dph_queue_add(&r->work, delay))
		dph_region_put(r);
}

static void region_visit_later(struct dph_family_member *m,
			       unsigned long delay)
{
	dph_region_later(region_of_member(m), delay);
}

void dph_region_relatives_later(struct dph_family *family, bool alone)
{
	dph_family_visit(family, alone, region_visit_later);
}

/* For the family, see dph_region_alone(). */
void dph_region_visited(struct dph_region *r)
{
	spin_lock(&r->pin);
	if (!r->gone)
		dph_family_visit(r->family, false, region_visit_later);
	spin_unlock(&r->pin);
}

void dph_region_discard(struct dph_region *r, pgoff_t first, pgoff_t end)
{
	unsigned long idx = first >> DPH_BLOCK_SHIFT;
	struct dph_block *b;

	/* At once, so that other CPUs flush their TLBs once and not for each block. */
	if (end - first > DPH_BLOCK_PAGES)
		dph_vmas_zap(&r->space.vmas, first, end - first,
			     DPH_VMAS_LOCKED);
	xa_for_each_range(&r->space.blocks, idx, b, idx,
			  (end - 1) >> DPH_BLOCK_SHIFT) {
		pgoff_t start = idx << DPH_BLOCK_SHIFT;
		unsigned int from = max(first, start) - start;
		unsigned int to = min(end - start, (pgoff_t)DPH_BLOCK_PAGES);

		mutex_lock(&b->lock);
		dph_demote_discard(b, from, to - from);
		mutex_unlock(&b->lock);
		cond_resched();
	}
}

/*
 * It has what it shared alone now: the worker looks whether its writes need not
 * be watched any more. Its region can't go before it is off the folio's list.
 */
static void region_block_alone(struct dph_block *b)
{
	dph_region_later(dph_region_of_space(b->space), 0);
}

bool dph_region_end(struct dph_region *r)
{
	struct dph_block *b;
	bool single = false;
	unsigned long idx;

	spin_lock(&r->pin);
	WRITE_ONCE(r->gone, true);
	spin_unlock(&r->pin);
	if (dph_queue_close(&r->work))
		dph_region_put(r);
	xa_for_each(&r->space.blocks, idx, b) {
		mutex_lock(&b->lock);
		single |= dph_backing_release(b, region_block_alone);
		mutex_unlock(&b->lock);
		cond_resched();
	}
	dph_region_put(r);
	return single;
}
