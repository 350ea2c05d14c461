// SPDX-License-Identifier: GPL-2.0
/*
 * Two lists of what reclaim could break up, by node and memory cgroup, each
 * with a shrinker of its own.
 *
 * This file stands below all that allocate, because an object must be allocated
 * for the list that it is to be on.
 */
#include <linux/list_lru.h>
#include <linux/slab.h>

#include "lru.h"

static struct list_lru lru_lists[DPH_LRU_NR];
static struct shrinker *lru_shrinkers[DPH_LRU_NR];
static bool lru_ready;	/* the lists are; set once */

void *dph_lru_alloc(enum dph_lru_list list, struct kmem_cache *cache, gfp_t gfp)
{
	return kmem_cache_alloc_lru(cache, &lru_lists[list],
				    gfp | __GFP_ACCOUNT | __GFP_ZERO);
}

void dph_lru_add(enum dph_lru_list list, struct list_head *item)
{
	dph_compat_lru_add(&lru_lists[list], item);
}

void dph_lru_del(enum dph_lru_list list, struct list_head *item)
{
	dph_compat_lru_del(&lru_lists[list], item);
}

unsigned long dph_lru_count(enum dph_lru_list list, struct shrink_control *sc)
{
	/* Pairs with the release in dph_lru_init(). */
	if (!smp_load_acquire(&lru_ready))
		return 0;
	return list_lru_shrink_count(&lru_lists[list], sc);
}

void dph_lru_shrink(enum dph_lru_list list, struct shrink_control *sc,
		    list_lru_walk_cb walk, void *arg)
{
	list_lru_shrink_walk(&lru_lists[list], sc, walk, arg);
}

void dph_lru_walk(enum dph_lru_list list, list_lru_walk_cb walk, void *arg)
{
	list_lru_walk(&lru_lists[list], walk, arg,
		      list_lru_count(&lru_lists[list]));
}

/* A list takes its shrinker's number, so the shrinkers come first. */
static int lru_start(enum dph_lru_list list, const struct dph_lru_shrinker *s)
{
	int err;

	lru_shrinkers[list] = dph_compat_shrinker_alloc(s->name, s->count,
							s->scan, s->seeks);
	if (!lru_shrinkers[list])
		return -ENOMEM;
	err = list_lru_init_memcg(&lru_lists[list], lru_shrinkers[list]);
	if (err)
		dph_compat_shrinker_free(lru_shrinkers[list]);
	return err;
}

static void lru_stop(enum dph_lru_list list)
{
	dph_compat_shrinker_free(lru_shrinkers[list]);
	list_lru_destroy(&lru_lists[list]);
}

int dph_lru_init(const struct dph_lru_shrinker shrinkers[DPH_LRU_NR])
{
	int err = lru_start(DPH_LRU_RESERVED, &shrinkers[DPH_LRU_RESERVED]);

	if (err)
		return err;
	err = lru_start(DPH_LRU_FULL, &shrinkers[DPH_LRU_FULL]);
	if (err) {
		lru_stop(DPH_LRU_RESERVED);
		return err;
	}
	/* Pairs with the acquire in dph_lru_count(): the lists are seen whole. */
	smp_store_release(&lru_ready, true);
	dph_compat_shrinker_register(lru_shrinkers[DPH_LRU_RESERVED]);
	dph_compat_shrinker_register(lru_shrinkers[DPH_LRU_FULL]);
	return 0;
}

void dph_lru_exit(void)
{
	lru_stop(DPH_LRU_FULL);
	lru_stop(DPH_LRU_RESERVED);
}
