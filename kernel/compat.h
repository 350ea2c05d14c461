/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that we build for (6.1, 6.12 and 7.3), and
 * nothing else: here for VMAs and folios, and in compat_lru.h, compat_shrinker.h
 * and compat_pagetable.h. The rest of the driver is written against the newest one.
 */
#ifndef DPH_COMPAT_H
#define DPH_COMPAT_H

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "dphuge needs Linux 6.1 or newer"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
/**
 * vm_flags_set() - set flags; see vm_flags_clear()
 * @vma:	the VMA
 * @flags:	which ones
 */
static inline void vm_flags_set(struct vm_area_struct *vma,
				unsigned long flags)
{
	vma->vm_flags |= flags;
}

/**
 * vm_flags_clear() - clear flags; since 6.3 they are read-only for others
 * @vma:	the VMA
 * @flags:	which ones
 */
static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
/**
 * vma_start_write() - nothing: before 6.4 mmap_lock alone keeps faults out
 * @vma:	the VMA
 */
static inline void vma_start_write(struct vm_area_struct *vma)
{
}
#endif

/* Since 6.7 faults begin under the VMA's lock, see vmf_can_call_fault(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define DPH_COMPAT_MAP_PAGES
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
/**
 * release_fault_lock() - drop the lock that a fault came with
 * @vmf:	the fault
 */
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/**
 * dph_compat_soft_dirty_tracked() - are first writes to be seen for soft-dirty?
 * @vma:	the VMA
 *
 * That is vma_soft_dirty_enabled(), which modules don't see. Since 6.18
 * hardware may lack the bit.
 *
 * Return: true if they are
 */
static inline bool dph_compat_soft_dirty_tracked(struct vm_area_struct *vma)
{
#ifdef pgtable_supports_soft_dirty
	if (!pgtable_supports_soft_dirty())
		return false;
#endif
	return IS_ENABLED(CONFIG_MEM_SOFT_DIRTY) &&
	       !(vma->vm_flags & VM_SOFTDIRTY);
}

/**
 * dph_compat_fault_vma_locked() - may a fault hold its VMA's lock only?
 * @vmf:	the fault
 *
 * Such faults came in 6.4. do_page_mkwrite() hides how the fault began.
 *
 * Return: true if mmap_lock may not be held
 */
static inline bool dph_compat_fault_vma_locked(const struct vm_fault *vmf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return vmf->flags & (FAULT_FLAG_VMA_LOCK | FAULT_FLAG_MKWRITE);
#else
	return false;
#endif
}

/**
 * dph_compat_zap_vma() - drop page-table entries
 * @vma:	the VMA that has them all
 * @start:	address of the first page
 * @size:	bytes
 *
 * zap_page_range() walked on into following VMAs; within one it is the same.
 */
static inline void dph_compat_zap_vma(struct vm_area_struct *vma,
				      unsigned long start, unsigned long size)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	zap_page_range(vma, start, size);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	zap_page_range_single(vma, start, size, NULL);
#else
	zap_vma_range(vma, start, size);
#endif
}

/**
 * dph_compat_rss_add() - change what a process's pages of files count as
 * @mm:		its address space
 * @pages:	4 KiB pages more; or less, if negative
 *
 * That is add_mm_counter() without its tracepoint, which modules don't see. Since
 * 6.2 the counters are per CPU.
 */
static inline void dph_compat_rss_add(struct mm_struct *mm, long pages)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
	atomic_long_add(pages, &mm->rss_stat.count[MM_FILEPAGES]);
#else
	percpu_counter_add(&mm->rss_stat[MM_FILEPAGES], pages);
#endif
}

/**
 * dph_compat_folio_no_thp() - tell the core that a folio is no THP
 * @folio:	an order-9 folio, just allocated
 *
 * The order-9 folios come from calls that make them for the page cache or THP,
 * "rmappable". But ours are not in the page cache, and since 6.12 split_huge_pages
 * (debugfs), which goes by that flag, looks at the mapping without a check: in the
 * pool they have none. Before 6.6 there was no such flag, and that code checks.
 */
static inline void dph_compat_folio_no_thp(struct folio *folio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	folio_clear_large_rmappable(folio);
#endif
}

/**
 * dph_compat_vma_alloc_folio() - vma_alloc_folio(), whose "hugepage" went in 6.13
 * @gfp:	how to allocate
 * @order:	2^@order pages
 * @vma:	for whose memory policy
 * @addr:	address in @vma
 *
 * Return: a folio, or NULL
 */
static inline struct folio *
dph_compat_vma_alloc_folio(gfp_t gfp, unsigned int order,
			   struct vm_area_struct *vma, unsigned long addr)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	return vma_alloc_folio(gfp, order, vma, addr, order > 0);
#else
	return vma_alloc_folio(gfp, order, vma, addr);
#endif
}

/*
 * Kernels that free an empty page table under mmap_lock for read (6.14, with
 * CONFIG_PT_RECLAIM), but don't look at i_size yet before they map a PMD (6.18,
 * 6.17.9).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 9)
#ifndef CONFIG_MEMORY_FAILURE
#error "dphuge needs CONFIG_MEMORY_FAILURE on Linux 6.14 to 6.17.8"
#endif
#define DPH_COMPAT_TABLES_VANISH
#endif

/**
 * dph_compat_allow_pmd() - may the core map a folio by a PMD?
 * @folio:	an order-9 folio, locked
 * @allow:	true if it may
 *
 * On most kernels a page table that stays in place says that, or the file's size
 * (DPH_COMPAT_FILE_SIZE). On those that have neither, do_set_pmd() still refuses
 * a folio which has a page that was poisoned, as that must be mapped alone.
 */
static inline void dph_compat_allow_pmd(struct folio *folio, bool allow)
{
#ifdef DPH_COMPAT_TABLES_VANISH
	long i;

	/* A flag that memory_failure() has set stays, of course. */
	for (i = 0; allow && i < folio_nr_pages(folio); i++)
		allow = !PageHWPoison(folio_page(folio, i));
	if (allow)
		folio_clear_has_hwpoisoned(folio);
	else
		folio_set_has_hwpoisoned(folio);
#endif
}

/**
 * dph_compat_pmd_refused() - will the core refuse PMDs here?
 * @vma:	the VMA
 *
 * Since 6.12 do_set_pmd() heeds prctl(PR_SET_THP_DISABLE) and MADV_NOHUGEPAGE
 * (vma_thp_disabled()).
 *
 * Return: true if it will
 */
static inline bool dph_compat_pmd_refused(struct vm_area_struct *vma)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return false;
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return (vma->vm_flags & VM_NOHUGEPAGE) ||
	       test_bit(MMF_DISABLE_THP, &vma->vm_mm->flags);
#else
	return vma_thp_disabled(vma, vma->vm_flags, false);
#endif
}

#endif /* DPH_COMPAT_H */
