/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The blocks of a space: find one, make one, free all.
 */
#ifndef DPH_BLOCKS_H
#define DPH_BLOCKS_H

#include <linux/xarray.h>

#include "block.h"

/**
 * dph_blocks_find() - a block of a space, if there is one
 * @space:	the space
 * @idx:	file offset / 2 MiB
 *
 * Context: any, while the region lives; no lock.
 * Return: the block, which stays as long as the region; or NULL
 */
static inline struct dph_block *dph_blocks_find(struct dph_space *space,
						unsigned long idx)
{
	return xa_load(&space->blocks, idx);
}

/**
 * dph_blocks_add() - the slow part of dph_blocks_get()
 * @space:	the space
 * @idx:	file offset / 2 MiB
 * @gfp:	how to allocate
 *
 * Return: as dph_blocks_get()
 */
struct dph_block *dph_blocks_add(struct dph_space *space, unsigned long idx,
				 gfp_t gfp);

/**
 * dph_blocks_get() - a block of a space, made if there is none
 * @space:	the space
 * @idx:	file offset / 2 MiB
 * @gfp:	how to allocate
 *
 * Context: any that @gfp permits; no lock.
 * Return: the block; NULL if there is no memory
 */
static inline struct dph_block *dph_blocks_get(struct dph_space *space,
					       unsigned long idx, gfp_t gfp)
{
	return dph_blocks_find(space, idx) ?: dph_blocks_add(space, idx, gfp);
}

/**
 * dph_blocks_free() - free the blocks of a space
 * @space:	the space; nobody else has it any more. Its blocks have been
 *		released
 *
 * Context: process context, without any lock.
 */
void dph_blocks_free(struct dph_space *space);

/**
 * dph_blocks_init() - start
 *
 * Return: 0 or -ENOMEM
 */
int dph_blocks_init(void);

/**
 * dph_blocks_exit() - end
 *
 * There are no blocks any more.
 */
void dph_blocks_exit(void);

#endif /* DPH_BLOCKS_H */
