/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that changes page tables by hand. @haddr is the address of a
 * 2 MiB-aligned block that lies in the VMA as a whole.
 */
#ifndef DPH_PAGETABLE_H
#define DPH_PAGETABLE_H

#include <linux/mm_types.h>

struct vm_fault;

/**
 * dph_pagetable_force_small() - have the fault's page mapped, not all its folio
 * @vmf:	a fault whose page lies in a folio that isn't full
 *
 * Context: from ->fault().
 * Return: true if there is a page table now; false if the fault must be taken
 * again
 */
bool dph_pagetable_force_small(struct vm_fault *vmf);

/**
 * dph_pagetable_map() - map a block by a PMD, where it is ours to do
 * @vmf:	a fault in a block that may be mapped so, and be written if it is
 *		one for writing
 * @folio:	the block's, locked
 *
 * Context: from ->fault().
 * Return: false if the core is to do what is possible; as ever before 6.15
 */
bool dph_pagetable_map(struct vm_fault *vmf, struct folio *folio);

/**
 * dph_pagetable_retractable() - does a page table keep a PMD from being mapped?
 * @vmf:	a fault in a block that could be mapped by a PMD
 *
 * Return: true if there is a table, and dph_pagetable_retract() could take it
 * away
 */
bool dph_pagetable_retractable(struct vm_fault *vmf);

/**
 * dph_pagetable_huge() - is the block mapped by a PMD?
 * @vma:	in which the block lies
 * @haddr:	its address
 *
 * Context: mmap_lock is held for write.
 * Return: true if it is
 */
bool dph_pagetable_huge(struct vm_area_struct *vma, unsigned long haddr);

/**
 * dph_pagetable_absent() - has the PMD an entry that maps nothing?
 * @vma:	in which the block lies
 * @haddr:	its address
 *
 * Context: mmap_lock is held for write.
 * Return: true if it has: a page that migrates was mapped by it
 */
bool dph_pagetable_absent(struct vm_area_struct *vma, unsigned long haddr);

/**
 * dph_pagetable_protect() - for a fork: make a block's PMD read-only and clean
 * @vma:	in which the block lies; its writes are watched
 * @haddr:	its address
 *
 * This costs less than to unmap, and reads go on without a fault.
 *
 * Context: mmap_lock is held for write, and @vma is write-locked.
 * Return: false if no PMD maps the block, or others must be told of a change:
 * then it must be unmapped instead
 */
bool dph_pagetable_protect(struct vm_area_struct *vma, unsigned long haddr);

/**
 * dph_pagetable_settle() - end writes that began before PMDs were protected
 * @mm:		the address space, some of whose PMDs have been protected
 *
 * Context: mmap_lock is held for write.
 * Return: true if such a write may have made a PMD dirty again: then
 * dph_pagetable_protect() must be called for all of them once more
 */
bool dph_pagetable_settle(struct mm_struct *mm);

/**
 * dph_pagetable_retract() - unmap a block and take its page table away
 * @vma:	in which the block lies
 * @haddr:	its address
 *
 * The next fault there finds an empty PMD and can map all of the block.
 *
 * Context: mmap_lock is held for write, and @vma is write-locked.
 * Return: false if some entry can't be removed (a userfaultfd marker, for
 * example): then the table stays
 */
bool dph_pagetable_retract(struct vm_area_struct *vma, unsigned long haddr);

/**
 * dph_pagetable_exit() - wait for all tables that are still to be freed
 *
 * Called after the last mapping is gone and before the module's memory goes.
 */
void dph_pagetable_exit(void);

#endif /* DPH_PAGETABLE_H */
