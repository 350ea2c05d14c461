/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two lists of what reclaim could break up, by node and memory cgroup
 * (list_lru), each with a shrinker of its own.
 *
 * An object can only be on the list that it was allocated for, because the
 * allocation is what makes the cgroup's part of that list. So the list of
 * reservations links blocks, and that of full blocks links their folios.
 */
#ifndef DPH_LRU_H
#define DPH_LRU_H

#include <linux/list_lru.h>
#include <linux/slab.h>

#include "compat_lru.h"

/**
 * enum dph_lru_list - the lists
 * @DPH_LRU_NONE:	no list
 * @DPH_LRU_RESERVED:	blocks with a folio that isn't full; links the blocks
 * @DPH_LRU_FULL:	full folios that one block has alone; links the folios
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
 * dph_lru_init() - make the lists and register their shrinkers
 * @shrinkers:	by enum dph_lru_list; that of DPH_LRU_NONE isn't used
 *
 * Return: 0 or -ENOMEM
 */
int dph_lru_init(const struct dph_lru_shrinker shrinkers[DPH_LRU_NR]);

/**
 * dph_lru_exit() - unregister the shrinkers and free the lists
 *
 * The lists are empty.
 */
void dph_lru_exit(void);

/**
 * dph_lru_alloc() - allocate an object that may be put on a list
 * @list:	which one
 * @cache:	a slab cache of the caller's
 * @gfp:	how; the object is charged to the current cgroup
 *
 * Return: the object, all zero, or NULL
 */
void *dph_lru_alloc(enum dph_lru_list list, struct kmem_cache *cache,
		    gfp_t gfp);

/**
 * dph_lru_add() - put an object on a list
 * @list:	for which it was allocated
 * @item:	its link
 *
 * Context: any; takes the list's lock.
 */
void dph_lru_add(enum dph_lru_list list, struct list_head *item);

/**
 * dph_lru_del() - take an object off its list
 * @list:	the list it is on
 * @item:	its link
 *
 * Context: any; takes the list's lock.
 */
void dph_lru_del(enum dph_lru_list list, struct list_head *item);

/**
 * dph_lru_count() - how many objects could a shrinker look at?
 * @list:	which list
 * @sc:		names the node and the cgroup
 *
 * Return: the number; 0 until dph_lru_init() is done with the lists
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

/**
 * dph_lru_walk() - walk all of a list once
 * @list:	which list
 * @walk:	called for each object with the list's lock held
 * @arg:	passed to @walk
 */
void dph_lru_walk(enum dph_lru_list list, list_lru_walk_cb walk, void *arg);

#endif /* DPH_LRU_H */
