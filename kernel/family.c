// SPDX-License-Identifier: GPL-2.0
/*
 * The regions that share a file.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "family.h"
#include "pseudofs.h"

/*
 * struct dph_family - one pseudo file
 * @lock:	guards @members and what they say of it
 * @members:	one for each process that maps the file
 */
struct dph_family {
	spinlock_t lock;
	struct list_head members;
};

struct file *dph_family_file(const struct file_operations *fops)
{
	struct dph_family *family;
	struct file *file;

	family = kzalloc(sizeof(*family), GFP_KERNEL_ACCOUNT);
	if (!family)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&family->lock);
	INIT_LIST_HEAD(&family->members);
	file = dph_pseudofs_file(fops, family);
	if (IS_ERR(file))
		kfree(family);
	return file;
}

int dph_family_release(struct inode *inode, struct file *file)
{
	struct dph_family *family = inode->i_private;

	WARN_ON_ONCE(!list_empty(&family->members));
	inode->i_private = NULL;
	kfree(family);
	dph_pseudofs_release();
	return 0;
}

void dph_family_join(struct dph_family *family, struct dph_family_member *m)
{
	m->vmas = 1;
	spin_lock(&family->lock);
	list_add(&m->link, &family->members);
	spin_unlock(&family->lock);
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
	if (last)
		list_del(&m->link);
	spin_unlock(&family->lock);
	return last;
}

bool dph_family_single(struct dph_family *family)
{
	bool single;

	spin_lock(&family->lock);
	single = list_is_singular(&family->members);
	spin_unlock(&family->lock);
	return single;
}

void dph_family_visit(struct dph_family *family,
		      bool (*visit)(struct dph_family_member *m, void *arg),
		      void *arg)
{
	struct dph_family_member *m;

	spin_lock(&family->lock);
	list_for_each_entry(m, &family->members, link)
		if (visit(m, arg))
			break;
	spin_unlock(&family->lock);
}
