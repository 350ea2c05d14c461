/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a block becomes a 2 MiB page. See block.h on locks.
 */
#ifndef DPH_PROMOTE_H
#define DPH_PROMOTE_H

#include "block.h"

struct vm_fault;

/**
 * enum dph_promote_result - what dph_promote_tidy() has left to do
 * @DPH_PROMOTE_DONE:	nothing that the worker could do now
 * @DPH_PROMOTE_MAP:	the block is full, and its mapping was lost: map it
 * @DPH_PROMOTE_LATER:	I/O holds a page: try again later
 */
enum dph_promote_result {
	DPH_PROMOTE_DONE,
	DPH_PROMOTE_MAP,
	DPH_PROMOTE_LATER,
};

/**
 * dph_promote_fill() - promote in place: clear what has not been touched
 * @b:		a block with a folio of its own
 *
 * This copies nothing. From here on a PMD may map the folio.
 */
void dph_promote_fill(struct dph_block *b);

/**
 * dph_promote_collapse() - promote a dense block on single pages, in a fault
 * @b:		a block with an overlay
 * @vmf:	the fault
 *
 * If no folio is at hand, or I/O holds a page, the block stays as it is, and
 * @later says that the worker should try.
 */
void dph_promote_collapse(struct dph_block *b, struct vm_fault *vmf);

/**
 * dph_promote_fell_back() - count and trace that no folio could be had
 * @b:		the block that wanted one
 */
void dph_promote_fell_back(struct dph_block *b);

/**
 * dph_promote_untidy() - is there anything for the worker here?
 * @b:		the block
 *
 * Context: any, without the lock: what is missed now is found the next time.
 * Return: true if dph_promote_tidy() may have something to do
 */
static inline bool dph_promote_untidy(const struct dph_block *b)
{
	/* Only a hint, see above. */
	return data_race(b->over || b->remap);
}

/**
 * dph_promote_wants_folio() - will dph_promote_tidy() want a spare folio?
 * @b:		the block
 *
 * Context: any, without the lock too.
 * Return: true if the block is dense, and on single pages only
 */
bool dph_promote_wants_folio(const struct dph_block *b);

/**
 * dph_promote_tidy() - put the block in order
 * @b:		the block
 * @spare:	a folio that may be taken for it, and is NULL then; or NULL
 *
 * A fork, the shrinker or a lack of memory may have left the block on single
 * pages: an overlay goes back into a folio that is the block's own again, and
 * a dense block of single pages moves into *@spare.
 *
 * Return: see enum dph_promote_result
 */
enum dph_promote_result dph_promote_tidy(struct dph_block *b,
					 struct dph_folio **spare);

#endif /* DPH_PROMOTE_H */
