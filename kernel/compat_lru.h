/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels in reclaim: shrinkers, list_lru and memory
 * cgroups. See compat.h.
 */
#ifndef DPH_COMPAT_LRU_H
#define DPH_COMPAT_LRU_H

#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/version.h>

#define DPH_COMPAT_SHRINKER_FLAGS	(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE)

typedef unsigned long dph_compat_shrink_fn(struct shrinker *,
					   struct shrink_control *);

/**
 * dph_compat_shrinker_alloc() - make a shrinker, with a name and a number
 * @name:	its name
 * @count:	its count_objects
 * @scan:	its scan_objects
 * @seeks:	see struct shrinker
 *
 * A number is what a list_lru needs. Before 6.7 registration gave it, so that
 * the callbacks may be called at once. The objects are worth hundreds of pages
 * each, so a batch is 1.
 *
 * Return: the shrinker, or NULL
 */
static inline struct shrinker *
dph_compat_shrinker_alloc(const char *name, dph_compat_shrink_fn *count,
			  dph_compat_shrink_fn *scan, int seeks)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);
#else
	struct shrinker *s = shrinker_alloc(DPH_COMPAT_SHRINKER_FLAGS, "%s", name);
#endif

	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = seeks;
	s->batch = 1;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	s->flags = DPH_COMPAT_SHRINKER_FLAGS;
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

/**
 * dph_compat_shrinker_register() - from here on the shrinker is called
 * @s:		the shrinker
 */
static inline void dph_compat_shrinker_register(struct shrinker *s)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_register(s);
#endif
}

/**
 * dph_compat_shrinker_free() - unregister and free a shrinker
 * @s:		the shrinker, registered or not
 */
static inline void dph_compat_shrinker_free(struct shrinker *s)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	unregister_shrinker(s);
	kfree(s);
#else
	shrinker_free(s);
#endif
}

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
 * Since 6.13 a list_lru has a lock for each cgroup, which the walker finds in
 * the list and doesn't want back.
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
 * dph_compat_account_reclaimed() - tell direct reclaim what a shrinker freed
 * @pages:	how many pages
 *
 * It then tries to allocate again instead of calling the OOM killer. 6.4 gave
 * the function its name.
 */
static inline void dph_compat_account_reclaimed(unsigned long pages)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += pages;
#else
	mm_account_reclaimed_pages(pages);
#endif
}

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

#endif /* DPH_COMPAT_LRU_H */
