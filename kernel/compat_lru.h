/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels in list_lru, the page cache and memory cgroups. See
 * compat.h.
 */
#ifndef DPH_COMPAT_LRU_H
#define DPH_COMPAT_LRU_H

#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/version.h>

/*
 * Before 6.8 list_lru_add() goes by the node where an object lies and by the
 * cgroup that it is charged to. From then on both may be named, but until 6.13
 * it follows NULL if the cgroup has no list (any more). That can't happen with
 * the cgroup of an object whose allocation made the list, so until then the
 * object must lie on its folio's node.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define DPH_COMPAT_LRU_GFP	__GFP_THISNODE
#else
#define DPH_COMPAT_LRU_GFP	0
#endif

/**
 * dph_compat_lru_add() - add an object to the list of a folio's node and cgroup
 * @lru:	the lists
 * @item:	the object's link
 * @core:	the folio
 */
static inline void dph_compat_lru_add(struct list_lru *lru,
				      struct list_head *item,
				      struct folio *core)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	list_lru_add(lru, item);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	list_lru_add_obj(lru, item);
#else
	rcu_read_lock();
	list_lru_add(lru, item, folio_nid(core), folio_memcg(core));
	rcu_read_unlock();
#endif
}

/* dph_compat_lru_del() - the opposite of dph_compat_lru_add() */
static inline void dph_compat_lru_del(struct list_lru *lru,
				      struct list_head *item,
				      struct folio *core)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	list_lru_del(lru, item);
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
	list_lru_del_obj(lru, item);
#else
	rcu_read_lock();
	list_lru_del(lru, item, folio_nid(core), folio_memcg(core));
	rcu_read_unlock();
#endif
}

/*
 * Since 6.13 a list_lru has a lock for each cgroup. The callback of a walk
 * finds it in the list, and if it has dropped the lock it returns without it.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define DPH_COMPAT_LRU_LOCK_ARG	spinlock_t *dph_compat_lock,
#define DPH_COMPAT_LRU_LOCK(list)	dph_compat_lock
#define dph_compat_lru_relock(lock)	spin_lock(lock)
#else
#define DPH_COMPAT_LRU_LOCK_ARG
#define DPH_COMPAT_LRU_LOCK(list)	(&(list)->lock)
#define dph_compat_lru_relock(lock)	do { } while (0)
#endif

/**
 * dph_compat_memcg_tryget() - mem_cgroup_tryget(), which came in 6.3
 * @memcg:	not NULL
 *
 * Return: true if there is one reference more
 */
static inline bool dph_compat_memcg_tryget(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	return css_tryget(&memcg->css);
#else
	return false;
#endif
}

/**
 * dph_compat_allow_large_folios() - there may be 2 MiB folios in the page cache
 * @mapping:	whose page cache
 *
 * Until 7.2 it is an error otherwise to remove one (filemap_nr_thps_dec()). Later
 * khugepaged would take that for an invitation.
 */
static inline void dph_compat_allow_large_folios(struct address_space *mapping)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 3, 0)
	mapping_set_large_folios(mapping);
#endif
}

/**
 * dph_compat_cache_remove() - take a folio out of the page cache
 * @mapping:	whose page cache
 * @folio:	in it, locked, not mapped
 *
 * generic_error_remove_folio(), which until 6.7 had a page.
 *
 * Return: 0; else it isn't in there
 */
static inline int dph_compat_cache_remove(struct address_space *mapping,
					  struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	return generic_error_remove_page(mapping, &folio->page);
#else
	return generic_error_remove_folio(mapping, folio);
#endif
}

#endif /* DPH_COMPAT_LRU_H */
