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
 * dph_vma_settle() - stop watching writes, in steps
 * @r:		a region that is alone (dph_region_alone()). Each of its blocks
 *		has been found settled (dph_cow_settled()) since the forks that
 *		@r->settling says. If there was one more, nothing happens
 *
 * Context: the worker's, with a reference to @r. The mmap_lock of its process
 * is held for write, and may be dropped between two steps.
 * Return: false: call it again
 */
bool dph_vma_settle(struct dph_region *r);

#endif /* DPH_VMA_H */
