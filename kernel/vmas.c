// SPDX-License-Identifier: GPL-2.0
/*
 * The VMAs of a file, found by file offset: unmap some of it, find what is not
 * mapped, find the address of a block.
 */
#include <linux/fs.h>
#include <linux/interval_tree_generic.h>
#include <linux/mm.h>

#include "vmas.h"

/*
 * The VMAs as mm/interval_tree.c keeps them in i_mmap; its iterators aren't
 * exported.
 */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, dph_vmas_first, dph_vmas_last,
		     static __maybe_unused, vmas_tree)

#define for_each_file_vma(vma, mapping, first, last)			\
	for (vma = vmas_tree_iter_first(&(mapping)->i_mmap, first, last);\
	     vma; vma = vmas_tree_iter_next(vma, first, last))

/*
 * A fault may hold only its own VMA's lock: as for a truncated file,
 * i_mmap_rwsem keeps the other VMAs and their page tables in place.
 */
void dph_vmas_zap(struct address_space *mapping, const void *owner,
		  pgoff_t first, unsigned long n)
{
	struct vm_area_struct *vma;
	pgoff_t end = first + n;

	i_mmap_lock_read(mapping);
	for_each_file_vma(vma, mapping, first, end - 1) {
		pgoff_t from = max(first, dph_vmas_first(vma));
		pgoff_t to = min(end, dph_vmas_last(vma) + 1);

		if (vma->vm_private_data != owner)
			continue;
		dph_compat_zap_vma(vma, vma->vm_start +
				   ((from - vma->vm_pgoff) << PAGE_SHIFT),
				   (to - from) << PAGE_SHIFT);
	}
	i_mmap_unlock_read(mapping);
}

bool dph_vmas_gap(struct address_space *mapping, const void *owner,
		  pgoff_t first, pgoff_t end, pgoff_t *gap_first,
		  pgoff_t *gap_end)
{
	struct vm_area_struct *vma;

	*gap_end = end;
	i_mmap_lock_read(mapping);
	for_each_file_vma(vma, mapping, first, end - 1) {	/* by offset */
		if (vma->vm_private_data != owner)
			continue;
		if (dph_vmas_first(vma) > first) {
			*gap_end = dph_vmas_first(vma);
			break;
		}
		first = max(first, dph_vmas_last(vma) + 1);
	}
	i_mmap_unlock_read(mapping);
	*gap_first = first;
	return first < *gap_end;
}

unsigned long dph_vmas_address(struct address_space *mapping,
			       const void *owner, unsigned long idx)
{
	pgoff_t first = idx << DPH_BLOCK_SHIFT;
	struct vm_area_struct *vma;
	unsigned long found = 0;

	i_mmap_lock_read(mapping);
	for_each_file_vma(vma, mapping, first, first) {
		unsigned long addr = dph_vmas_block_address(vma, idx);

		if (vma->vm_private_data == owner &&
		    dph_vmas_pmd_possible(vma, addr)) {
			found = addr;
			break;
		}
	}
	i_mmap_unlock_read(mapping);
	return found;
}
