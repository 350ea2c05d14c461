/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMAs by which one process sees a file of ours, found by file offset.
 *
 * Relatives map the same file, so the core's index of its VMAs (i_mmap) has
 * those of all of them: what it costs to search grows with their number. A
 * server may have thousands. So we look into the process's own VMAs instead,
 * where the offset says that they can be.
 */
#ifndef DPH_VMAS_H
#define DPH_VMAS_H

#include <linux/fs.h>
#include <linux/mm.h>

#include "view.h"

/* So many distances between addresses and offsets are kept apart. */
#define DPH_VMAS_BASES	4

/**
 * struct dph_vmas - the VMAs of one owner
 * @mm:		whose they are; constant. It may be gone
 * @mapping:	the file's; constant, lives as long as any of the VMAs
 * @owner:	what each VMA's vm_private_data is; constant
 * @range:	where in the file the range begins that they all show. Changes with
 *		mmap_lock and i_mmap_rwsem held for write
 * @base:	for each distance that some VMAs have: @at, an address less its
 *		offset in bytes, and how many VMAs have it. That never changes
 *		while a VMA lives, however it is split, merged or cut
 * @others:	VMAs that had no more room in @base. While there are any, i_mmap
 *		is searched
 * @kinds:	entries of @base that are used, and @others
 *
 * VMAs come with mmap_lock of @mm held for write, and go with it held at least
 * for read. An entry of @base whose last VMA is gone stays free until one comes.
 */
struct dph_vmas {
	struct mm_struct *mm;
	struct address_space *mapping;
	const void *owner;
	pgoff_t range;
	struct dph_vmas_base {
		unsigned long at;
		atomic_t vmas;
	} base[DPH_VMAS_BASES];
	atomic_t others;
	atomic_t kinds;
};

/**
 * enum dph_vmas_hold - what keeps the VMAs in place
 * @DPH_VMAS_LOCKED:	the mmap_lock of their process is held
 * @DPH_VMAS_TRY:	the process can't end, and mmap_lock may be held or not: it
 *			is tried, and if that fails, i_mmap is searched
 * @DPH_VMAS_FILE:	only the file can't go: i_mmap is searched
 */
enum dph_vmas_hold {
	DPH_VMAS_LOCKED,
	DPH_VMAS_TRY,
	DPH_VMAS_FILE,
};

/**
 * dph_vmas_walkable() - may the VMAs of an address space be walked?
 * @mm:		the address space, with its mmap_lock held
 *
 * A fork that fails half-way leaves VMAs of the parent in the child's tree, or
 * what is no VMA (dup_mmap()), and marks it as unstable.
 *
 * Return: false if a fork has left it half-made, or the OOM killer reaps it
 */
bool dph_vmas_walkable(struct mm_struct *mm);

/* dph_vmas_init() - an owner without VMAs, in the first range; @v is zeroed */
void dph_vmas_init(struct dph_vmas *v, struct mm_struct *mm,
		   struct address_space *mapping, const void *owner);

/**
 * dph_vmas_opened() - a VMA has come
 * @v:		its owner's
 * @vma:	the VMA, with its address and offset
 *
 * Context: its mmap_lock is held for write.
 */
void dph_vmas_opened(struct dph_vmas *v, const struct vm_area_struct *vma);

/**
 * dph_vmas_closed() - a VMA goes, and is nobody's from now on
 * @v:		its owner's
 * @vma:	the VMA, whose entries are dropped already
 *
 * Context: its mmap_lock is held, or its process ends.
 */
void dph_vmas_closed(struct dph_vmas *v, struct vm_area_struct *vma);

/**
 * dph_vmas_move() - have all VMAs of an owner show another range of the file
 * @v:		the owner's
 * @range:	where it begins. What they have mapped is, or is about to be, there
 *
 * Context: mmap_lock is held for write, and the VMAs are write-locked; takes
 * i_mmap_rwsem.
 */
void dph_vmas_move(struct dph_vmas *v, pgoff_t range);

/**
 * dph_vmas_zap() - drop page-table entries
 * @v:		in all VMAs of this owner (mremap with an old size of 0 makes a
 *		second one that shows the same)
 * @first:	offset of the first page
 * @n:		number of pages
 * @hold:	what the caller does to keep them in place
 *
 * Context: process context; takes mmap_lock or i_mmap_rwsem, as @hold says.
 */
void dph_vmas_zap(const struct dph_vmas *v, pgoff_t first, unsigned long n,
		  enum dph_vmas_hold hold);

/**
 * dph_vmas_zap_fault() - drop all entries of the page that is faulted in
 * @v:		the owner's
 * @vmf:	the fault
 *
 * Context: as the core calls ->fault() and ->page_mkwrite().
 */
void dph_vmas_zap_fault(const struct dph_vmas *v, struct vm_fault *vmf);

/**
 * dph_vmas_gap() - find what no VMA of the owner maps
 * @v:		the owner's
 * @first:	start of the range that is searched
 * @end:	its end, exclusive
 * @gap_first:	start of the first stretch that isn't mapped
 * @gap_end:	its end, exclusive
 *
 * Context: process context with mmap_lock held; may take i_mmap_rwsem.
 * Return: false if all is mapped
 */
bool dph_vmas_gap(const struct dph_vmas *v, pgoff_t first, pgoff_t end,
		  pgoff_t *gap_first, pgoff_t *gap_end);

/**
 * dph_vmas_address() - where a PMD could map a block
 * @v:		the owner's
 * @idx:	the block's file offset / 2 MiB
 *
 * Context: process context with mmap_lock held; may take i_mmap_rwsem.
 * Return: the address, or 0 if no VMA of the owner allows it
 */
unsigned long dph_vmas_address(const struct dph_vmas *v, unsigned long idx);

#endif /* DPH_VMAS_H */
