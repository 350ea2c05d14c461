/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VMA's life: mmap, open, close, and whether its writes are watched.
 */
#ifndef DPH_VMA_H
#define DPH_VMA_H

#include <linux/mm.h>

#include "region.h"

/**
 * dph_vma_mmap() - make a VMA of the device one of ours
 * @vma:	the new VMA; its file is replaced by one of our own
 * @percent:	threshold, 0 to 100
 * @adaptive:	may guess
 *
 * Context: from ->mmap(), with mmap_lock held for write.
 * Return: 0, -ENOMEM or -ENFILE
 */
int dph_vma_mmap(struct vm_area_struct *vma, unsigned int percent,
		 bool adaptive);

/**
 * struct dph_vma_settling - how far a region has been settled
 * @forks:	its space's @forks, from before its blocks were found settled
 * @opened:	its space's @opened when the walk began
 * @addr:	where the walk through its process's VMAs goes on; first 0
 */
struct dph_vma_settling {
	unsigned int forks;
	unsigned int opened;
	unsigned long addr;
};

/**
 * dph_vma_settle() - stop watching writes, in steps
 * @r:		a region that is alone (dph_region_alone()). Each of its blocks
 *		has been found settled (dph_cow_settled()) since then
 * @s:		how far that is. If there was a fork meanwhile, nothing happens
 *
 * Context: process context, with a reference to @r. The mmap_lock of its
 * process is held for write, and may be dropped between two steps.
 * Return: false: call it again; with @s's @addr 0, it has to begin anew
 */
bool dph_vma_settle(struct dph_region *r, struct dph_vma_settling *s);

#endif /* DPH_VMA_H */
