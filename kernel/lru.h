/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists of folios by node and memory cgroup (list_lru), each with a shrinker of
 * its own: what reclaim could break up.
 *
 * What stands on a list is an object of the caller's (his "link" is embedded in
 * it), one for each folio. Which part of the list it stands in, its folio says:
 * the node where that lies and the cgroup that it is charged to.
 */
#ifndef DPH_LRU_H
#define DPH_LRU_H

#include <linux/list_lru.h>
#include <linux/slab.h>

#include "compat_lru.h"
#include "compat_shrinker.h"

/**
 * enum dph_lru_list - the lists
 * @DPH_LRU_NONE:	no list
 * @DPH_LRU_RESERVED:	folios that one block has alone, and that aren't full
 * @DPH_LRU_FULL:	full folios that one block has alone
 * @DPH_LRU_NR:		end of the enumeration
 */
enum dph_lru_list {
	DPH_LRU_NONE,
	DPH_LRU_RESERVED,
	DPH_LRU_FULL,
	DPH_LRU_NR
};

/**
 * struct dph_lru_shrinker - what is handed in for a list
 * @name:	the shrinker's
 * @count:	its count_objects; may be called before dph_lru_init() returns
 * @scan:	its scan_objects
 * @seeks:	see struct shrinker
 */
struct dph_lru_shrinker {
	const char *name;
	dph_compat_shrink_fn *count;
	dph_compat_shrink_fn *scan;
	int seeks;
};

/**
 * dph_lru_init() - make a list and register its shrinker
 * @list:	which one; of all, those that come first are reclaimed first
 * @shrinker:	what is called for it
 *
 * Nothing is allocated by dph_lru_alloc() until all lists are made.
 *
 * Return: 0 or -ENOMEM
 */
int dph_lru_init(enum dph_lru_list list,
		 const struct dph_lru_shrinker *shrinker);

/**
 * dph_lru_exit() - unregister the shrinker and free the list
 * @list:	which one. It is empty
 */
void dph_lru_exit(enum dph_lru_list list);

/**
 * dph_lru_memcg() - the cgroup that a folio is charged to
 * @core:	the folio
 *
 * Return: the cgroup with a reference; NULL: none, or the root
 */
struct mem_cgroup *dph_lru_memcg(struct folio *core);

/**
 * dph_lru_alloc() - allocate an object that stands for a folio
 * @cache:	a slab cache of the caller's, without SLAB_ACCOUNT: the object is
 *		charged to whom the folio is charged to
 * @core:	the folio
 * @nid:	the node where the folio lies, or will lie
 * @gfp:	how
 *
 * Return: the object, all zero, which may be put on any of the lists; or NULL
 */
void *dph_lru_alloc(struct kmem_cache *cache, struct folio *core, int nid,
		    gfp_t gfp);

/**
 * dph_lru_add() - put an object on a list
 * @list:	which one
 * @item:	the object's link
 * @core:	the folio for which the object was allocated
 *
 * Context: any; takes the list's lock.
 */
void dph_lru_add(enum dph_lru_list list, struct list_head *item,
		 struct folio *core);

/**
 * dph_lru_del() - take an object off its list
 * @list:	the list it is on
 * @item:	the object's link
 * @core:	its folio
 *
 * Context: any; takes the list's lock.
 */
void dph_lru_del(enum dph_lru_list list, struct list_head *item,
		 struct folio *core);

/**
 * dph_lru_count() - how many objects could a shrinker look at?
 * @list:	which list
 * @sc:		names the node and the cgroup
 *
 * Return: the number; 0 until dph_lru_init() is done with the list
 */
unsigned long dph_lru_count(enum dph_lru_list list, struct shrink_control *sc);

/**
 * dph_lru_shrink() - walk the part of a list that a shrinker is called for
 * @list:	which list
 * @sc:		names the node and the cgroup, and how many to look at
 * @walk:	called for each object with the list's lock held
 * @arg:	passed to @walk
 */
void dph_lru_shrink(enum dph_lru_list list, struct shrink_control *sc,
		    list_lru_walk_cb walk, void *arg);

#endif /* DPH_LRU_H */
