/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The regions that share a file: one mmap of the device, and what forks made of
 * it. A family lives as long as its file; each VMA holds a reference to that.
 */
#ifndef DPH_FAMILY_H
#define DPH_FAMILY_H

#include <linux/fs.h>
#include <linux/rbtree.h>

struct dph_family;

/**
 * struct dph_family_member - a region as its family sees it
 * @place:	its number in the family, or an error (there are too many)
 * @node:	in the family's tree; the family's lock
 * @mm:		whose region it is; constant. Compared, never dereferenced by
 *		this pointer: it may be gone
 * @vmas:	how many VMAs point to the region; the family's lock. They
 *		change with the mmap_lock of @mm held, be it for read (munmap):
 *		whoever holds it for write may read them without the lock
 */
struct dph_family_member {
	int place;
	struct rb_node node;
	struct mm_struct *mm;
	unsigned int vmas;
};

/**
 * dph_family_file() - make a family without members, and its file
 * @fops:	the file's operations, with dph_family_release() as release
 * @aops:	its mapping's operations
 *
 * Return: the file with a reference, or an error (ENOMEM, ENFILE)
 */
struct file *dph_family_file(const struct file_operations *fops,
			     const struct address_space_operations *aops);

/**
 * dph_family_release() - end the family with its file
 * @inode:	the file's
 * @file:	the file
 *
 * Return: 0
 */
int dph_family_release(struct inode *inode, struct file *file);

/**
 * dph_family_of() - the family of a file
 * @file:	that dph_family_file() made
 *
 * Return: the family
 */
static inline struct dph_family *dph_family_of(const struct file *file)
{
	return file_inode(file)->i_private;
}

/**
 * dph_family_join() - a region with one VMA joins
 * @family:	the family
 * @m:		the region
 *
 * Context: process context.
 * Return: which part of the file is its pages' own, as @base of struct dph_space
 * says. It is another's when the region is no member any more
 */
pgoff_t dph_family_join(struct dph_family *family, struct dph_family_member *m);

/**
 * dph_family_vma_opened() - one more VMA points to the region
 * @family:	the family
 * @m:		the region
 */
void dph_family_vma_opened(struct dph_family *family,
			   struct dph_family_member *m);

/**
 * dph_family_vma_closed() - one VMA less points to the region
 * @family:	the family
 * @m:		the region
 *
 * Return: true if it was the last: the region is no member any more
 */
bool dph_family_vma_closed(struct dph_family *family,
			   struct dph_family_member *m);

/**
 * dph_family_single() - is there only one member?
 * @family:	the family
 *
 * Return: true if there is
 */
bool dph_family_single(struct dph_family *family);

/**
 * dph_family_find() - find the member of a process
 * @family:	the family
 * @mm:		the process's
 * @found:	called for it with the family's spinlock held, as long as which the
 *		member is sure to have a VMA, and so a reference
 *
 * Return: the member, or NULL if the process has none
 */
struct dph_family_member *
dph_family_find(struct dph_family *family, const struct mm_struct *mm,
		void (*found)(struct dph_family_member *m));

/**
 * dph_family_visit() - call a function for each member, now or soon
 * @family:	the family
 * @owe:	a visit has become due; else it only happens if one is due already
 * @visit:	called as @found of dph_family_find(), with how many jiffies it can
 *		wait with what it does
 *
 * A family of many isn't visited at each call, but at most once in as many
 * jiffies as it has members, so that what a visit costs each of them adds up to
 * no more than one of them a jiffy. If it isn't time yet, only one member is
 * visited, with the time that is left: it is to call this again then.
 */
void dph_family_visit(struct dph_family *family, bool owe,
		      void (*visit)(struct dph_family_member *m,
				    unsigned long delay));

#endif /* DPH_FAMILY_H */
