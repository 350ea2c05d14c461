/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The folio that a block has, alone or with relatives. See block.h on locks.
 */
#ifndef DPH_BACKING_H
#define DPH_BACKING_H

#include "block.h"

/**
 * dph_backing_set() - give the block a folio
 * @b:		a block without one
 * @folio:	which no block has
 */
void dph_backing_set(struct dph_block *b, struct dph_folio *folio);

/**
 * dph_backing_move() - another folio takes a folio's place
 * @folio:	the folio; the locks of all blocks that have it are held. No block
 *		has it afterwards
 * @twin:	what dph_folio_twin() made for it
 */
void dph_backing_move(struct dph_folio *folio, struct dph_folio *twin);

/* dph_backing_share() - @other, locked too, has the folio of @b as well */
void dph_backing_share(struct dph_block *b, struct dph_block *other);

/**
 * dph_backing_drop() - take the folio from the block
 * @b:		the block. Nothing happens if it has none
 * @alone:	called with one that has the folio alone now, under the folio's
 *		lock, so that it can't go; or NULL
 */
void dph_backing_drop(struct dph_block *b,
		      void (*alone)(struct dph_block *other));

/* dph_backing_drop_hidden() - let the folio go if nothing of it shows */
void dph_backing_drop_hidden(struct dph_block *b);

/**
 * dph_backing_release() - let go of all of the block's memory
 * @b:		the block; unmapped, or its process's last VMA is going
 * @alone:	as for dph_backing_drop()
 *
 * Return: true if one other block, not known which, has the overlay alone now
 */
bool dph_backing_release(struct dph_block *b,
			 void (*alone)(struct dph_block *other));

/**
 * dph_backing_relist() - put the block's folio on the list where it belongs now
 * @b:		the block, locked; its folio has changed, or what is populated
 */
void dph_backing_relist(struct dph_block *b);

/* dph_backing_isolated() - its folio is off its list, whose lock is still held */
void dph_backing_isolated(struct dph_block *b);

#endif /* DPH_BACKING_H */
