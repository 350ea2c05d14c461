/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a fork does to a region as a whole (cow.c does it to a block), and the
 * way back.
 */
#ifndef DPH_FORK_H
#define DPH_FORK_H

#include "region.h"

/**
 * dph_fork_lock_vmas() - keep faults out of all of the region's VMAs
 * @r:		the region
 *
 * Context: mmap_lock of its process is held for write.
 */
void dph_fork_lock_vmas(struct dph_region *r);

/**
 * dph_fork_protect() - make sure that the next write to each page faults
 * @parent:	the region whose blocks are about to be shared with a child
 * @pvma:	the VMA that is copied, write-locked
 * @child:	the child's region. What it has a block for already, by way of
 *		another VMA, was protected then
 *
 * What a PMD maps may still be read; the rest is unmapped.
 *
 * Context: mmap_lock of its process is held for write, and all VMAs that
 * could show the same blocks are write-locked.
 */
void dph_fork_protect(struct dph_region *parent, struct vm_area_struct *pvma,
		      struct dph_region *child);

/**
 * dph_fork_share() - share the blocks of a VMA with a child
 * @parent:	the region; after dph_fork_protect()
 * @pvma:	its VMA
 * @child:	the child's region of the same family
 *
 * This can't fail: small allocations wait for memory instead.
 *
 * Context: both mmap_locks are held for write. Takes the blocks' locks.
 */
void dph_fork_share(struct dph_region *parent, struct vm_area_struct *pvma,
		    struct dph_region *child);

#endif /* DPH_FORK_H */
