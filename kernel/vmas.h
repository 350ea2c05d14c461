/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMAs of a file, found by file offset.
 *
 * File offsets are addresses at the time of mmap (as anonymous memory numbers
 * its pages), so blocks are 2 MiB-aligned in both. mremap moves addresses and
 * leaves offsets alone. All offsets are in pages.
 *
 * Relatives map the same file. Each VMA's vm_private_data says whose it is:
 * that is the "owner" here.
 */
#ifndef DPH_VMAS_H
#define DPH_VMAS_H

#include <linux/fs.h>
#include <linux/mm.h>

#include "compat.h"
#include "policy.h"

/**
 * dph_vmas_first() - the first offset that a VMA shows
 * @vma:	one of ours
 *
 * Return: a file offset in pages
 */
static inline pgoff_t dph_vmas_first(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

/**
 * dph_vmas_last() - the last offset that a VMA shows
 * @vma:	one of ours
 *
 * Return: a file offset in pages
 */
static inline pgoff_t dph_vmas_last(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/**
 * dph_vmas_pmd_possible() - may a PMD map the block around @addr?
 * @vma:	one of ours
 * @addr:	any address in it
 *
 * Return: true if @vma covers the block, aligned as the file is, and the core
 * doesn't refuse PMDs there
 */
static inline bool dph_vmas_pmd_possible(struct vm_area_struct *vma,
					 unsigned long addr)
{
	unsigned long haddr = addr & PMD_MASK;

	return !dph_compat_pmd_refused(vma) &&
	       haddr >= vma->vm_start && haddr + PMD_SIZE <= vma->vm_end &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  DPH_BLOCK_PAGES);
}

/**
 * dph_vmas_block_address() - where @vma shows, or would show, a block's start
 * @vma:	one of ours
 * @idx:	the block's file offset / 2 MiB
 *
 * Return: an address, which may lie outside @vma
 */
static inline unsigned long
dph_vmas_block_address(const struct vm_area_struct *vma, unsigned long idx)
{
	return vma->vm_start +
	       (((idx << DPH_BLOCK_SHIFT) - vma->vm_pgoff) << PAGE_SHIFT);
}

/**
 * dph_vmas_zap() - drop page-table entries
 * @mapping:	the file's
 * @owner:	only in VMAs of this owner, but in all of them (mremap with an
 *		old size of 0 makes a second one)
 * @first:	offset of the first page
 * @n:		number of pages
 *
 * Context: process context; takes i_mmap_rwsem. The mmap_lock or a VMA's lock
 * of the owner's process is held.
 */
void dph_vmas_zap(struct address_space *mapping, const void *owner,
		  pgoff_t first, unsigned long n);

/**
 * dph_vmas_gap() - find what no VMA of the owner maps
 * @mapping:	the file's
 * @owner:	as for dph_vmas_zap()
 * @first:	start of the range that is searched
 * @end:	its end, exclusive
 * @gap_first:	start of the first stretch that isn't mapped
 * @gap_end:	its end, exclusive
 *
 * Context: process context; takes i_mmap_rwsem.
 * Return: false if all is mapped
 */
bool dph_vmas_gap(struct address_space *mapping, const void *owner,
		  pgoff_t first, pgoff_t end, pgoff_t *gap_first,
		  pgoff_t *gap_end);

/**
 * dph_vmas_address() - where a PMD could map a block
 * @mapping:	the file's
 * @owner:	as for dph_vmas_zap()
 * @idx:	the block's file offset / 2 MiB
 *
 * Context: process context, with the owner's mmap_lock held; takes
 * i_mmap_rwsem.
 * Return: the address, or 0 if no VMA of the owner allows it
 */
unsigned long dph_vmas_address(struct address_space *mapping,
			       const void *owner, unsigned long idx);

#endif /* DPH_VMAS_H */
