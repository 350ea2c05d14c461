/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a VMA shows of a file.
 *
 * The file has a range for each process of a family, as relatives' pages must not
 * have the same names. But all of them map the same one: a fork copies VMAs as they
 * are. So an offset, of a block or a page, is one in whichever range the VMA shows.
 * It begins with the part of the first address that 2 MiB leave over, so blocks are
 * 2 MiB-aligned in both. mremap moves addresses and leaves offsets alone. All
 * offsets are in pages.
 */
#ifndef DPH_VIEW_H
#define DPH_VIEW_H

#include <linux/mm.h>

#include "compat.h"
#include "policy.h"

/*
 * So many pages a range has: those of all addresses of a process with page tables of
 * four levels. What grows beyond that (with five) can't be touched. File offsets are
 * less than 2^51 pages (MAX_LFS_FILESIZE), so there are so many ranges.
 */
#define DPH_VIEW_RANGE_SHIFT	35
#define DPH_VIEW_RANGES		BIT(51 - DPH_VIEW_RANGE_SHIFT)
#define DPH_VIEW_RANGE_MASK	(BIT(DPH_VIEW_RANGE_SHIFT) - 1)

/**
 * dph_view_offset() - where in its range is a page of the file?
 * @pgoff:	the page, as the core counts
 *
 * Return: an offset
 */
static inline pgoff_t dph_view_offset(pgoff_t pgoff)
{
	return pgoff & DPH_VIEW_RANGE_MASK;
}

/**
 * dph_view_begin() - where in the file does a new mapping begin?
 * @addr:	its address
 *
 * Return: an offset in the first range
 */
static inline pgoff_t dph_view_begin(unsigned long addr)
{
	return (addr >> PAGE_SHIFT) & DPH_BLOCK_MASK;
}

/**
 * dph_view_first() - the first offset that a VMA shows
 * @vma:	one of ours
 *
 * Return: a file offset in pages
 */
static inline pgoff_t dph_view_first(const struct vm_area_struct *vma)
{
	return dph_view_offset(vma->vm_pgoff);
}

/**
 * dph_view_last() - the last offset that a VMA shows
 * @vma:	one of ours
 *
 * Return: a file offset in pages
 */
static inline pgoff_t dph_view_last(struct vm_area_struct *vma)
{
	return dph_view_first(vma) + vma_pages(vma) - 1;
}

/**
 * dph_view_pmd_possible() - may a PMD map the block around @addr?
 * @vma:	one of ours
 * @addr:	any address in it
 *
 * Return: true if @vma covers the block, aligned as the file is, and the core
 * doesn't refuse PMDs there
 */
static inline bool dph_view_pmd_possible(struct vm_area_struct *vma,
					 unsigned long addr)
{
	unsigned long haddr = addr & PMD_MASK;

	return !dph_compat_pmd_refused(vma) &&
	       haddr >= vma->vm_start && haddr + PMD_SIZE <= vma->vm_end &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  DPH_BLOCK_PAGES);
}

/**
 * dph_view_block_address() - where @vma shows, or would show, a block's start
 * @vma:	one of ours
 * @idx:	the block's file offset / 2 MiB
 *
 * Return: an address, which may lie outside @vma
 */
static inline unsigned long
dph_view_block_address(const struct vm_area_struct *vma, unsigned long idx)
{
	return vma->vm_start +
	       (((idx << DPH_BLOCK_SHIFT) - dph_view_first(vma)) << PAGE_SHIFT);
}

/**
 * dph_view_offset_at() - which offset does an address show?
 * @vma:	one of ours
 * @addr:	any address in it
 *
 * Return: a file offset in pages
 */
static inline pgoff_t dph_view_offset_at(const struct vm_area_struct *vma,
					 unsigned long addr)
{
	return dph_view_first(vma) + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

/**
 * dph_view_reachable() - does a page lie in a range?
 * @range:	where the range begins
 * @pgoff:	the page, as the core counts
 *
 * Return: false if the mapping has grown beyond its range. The page's offset would be
 * that of another page
 */
static inline bool dph_view_reachable(pgoff_t range, pgoff_t pgoff)
{
	return pgoff - range <= DPH_VIEW_RANGE_MASK;
}

#endif /* DPH_VIEW_H */
