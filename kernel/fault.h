/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a fault does: the operations ->fault(), ->page_mkwrite() and
 * ->map_pages() of our VMAs.
 */
#ifndef DPH_FAULT_H
#define DPH_FAULT_H

#include <linux/mm.h>

/**
 * dph_fault() - ->fault(): a page that isn't mapped is touched
 * @vmf:	the fault
 *
 * Context: mmap_lock or the VMA's lock is held for read. Takes the block's
 * lock.
 * Return: VM_FAULT_LOCKED with the page locked; VM_FAULT_NOPAGE or
 * VM_FAULT_RETRY if the process has to fault again; VM_FAULT_OOM or
 * VM_FAULT_SIGBUS on an error
 */
vm_fault_t dph_fault(struct vm_fault *vmf);

/**
 * dph_fault_mkwrite() - ->page_mkwrite(): a write to a page mapped read-only
 * @vmf:	the fault
 *
 * Only VMAs whose writes are watched have it: the page may be shared.
 *
 * Context: as dph_fault().
 * Return: VM_FAULT_LOCKED if the page may be written as it is;
 * VM_FAULT_NOPAGE if the process has to fault again
 */
vm_fault_t dph_fault_mkwrite(struct vm_fault *vmf);

/**
 * dph_fault_map_pages() - ->map_pages(): maps nothing around a fault
 * @vmf:	the fault
 * @first:	start of the range that could be mapped
 * @last:	its end
 *
 * Return: 0
 */
vm_fault_t dph_fault_map_pages(struct vm_fault *vmf, pgoff_t first,
			       pgoff_t last);

#endif /* DPH_FAULT_H */
