// SPDX-License-Identifier: GPL-2.0
/*
 * Everything that changes page tables by hand. The core maps and unmaps our
 * pages. But it has no call that maps one 4 KiB page of an order-9 folio while
 * the PMD is empty, and none that takes an empty page table away so that a PMD
 * entry can take its place.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

#include "compat.h"
#include "compat_pagetable.h"
#include "pagetable.h"
#include "policy.h"

static bool pagetable_is_table(pmd_t pmd)
{
	return pmd_present(pmd) && !pmd_trans_huge(pmd);
}

/*
 * finish_fault() maps the whole folio by a PMD when the PMD is empty. For a
 * folio that isn't full that would show the process memory it did not write:
 * so install the page table that __do_fault() has allocated already.
 *
 * Before 6.14 it stays: only munmap, mremap and dph_pagetable_retract() take
 * tables away, and all of them need mmap_lock for write. Since then
 * MADV_DONTNEED frees empty ones with the lock held for read (try_to_free_pte()),
 * so it may be gone when finish_fault() comes. Then the size of the file keeps
 * the core from mapping a PMD (DPH_COMPAT_FILE_SIZE), or dph_block_allow_huge().
 */
bool dph_pagetable_force_small(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *ptl;
	bool table;

	if (pagetable_is_table(READ_ONCE(*vmf->pmd)))
		return true;
	ptl = pmd_lock(mm, vmf->pmd);
	if (pmd_none(*vmf->pmd) && vmf->prealloc_pte) {
		mm_inc_nr_ptes(mm);
		/* Zeroed entries before the table shows, as in pmd_install(). */
		smp_wmb();
		pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
		vmf->prealloc_pte = NULL;
	}
	table = pagetable_is_table(*vmf->pmd);
	spin_unlock(ptl);
	return table;
}

/*
 * vmf_insert_folio_pmd() for writing warns if it finds a page table, and others
 * may put one there meanwhile (userfaultfd, guard pages). For reading it does
 * nothing then. Where the VMA's protection has no right to write in it, because
 * first writes must be heard of, this one has been, and the right is added here.
 */
bool dph_pagetable_map(struct vm_fault *vmf, struct folio *folio)
{
#ifdef DPH_COMPAT_INSERT_PMD
	struct vm_area_struct *vma = vmf->vma;
	spinlock_t *ptl;
	bool mapped;

	if (!pmd_none(READ_ONCE(*vmf->pmd)) || folio_test_has_hwpoisoned(folio))
		return false;
	vmf_insert_folio_pmd(vmf, folio, false);
	ptl = pmd_lock(vma->vm_mm, vmf->pmd);
	mapped = pmd_trans_huge(*vmf->pmd) &&
		 pmd_pfn(*vmf->pmd) == folio_pfn(folio);
	/* Whoever asked meanwhile to hear of writes is asked, at the next try. */
	if (mapped && (vmf->flags & FAULT_FLAG_WRITE) &&
	    !dph_compat_pmd_tracked(*vmf->pmd))
		set_pmd_at(vma->vm_mm, vmf->address & PMD_MASK, vmf->pmd,
			   pmd_mkwrite_novma(pmd_mkdirty(*vmf->pmd)));
	spin_unlock(ptl);
	return mapped;
#else
	return false;
#endif
}

/* Not where an IOMMU walks the table: its caches can't be flushed from here. */
bool dph_pagetable_retractable(struct vm_fault *vmf)
{
	return pagetable_is_table(READ_ONCE(*vmf->pmd)) &&
	       !dph_compat_mm_has_pasid(vmf->vma->vm_mm);
}

static_assert(PMD_SHIFT - PAGE_SHIFT == DPH_BLOCK_SHIFT);

static void pagetable_rcu_free(struct rcu_head *rcu)
{
	dph_compat_pte_free(container_of(rcu, struct page, rcu_head));
}

