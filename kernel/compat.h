/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that differs between the kernels we build for (6.1, 6.12 and 7.3), and
 * nothing else. The rest of the driver is written against the newest one.
 */
#ifndef DPH_COMPAT_H
#define DPH_COMPAT_H

#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/coredump.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/version.h>
#include <asm/pgalloc.h>
#include <asm/tlbflush.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "dphuge needs Linux 6.1 or newer"
#endif

/* vm_flags became read-only for others in 6.3 (per-VMA locks). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* Per-VMA locks came in 6.4; before, mmap_lock alone keeps faults out. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline void vma_start_write(struct vm_area_struct *vma)
{
}
#endif

/* Since 6.7 faults on files begin under the VMA's lock, see vmf_can_call_fault(). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define DPH_FAULTS_NEED_MAP_PAGES
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
static inline void release_fault_lock(struct vm_fault *vmf)
{
	mmap_read_unlock(vmf->vma->vm_mm);
}
#endif

/*
 * Drop the page-table entries of [start, start + size), which lies in @vma.
 * zap_page_range() walked on into following VMAs; within one it is the same.
 */
static inline void dph_zap_vma(struct vm_area_struct *vma, unsigned long start,
			       unsigned long size)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	zap_page_range(vma, start, size);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	zap_page_range_single(vma, start, size, NULL);
#else
	zap_vma_range(vma, start, size);
#endif
}

/*
 * The order-9 folios come from calls that make them for the page cache or THP,
 * "rmappable": ours have no mapping, and split_huge_pages (debugfs), which goes
 * by that flag, has looked at the mapping without a check since 6.12. Before
 * 6.6 there was no such flag, and that code checks.
 */
static inline void dph_folio_no_thp(struct folio *folio)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	folio_clear_large_rmappable(folio);
#endif
}

/* The hint "hugepage" went in 6.13. */
static inline struct folio *dph_vma_alloc_folio(gfp_t gfp, unsigned int order,
						struct vm_area_struct *vma,
						unsigned long addr)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	return vma_alloc_folio(gfp, order, vma, addr, order > 0);
#else
	return vma_alloc_folio(gfp, order, vma, addr);
#endif
}

/*
 * Will the core refuse PMDs here? Since 6.12 do_set_pmd() heeds
 * prctl(PR_SET_THP_DISABLE) and MADV_NOHUGEPAGE (vma_thp_disabled()).
 */
static inline bool dph_pmd_refused(struct vm_area_struct *vma)
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

/*
 * Shrinkers: since 6.7 they are allocated, and named and numbered with it; a
 * number is what a list_lru needs. Before, registration did that, and the
 * callbacks may be called at once. The objects are worth hundreds of pages
 * each, so a batch is 1.
 */
#define DPH_SHRINKER_FLAGS	(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE)

typedef unsigned long dph_shrink_fn(struct shrinker *, struct shrink_control *);

static inline struct shrinker *
dph_shrinker_alloc(const char *name, dph_shrink_fn *count, dph_shrink_fn *scan,
		   int seeks)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);
#else
	struct shrinker *s = shrinker_alloc(DPH_SHRINKER_FLAGS, "%s", name);
#endif

	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = seeks;
	s->batch = 1;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	s->flags = DPH_SHRINKER_FLAGS;
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

static inline void dph_shrinker_register(struct shrinker *s)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_register(s);
#endif
}

static inline void dph_shrinker_free(struct shrinker *s)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	unregister_shrinker(s);
	kfree(s);
#else
	shrinker_free(s);
#endif
}

/* The list of an object of a slab: named by the object alone before 6.8. */
static inline void dph_list_add(struct list_lru *lru, struct list_head *item)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	list_lru_add(lru, item);
#else
	list_lru_add_obj(lru, item);
#endif
}

static inline void dph_list_del(struct list_lru *lru, struct list_head *item)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	list_lru_del(lru, item);
#else
	list_lru_del_obj(lru, item);
#endif
}

/*
 * Since 6.13 a list_lru has a lock for each cgroup, which the walker finds in
 * the list and doesn't want back.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define DPH_LRU_WALK_LOCK	spinlock_t *dph_lru_lock,
#define DPH_LRU_LOCK_OF(list)	dph_lru_lock
#define dph_lru_walk_relock(lock)	spin_lock(lock)
#else
#define DPH_LRU_WALK_LOCK
#define DPH_LRU_LOCK_OF(list)	(&(list)->lock)
#define dph_lru_walk_relock(lock)	do { } while (0)
#endif

/*
 * Tell direct reclaim how many pages its shrinkers have freed, so that it
 * tries to allocate again instead of calling the OOM killer. 6.4 gave the
 * function its name.
 */
static inline void dph_account_reclaimed(unsigned long pages)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += pages;
#else
	mm_account_reclaimed_pages(pages);
#endif
}

/* mem_cgroup_tryget() came in 6.3. */
static inline bool dph_memcg_tryget(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	return css_tryget(&memcg->css);
#else
	return false;
#endif
}

/*
 * Free a page table that a user's mapping had. 7.x keeps one free path for
 * tables of the kernel's own, which modules don't see; ours is none.
 */
static inline void dph_pte_free(struct page *table)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
	pte_free(NULL, table);
#else
	pagetable_dtor(page_ptdesc(table));
	__pagetable_free(page_ptdesc(table));
#endif
}

/*
 * Flush all that this CPU has cached of any page table, those of other address
 * spaces (PCIDs) and paging structures included. Interrupts are off.
 * 7.x has __flush_tlb_all() for KVM only; this is what it does (Intel SDM
 * volume 3, 4.10.4.1: INVPCID type 2, or a change of CR4.PGE).
 */
static inline void dph_flush_this_cpu(void)
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

/*
 * Where may an address space have left something in a TLB? On CPUs that
 * mm_cpumask doesn't name too, if flushes are broadcast by instruction (AMD's
 * INVLPGB, since 6.15): then a CPU that comes back to an address space doesn't
 * look at its generation (choose_new_asid()).
 */
static inline const struct cpumask *dph_tlb_cpus(struct mm_struct *mm)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	if (cpu_feature_enabled(X86_FEATURE_INVLPGB))
		return cpu_online_mask;
#endif
	return mm_cpumask(mm);
}

/*
 * Does an IOMMU walk this mm's page tables (shared virtual addressing)? Its
 * paging-structure caches can't be flushed from a module.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
#include <linux/ioasid.h>
static inline bool dph_mm_has_pasid(struct mm_struct *mm)
{
#ifdef CONFIG_IOMMU_SVA
	return pasid_valid(mm->pasid);
#else
	return false;
#endif
}
#else
#include <linux/iommu.h>
static inline bool dph_mm_has_pasid(struct mm_struct *mm)
{
	return mm_valid_pasid(mm);
}
#endif

#endif /* DPH_COMPAT_H */
