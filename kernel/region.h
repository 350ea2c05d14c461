/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What one process holds of a family: its life and its references.
 */
#ifndef DPH_REGION_H
#define DPH_REGION_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "block.h"
#include "family.h"
#include "queue.h"
#include "space.h"

/**
 * struct dph_region - what one process holds of a family
 * @ref:	one for all of its VMAs together, one for the queue, and one for
 *		each task that works on it
 * @space:	its blocks; VMAs' vm_private_data points here
 * @family:	constant; lives as long as the file that any VMA holds
 * @member:	the family's view of it
 * @file:	the family's; constant, lives as @family
 * @pin:	guards @gone
 * @gone:	its last VMA is gone, and perhaps @family, @file and its process
 *		as well
 * @work:	its entry in the worker's queue
 * @settling:	the worker's own
 */
struct dph_region {
	struct kref ref;
	struct dph_space space;
	struct dph_family *family;
	struct dph_family_member member;
	struct file *file;
	spinlock_t pin;
	bool gone;
	struct dph_work work;
	struct dph_settling settling;
};

/**
 * dph_region_of_space() - the region of a space
 * @space:	the space
 *
 * Return: the region
 */
static inline struct dph_region *dph_region_of_space(struct dph_space *space)
{
	return container_of(space, struct dph_region, space);
}

/**
 * dph_region_of() - the region that a VMA points to
 * @vma:	any VMA
 *
 * Context: the VMA's mmap_lock is held.
 * Return: the region, which stays as long as the VMA; NULL if it isn't ours
 */
struct dph_region *dph_region_of(const struct vm_area_struct *vma);

/**
 * dph_region_alloc() - a region for a process's first VMA of a family
 * @file:	the family's
 * @user:	who made the mapping
 * @mm:		whose region it is
 * @percent:	threshold, 0 to 100
 * @adaptive:	may guess
 * @gfp:	how to allocate
 *
 * Return: the region, a member of the family, with the VMAs' reference; NULL
 * if there is no memory
 */
struct dph_region *dph_region_alloc(struct file *file, struct dph_user *user,
				    struct mm_struct *mm, unsigned int percent,
				    bool adaptive, gfp_t gfp);

/**
 * dph_region_find() - the region that a process has of a family
 * @family:	the family
 * @mm:		the process's
 *
 * Return: the region with a reference, or NULL
 */
struct dph_region *dph_region_find(struct dph_family *family,
				   struct mm_struct *mm);

/**
 * dph_region_get() - take a reference
 * @r:		a region found through one of its blocks
 *
 * Return: false if it is about to be freed
 */
bool dph_region_get(struct dph_region *r);

/**
 * dph_region_put() - drop a reference
 * @r:		freed with its last reference
 *
 * Context: process context, without a block's lock; with spinlocks only if
 * others are sure to have a reference.
 */
void dph_region_put(struct dph_region *r);

/**
 * dph_region_gone() - is the last VMA gone?
 * @r:		the region
 *
 * Return: true if it is. That may change at once, but for a caller who holds
 * the process's mmap_lock for write
 */
static inline bool dph_region_gone(const struct dph_region *r)
{
	return READ_ONCE(r->gone);
}

/**
 * dph_region_file() - the family's file
 * @r:		the region
 *
 * Return: the file with a reference; NULL if the last VMA is gone
 */
struct file *dph_region_file(struct dph_region *r);

/**
 * dph_region_mm() - the process's address space
 * @r:		the region
 *
 * Return: the address space, to be given back by mmput(); NULL if it is gone
 */
struct mm_struct *dph_region_mm(struct dph_region *r);

/**
 * dph_region_alone() - has the region no relatives?
 * @r:		the region
 *
 * Context: process context. The answer stays true if mmap_lock of its process
 * is held for write, as a relative can only come by a fork.
 * Return: true if it has none; false too if it is gone
 */
bool dph_region_alone(struct dph_region *r);

/**
 * dph_region_later() - have the worker look at the region
 * @r:		the region; the caller has a reference, or a lock that keeps one
 * @delay:	in how many jiffies
 *
 * Nothing happens if its last VMA is gone. The queue's lock is taken.
 *
 * Context: any process context; a block's lock and spinlocks may be held.
 */
void dph_region_later(struct dph_region *r, unsigned long delay);

/**
 * dph_region_relatives_later() - have the worker look at a family, if need be
 * @family:	has lost a region
 * @alone:	what that one shared may be one of the others' alone now. False:
 *		only what is due already is seen to
 */
void dph_region_relatives_later(struct dph_family *family, bool alone);

/**
 * dph_region_visited() - the worker looks at the region
 * @r:		the region. If it is time to look at all of its relatives, they
 *		are queued too
 */
void dph_region_visited(struct dph_region *r);

/**
 * dph_region_discard() - pages read as zero from now on
 * @r:		the region
 * @first:	the first of them; file offset in pages
 * @end:	the page after the last
 *
 * Context: mmap_lock of its process is held: it keeps the VMAs in place while
 * their entries are dropped. Takes the blocks' locks.
 */
void dph_region_discard(struct dph_region *r, pgoff_t first, pgoff_t end);

/**
 * dph_region_end() - the last VMA goes, and with it the VMAs' reference
 * @r:		the region, which is no member of its family any more
 *
 * The memory goes too, even if the worker or the shrinker has a reference.
 *
 * The worker looks at those who have some of it alone now.
 *
 * Return: true if there may be more of them, not known which
 */
bool dph_region_end(struct dph_region *r);

#endif /* DPH_REGION_H */
