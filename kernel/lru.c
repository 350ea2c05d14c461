// SPDX-License-Identifier: GPL-2.0
/*
 * Lists of folios by node and memory cgroup, each with a shrinker of its own.
 *
 * This file stands below all that allocate, because an object must be allocated
 * for the lists that it is to be on (dph_lru_alloc()). A shrinker is called for
 * a node and a cgroup that are short of memory, and finds what stands in their
 * part of its list. So that part must be the folio's own: the part of the object
 * that stands for it could be any, as its allocation comes from the node where
 * the task runs.
 */
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "lru.h"

/*
 * struct lru_state - one of the lists
 * @lru:	its parts
 * @shrinker:	what the core calls for it
 * @ready:	@lru may be used; set once
 */
struct lru_state {
	struct list_lru lru;
	struct shrinker *shrinker;
	bool ready;
};

static struct lru_state lru_lists[DPH_LRU_NR];

struct mem_cgroup *dph_lru_memcg(struct folio *core)
{
	struct mem_cgroup *memcg;

	rcu_read_lock();
	/* One that has no reference left has just given its folios away. */
	do {
		memcg = folio_memcg(core);
	} while (memcg && !dph_compat_memcg_tryget(memcg));
	rcu_read_unlock();
	return memcg;
}

/*
 * The current cgroup's part of each list. The only exported call that makes one
 * allocates an object besides. It makes those of the cgroup's ancestors too, to
 * which the objects move when the cgroup goes away.
 */
static bool lru_make_parts(struct kmem_cache *cache, gfp_t gfp)
{
	enum dph_lru_list list;

	for (list = DPH_LRU_NONE + 1; list < DPH_LRU_NR; list++) {
		void *spare = kmem_cache_alloc_lru(cache, &lru_lists[list].lru,
						   gfp);

		if (!spare)
			return false;
		kmem_cache_free(cache, spare);
	}
	return true;
}

void *dph_lru_alloc(struct kmem_cache *cache, struct folio *core, int nid,
		    gfp_t gfp)
{
	struct mem_cgroup *memcg = dph_lru_memcg(core);
	/* Whatever happens to the task's own membership meanwhile. */
	struct mem_cgroup *old = set_active_memcg(memcg);
	void *object = NULL;

	if (memcg)
		gfp |= __GFP_ACCOUNT;
	if (!memcg || lru_make_parts(cache, gfp))
		object = kmem_cache_alloc_node(cache, gfp | __GFP_ZERO |
					       DPH_COMPAT_LRU_GFP, nid);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return object;
}

void dph_lru_add(enum dph_lru_list list, struct list_head *item,
		 struct folio *core)
{
	dph_compat_lru_add(&lru_lists[list].lru, item, core);
}

void dph_lru_del(enum dph_lru_list list, struct list_head *item,
		 struct folio *core)
{
	dph_compat_lru_del(&lru_lists[list].lru, item, core);
}

unsigned long dph_lru_count(enum dph_lru_list list, struct shrink_control *sc)
{
	/* Pairs with the release in dph_lru_init(). */
	if (!smp_load_acquire(&lru_lists[list].ready))
		return 0;
	return list_lru_shrink_count(&lru_lists[list].lru, sc);
}

void dph_lru_shrink(enum dph_lru_list list, struct shrink_control *sc,
		    list_lru_walk_cb walk, void *arg)
{
	list_lru_shrink_walk(&lru_lists[list].lru, sc, walk, arg);
}

/* A list takes its shrinker's number, so the shrinker comes first. */
int dph_lru_init(enum dph_lru_list list,
		 const struct dph_lru_shrinker *shrinker)
{
	struct lru_state *l = &lru_lists[list];
	int err;

	l->shrinker = dph_compat_shrinker_alloc(shrinker->name, shrinker->count,
						shrinker->scan,
						shrinker->seeks);
	if (!l->shrinker)
		return -ENOMEM;
	err = list_lru_init_memcg(&l->lru, l->shrinker);
	if (err) {
		dph_compat_shrinker_free(l->shrinker);
		return err;
	}
	/* Pairs with the acquire in dph_lru_count(): the list is seen whole. */
	smp_store_release(&l->ready, true);
	dph_compat_shrinker_register(l->shrinker);
	return 0;
}

void dph_lru_exit(enum dph_lru_list list)
{
	dph_compat_shrinker_free(lru_lists[list].shrinker);
	list_lru_destroy(&lru_lists[list].lru);
}