static pmd_t *pagetable_pmd(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (!pgd_present(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (!pud_present(*pud))
		return NULL;
	return pmd_offset(pud, addr);
}

bool dph_pagetable_huge(struct vm_area_struct *vma, unsigned long haddr)
{
	pmd_t *pmd = pagetable_pmd(vma->vm_mm, haddr);

	return pmd && pmd_trans_huge(READ_ONCE(*pmd));
}

bool dph_pagetable_absent(struct vm_area_struct *vma, unsigned long haddr)
{
	pmd_t *pmd = pagetable_pmd(vma->vm_mm, haddr);
	pmd_t entry = pmd ? READ_ONCE(*pmd) : __pmd(0);

	return !pmd_none(entry) && !pmd_present(entry);
}

/*
 * After a fork no entry of either side may become writable before the driver
 * has been asked (dph_fault_mkwrite()). Why that holds:
 *
 * - What the parent has mapped by page tables is unmapped. What it has mapped
 *   by PMDs becomes read-only *and clean*, in one step. The core takes a dirty
 *   entry of a shared mapping to mean that the file system has been told of the
 *   write, and may then make it writable without a fault
 *   (can_change_pte_writable(), since 6.17 can_change_shared_pte_writable(), and
 *   can_change_pmd_writable()). It does so for mprotect, pkey_mprotect and
 *   userfaultfd (change_pte_range(), change_huge_pmd(); uffd_wp_range() for
 *   UFFDIO_WRITEPROTECT and when a userfaultfd leaves) and for NUMA hinting
 *   (do_numa_page(), do_huge_pmd_numa_page()). For a clean entry all of them
 *   leave it to the fault. The same holds for an entry that hinting has made
 *   PROT_NONE before the fork: that keeps its dirt, and on 6.1 even its right to
 *   write (pmd_savedwrite()).
 * - The VMAs are watched: page_mkwrite makes vma_wants_writenotify() true, so
 *   vm_page_prot has no right to write, whoever sets it anew
 *   (vma_set_page_prot()), and pmd_modify() and pte_modify() don't give it. A
 *   mark in vm_flags keeps the core from merging a watched VMA with another one
 *   (vma_watch_writes()).
 * - Entries that are made later are made by faults. A read gets a clean entry
 *   with vm_page_prot (set_pte_range(), do_set_pmd(); 6.1: do_set_pte()), a
 *   write a dirty and writable one, but only after ->fault() has given the
 *   process a page of its own and ->page_mkwrite() has agreed. What is dirty is
 *   the process's own, until the next fork brings us here again.
 * - A folio is a process's own as a whole or not at all, so nothing is lost if
 *   the core takes the dirt of one of its entries for that of all (mprotect's
 *   batches since 6.17).
 * - A fault on a read-only entry asks page_mkwrite (do_wp_page(),
 *   wp_page_shared(); wp_huge_pmd() unmaps a PMD first, by __split_huge_pmd()),
 *   also if it only meant to take an asynchronous userfaultfd mark away.
 *   get_user_pages() for write faults first, and FOLL_FORCE has no power over
 *   shared mappings (can_follow_write_pmd(), check_vma_flags()).
 * - What else changes entries gives no right to write: clear_soft_dirty() and
 *   PAGEMAP_SCAN take it away, mremap and MADV_COLD carry the bits along, and a
 *   migration entry says what the entry was (remove_migration_pmd() makes dirty
 *   only what was dirty).
 * - The child begins without entries. dup_mmap() copies some if userfaultfd
 *   protects the child's VMA or there may be guard pages (vma_needs_copy()), and
 *   those with the right to write, as memory is shared. But it does so after it
 *   has called us, when none is left to copy (copy_huge_pmd() leaves PMDs of
 *   files out); where it still does so before, vma_fork() drops them.
 *
 * Soft-dirty, userfaultfd and accessed bits stay. The dirt goes to the folio, as
 * when an entry is unmapped.
 *
 * dup_mmap(), which brings us here, flushes the TLBs before the child runs.
 * Until then other threads may write on, as to anonymous memory that is forked.
 * get_user_pages_fast() that has seen the old entry takes its reference before
 * it looks at the entry again, and we change the entry before we look at the
 * references; both are full barriers.
 */
bool dph_pagetable_protect(struct vm_area_struct *vma, unsigned long haddr)
{
	struct mm_struct *mm = vma->vm_mm;
	pmd_t *pmd = pagetable_pmd(mm, haddr);
	spinlock_t *ptl;
	bool huge;
	pmd_t old;

	/* Secondary MMUs would have to be told, by calls that modules don't see. */
	if (!pmd || mm_has_notifiers(mm))
		return false;
	ptl = pmd_lock(mm, pmd);
	old = *pmd;
	huge = pmd_trans_huge(old);
	if (huge) {
		/* A processor may have made it dirty in between: that goes too. */
		old = pmdp_establish(vma, haddr, pmd,
				     pmd_mkclean(pmd_wrprotect(old)));
		if (pmd_dirty(old))
			folio_mark_dirty(page_folio(pmd_page(old)));
	}
	spin_unlock(ptl);
	return huge;
}

static void pagetable_flush_cpu(void *unused)
{
	dph_compat_flush_this_cpu();
}

/* No CPU has anything cached of the mm's page tables afterwards. */
static void pagetable_flush(struct mm_struct *mm)
{
	/* inc_mm_tlb_gen(), which modules don't see. A full barrier. */
	atomic64_inc_return(&mm->context.tlb_gen);
	on_each_cpu_mask(dph_compat_tlb_cpus(mm), pagetable_flush_cpu, NULL, true);
}

/*
 * Another thread may be in the midst of a write: "execution on some processors
 * may result in the entry's dirty flag being set and the entry's R/W flag being
 * clear" (Intel SDM volume 3, 4.8), the very entry that must not be. After a
 * flush no processor knows that the entry was writable.
 */
bool dph_pagetable_settle(struct mm_struct *mm)
{
	if (atomic_read(&mm->mm_users) == 1 || dph_compat_dirty_is_writable())
		return false;
	pagetable_flush(mm);
	return true;
}

static bool pagetable_empty(pmd_t pmd)
{
	pte_t *pte = (pte_t *)pmd_page_vaddr(pmd);
	unsigned int i;

	for (i = 0; i < PTRS_PER_PTE; i++)
		if (!pte_none(ptep_get(pte + i)))
			return false;
	return true;
}

/*
 * Why it is safe to take a page table away: mmap_lock and the VMA lock keep out
 * everything that walks the table in order to fill it, and everything else that
 * frees tables. What is left:
 *
 * - Those who come by way of the file: a fault of this process in another VMA
 *   that shows the same block holds only that VMA's lock, from 6.7 on, and drops
 *   entries in ours (dph_vmas_zap()); the shrinker, too, if it can't have mmap_lock.
 *   They fill nothing, but on 6.1 they lock the table without a second look at
 *   the PMD. All hold i_mmap_rwsem for read: so we hold it for write, as
 *   collapse_and_free_pmd() does there, and they find the table whole or not at
 *   all. Whoever walks without it looks at the PMD again under the table's lock,
 *   so we clear the PMD with that lock held, as retract_page_tables() does.
 * - CPUs that hold a translation or the address of the table in their
 *   paging-structure caches. After the PMD is clear we raise the mm's TLB
 *   generation and then interrupt all CPUs of mm_cpumask, which flush all.
 *   A CPU that isn't in the mask and switches to this mm later sets its bit
 *   first and then reads the generation (switch_mm_irqs_off()), and
 *   atomic64_inc_return() is a full barrier: either we see its bit, or it sees
 *   the generation and flushes a stale address-space slot. (Where that isn't
 *   so, dph_compat_tlb_cpus() names all CPUs.)
 * - Lockless walkers: get_user_pages_fast() runs with interrupts off on a CPU
 *   of the mask, so the interrupt waits for it. Others hold rcu_read_lock()
 *   (pte_offset_map() since 6.5): the table is freed after a grace period.
 * - Secondary MMUs: the zap's notifier has emptied KVM's; an IOMMU that shares
 *   the table rules the retraction out, see dph_pagetable_retractable().
 *
 * One broadcast for each promotion is what khugepaged pays too
 * (pmdp_collapse_flush()); a promotion saves 511 - touched faults.
 */
bool dph_pagetable_retract(struct vm_area_struct *vma, unsigned long haddr)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *pml, *ptl;
	pgtable_t table = NULL;
	pmd_t *pmd = pagetable_pmd(mm, haddr);

	if (!pmd || pmd_none(*pmd) || pmd_trans_huge(*pmd))
		return true;
	dph_compat_zap_vma(vma, haddr, PMD_SIZE);

	i_mmap_lock_write(mapping);
	pml = pmd_lock(mm, pmd);
	if (!pagetable_is_table(*pmd)) {
		spin_unlock(pml);
		i_mmap_unlock_write(mapping);
		return false;
	}
	ptl = pte_lockptr(mm, pmd);
	/* Else both are one lock. */
	if (DPH_COMPAT_SPLIT_PTLOCKS)
		spin_lock_nested(ptl, SINGLE_DEPTH_NESTING);
	if (pagetable_empty(*pmd)) {
		table = pmd_pgtable(*pmd);
		pmd_clear(pmd);
	}
	if (DPH_COMPAT_SPLIT_PTLOCKS)
		spin_unlock(ptl);
	spin_unlock(pml);
	i_mmap_unlock_write(mapping);
	if (!table)
		return false;

	pagetable_flush(mm);
	mm_dec_nr_ptes(mm);
	call_rcu(&table->rcu_head, pagetable_rcu_free);
	return true;
}

/* No table's callback may run when the module's code is gone. */
void dph_pagetable_exit(void)
{
	rcu_barrier();
}
