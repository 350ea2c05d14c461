/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels in shrinkers. See compat.h.
 */
#ifndef DPH_COMPAT_SHRINKER_H
#define DPH_COMPAT_SHRINKER_H

#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/version.h>

#define DPH_COMPAT_SHRINKER_FLAGS	(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE)

typedef unsigned long dph_compat_shrink_fn(struct shrinker *,
					   struct shrink_control *);

/**
 * dph_compat_shrinker_alloc_flags() - make a shrinker
 * @name:	its name
 * @count:	its count_objects
 * @scan:	its scan_objects
 * @seeks:	see struct shrinker
 * @batch:	see struct shrinker
 * @flags:	see struct shrinker
 *
 * Before 6.7 this registered it, so that the callbacks may be called at once.
 *
 * Return: the shrinker, or NULL
 */
static inline struct shrinker *
dph_compat_shrinker_alloc_flags(const char *name, dph_compat_shrink_fn *count,
				dph_compat_shrink_fn *scan, int seeks,
				long batch, unsigned int flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);
#else
	struct shrinker *s = shrinker_alloc(flags, "%s", name);
#endif

	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = seeks;
	s->batch = batch;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	s->flags = flags;
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

/**
 * dph_compat_shrinker_alloc_plain() - one that knows no nodes and no cgroups
 * @name:	its name
 * @count:	its count_objects
 * @scan:	its scan_objects
 *
 * Return: the shrinker, or NULL
 */
static inline struct shrinker *
dph_compat_shrinker_alloc_plain(const char *name, dph_compat_shrink_fn *count,
				dph_compat_shrink_fn *scan)
{
	return dph_compat_shrinker_alloc_flags(name, count, scan,
					       DEFAULT_SEEKS, 0, 0);
}

/**
 * dph_compat_shrinker_alloc() - make a shrinker, with a name and a number
 * @name:	its name
 * @count:	its count_objects
 * @scan:	its scan_objects
 * @seeks:	see struct shrinker
 *
 * A list_lru needs the shrinker's number. Before 6.7 only registration gives it
 * one, so there the callbacks may be called before this returns. Each object
 * stands for hundreds of pages, so a batch is 1.
 *
 * Return: the shrinker, or NULL
 */
static inline struct shrinker *
dph_compat_shrinker_alloc(const char *name, dph_compat_shrink_fn *count,
			  dph_compat_shrink_fn *scan, int seeks)
{
	return dph_compat_shrinker_alloc_flags(name, count, scan, seeks, 1,
					       DPH_COMPAT_SHRINKER_FLAGS);
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

#endif /* DPH_COMPAT_SHRINKER_H */
