// SPDX-License-Identifier: GPL-2.0
/*
 * The blocks of a space: find one, make one, free all.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "blocks.h"

static struct kmem_cache *blocks_cache;

struct dph_block *dph_blocks_add(struct dph_space *space, unsigned long idx,
				 gfp_t gfp)
{
	struct dph_block *b, *other;

	b = kmem_cache_zalloc(blocks_cache, gfp);
	if (!b)
		return NULL;
	mutex_init(&b->lock);
	b->space = space;
	b->idx = idx;
	other = xa_cmpxchg(&space->blocks, idx, NULL, b, gfp);
	if (other) {
		kmem_cache_free(blocks_cache, b);
		return xa_is_err(other) ? NULL : other;
	}
	return b;
}

void dph_blocks_free(struct dph_space *space)
{
	struct dph_block *b;
	unsigned long idx;

	xa_for_each(&space->blocks, idx, b) {
		kmem_cache_free(blocks_cache, b);
		cond_resched();
	}
	xa_destroy(&space->blocks);
}

int dph_blocks_init(void)
{
	blocks_cache = KMEM_CACHE(dph_block, SLAB_ACCOUNT);
	return blocks_cache ? 0 : -ENOMEM;
}

void dph_blocks_exit(void)
{
	kmem_cache_destroy(blocks_cache);
}
