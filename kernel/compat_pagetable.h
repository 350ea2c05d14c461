/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels in page tables and TLBs. See compat.h.
 */
#ifndef DPH_COMPAT_PAGETABLE_H
#define DPH_COMPAT_PAGETABLE_H

#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/version.h>
#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

/*
 * Since 6.12.59, 6.17.9 and 6.18 the core maps by a PMD only folios that lie inside
 * the file (finish_fault()); and 7.x maps such a folio's pages all at once where
 * there is a page table. Not all of ours may be seen: so where a driver can map
 * a PMD itself, the files are empty, and the core maps one page at a time. 6.15
 * and 6.16 mark such a PMD as special, and copy_huge_pmd() takes no reference then.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define DPH_COMPAT_INSERT_PMD
#define DPH_COMPAT_FILE_SIZE	0
#else
#define DPH_COMPAT_FILE_SIZE	MAX_LFS_FILESIZE
#endif

/**
 * dph_compat_pmd_tracked() - does somebody want to hear of writes, or accesses?
 * @pmd:	a present one
 *
 * That is userfaultfd (and PAGEMAP_SCAN), or NUMA balancing.
 *
 * Return: true if somebody does
 */
static inline bool dph_compat_pmd_tracked(pmd_t pmd)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
	return pmd_uffd_wp(pmd) || pmd_protnone(pmd);
#else
	return pmd_uffd(pmd) || pmd_protnone(pmd);
#endif
}

/* Has each page table a lock of its own? Else the mm has one for all. */
#ifdef USE_SPLIT_PTE_PTLOCKS	/* until 6.11 */
#define DPH_COMPAT_SPLIT_PTLOCKS	USE_SPLIT_PTE_PTLOCKS
#else
#define DPH_COMPAT_SPLIT_PTLOCKS	IS_ENABLED(CONFIG_SPLIT_PTE_PTLOCKS)
#endif

/**
 * dph_compat_pte_free() - free a page table that a user's mapping had
 * @table:	its page
 *
 * In 7.x pte_free() frees the kernel's own tables by a function that modules
 * can't call. Ours are never such tables, and this is what it does with the
 * others.
 */
static inline void dph_compat_pte_free(struct page *table)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	pte_free(NULL, table);
#else
	pagetable_dtor(page_ptdesc(table));
	__pagetable_free(page_ptdesc(table));
#endif
}

/**
 * dph_compat_flush_this_cpu() - flush what this CPU has cached of page tables
 *
 * All of it goes, that of other address spaces (PCIDs) and of paging structures
 * included.
 *
 * 7.x has __flush_tlb_all() for KVM only; this is what it does (Intel SDM
 * volume 3, 4.10.4.1: INVPCID type 2, or a change of CR4.PGE).
 *
 * Context: interrupts are off.
 */
static inline void dph_compat_flush_this_cpu(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	__flush_tlb_all();
#else
	unsigned long cr4;

	if (boot_cpu_has(X86_FEATURE_INVPCID)) {
		invpcid_flush_all();
		return;
	}
	cr4 = native_read_cr4();
	asm volatile("mov %0, %%cr4" : : "r" (cr4 ^ X86_CR4_PGE) : "memory");
	asm volatile("mov %0, %%cr4" : : "r" (cr4) : "memory");
#endif
}

/**
 * dph_compat_dirty_is_writable() - does no CPU make a read-only entry dirty?
 *
 * Those with shadow stacks don't, as the two together mark a shadow stack.
 * Before 6.6 the kernel didn't ask for that.
 *
 * Return: true if none does
 */
static inline bool dph_compat_dirty_is_writable(void)
{
#ifdef X86_FEATURE_SHSTK
	return boot_cpu_has(X86_FEATURE_SHSTK);
#else
	return false;
#endif
}

/**
 * dph_compat_tlb_cpus() - where may something of an address space be in a TLB?
 * @mm:		the address space
 *
 * If flushes are broadcast by instruction (AMD's INVLPGB, since 6.15), that may
 * be so on CPUs that mm_cpumask doesn't name too: then a CPU that comes back to
 * an address space doesn't look at its generation (choose_new_asid()).
 *
 * Return: the CPUs
 */
static inline const struct cpumask *dph_compat_tlb_cpus(struct mm_struct *mm)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	if (cpu_feature_enabled(X86_FEATURE_INVLPGB))
		return cpu_online_mask;
#endif
	return mm_cpumask(mm);
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#include <linux/ioasid.h>
#else
#include <linux/iommu.h>
#endif

/**
 * dph_compat_mm_has_pasid() - does an IOMMU walk these page tables?
 * @mm:		the address space
 *
 * That is shared virtual addressing. The paging-structure caches of an IOMMU
 * can't be flushed from a module.
 *
 * Return: true if one does
 */
static inline bool dph_compat_mm_has_pasid(struct mm_struct *mm)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return mm_valid_pasid(mm);
#elif defined(CONFIG_IOMMU_SVA)
	return pasid_valid(mm->pasid);
#else
	return false;
#endif
}

#endif /* DPH_COMPAT_PAGETABLE_H */
