// SPDX-License-Identifier: GPL-2.0
/*
 * The regions that share a file. A server's may be thousands, and each fork
 * looks for the child's and each discard for its process's: so they stand in a
 * tree.
 */
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "family.h"
#include "pseudofs.h"
#include "space.h"

/*
 * struct dph_family - one pseudo file
 * @places:	the members' numbers; a lock of its own
 * @lock:	guards all that follows, and what the members say of it
 * @members:	one for each process that maps the file, by its @mm
 * @nr:		how many
 * @owed:	a visit to all of them is due
 * @visited:	when all of them were visited last; jiffies
 */
struct dph_family {
	struct ida places;
	spinlock_t lock;
	struct rb_root members;
	unsigned int nr;
	bool owed;
	unsigned long visited;
};

struct file *dph_family_file(const struct file_operations *fops,
			     const struct address_space_operations *aops)
{
	struct dph_family *family;
	struct file *file;

	family = kzalloc(sizeof(*family), GFP_KERNEL_ACCOUNT);
	if (!family)
		return ERR_PTR(-ENOMEM);
	ida_init(&family->places);
	spin_lock_init(&family->lock);
	family->visited = jiffies;
	file = dph_pseudofs_file(fops, aops, family);
	if (IS_ERR(file))
		kfree(family);
	return file;
}

int dph_family_release(struct inode *inode, struct file *file)
{
	struct dph_family *family = inode->i_private;

	WARN_ON_ONCE(!RB_EMPTY_ROOT(&family->members));
	inode->i_private = NULL;
	ida_destroy(&family->places);
	kfree(family);
	dph_pseudofs_release();
	return 0;
}

static struct dph_family_member *family_member(const struct rb_node *node)
{
	return rb_entry(node, struct dph_family_member, node);
}

static int family_compare(const void *mm, const struct rb_node *node)
{
	unsigned long a = (unsigned long)mm;
	unsigned long b = (unsigned long)family_member(node)->mm;

	return a < b ? -1 : a > b;
}

static bool family_less(struct rb_node *node, const struct rb_node *other)
{
	return family_compare(family_member(node)->mm, other) < 0;
}

/*
 * A number is given out again after its owner's end. Pages that have their place
 * by it still are shared ones: they get another before anybody writes to them.
 * A thread that waits in memory which its process has unmapped stands in the new
 * owner's way.
 */
pgoff_t dph_family_join(struct dph_family *family, struct dph_family_member *m)
{
	m->vmas = 1;
	m->place = ida_alloc_max(&family->places, DPH_VIEW_RANGES - 1,
				 GFP_KERNEL | __GFP_NOFAIL);
	spin_lock(&family->lock);
	rb_add(&m->node, &family->members, family_less);
	family->nr++;
	spin_unlock(&family->lock);
	return m->place < 0 ? DPH_SPACE_NOWHERE :
			      (pgoff_t)m->place << DPH_VIEW_RANGE_SHIFT;
}

void dph_family_vma_opened(struct dph_family *family,
			   struct dph_family_member *m)
{
	spin_lock(&family->lock);
	m->vmas++;
	spin_unlock(&family->lock);
}

bool dph_family_vma_closed(struct dph_family *family,
			   struct dph_family_member *m)
{
	bool last;

	spin_lock(&family->lock);
	last = !--m->vmas;
	if (last) {
		rb_erase(&m->node, &family->members);
		family->nr--;
	}
	spin_unlock(&family->lock);
	if (last && m->place >= 0)
		ida_free(&family->places, m->place);
	return last;
}

bool dph_family_single(struct dph_family *family)
{
	bool single;

	spin_lock(&family->lock);
	single = family->nr == 1;
	spin_unlock(&family->lock);
	return single;
}

struct dph_family_member *
dph_family_find(struct dph_family *family, const struct mm_struct *mm,
		void (*found)(struct dph_family_member *m))
{
	struct dph_family_member *m = NULL;
	struct rb_node *node;

	spin_lock(&family->lock);
	node = rb_find(mm, &family->members, family_compare);
	if (node) {
		m = family_member(node);
		found(m);
	}
	spin_unlock(&family->lock);
	return m;
}

/* So few are visited at once. */
#define FAMILY_FEW	8

void dph_family_visit(struct dph_family *family, bool owe,
		      void (*visit)(struct dph_family_member *m,
				    unsigned long delay))
{
	struct rb_node *node;
	unsigned long next;

	spin_lock(&family->lock);
	family->owed |= owe;
	node = family->owed ? rb_first(&family->members) : NULL;
	next = family->visited + family->nr;
	if (node && family->nr > FAMILY_FEW && time_before(jiffies, next)) {
		visit(family_member(node), next - jiffies);
		node = NULL;
	} else if (node) {
		family->owed = false;
		family->visited = jiffies;
	}
	for (; node; node = rb_next(node))
		visit(family_member(node), 0);
	spin_unlock(&family->lock);
}
