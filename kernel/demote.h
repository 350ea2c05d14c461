/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a block gives memory back. See block.h on locks.
 */
#ifndef DPH_DEMOTE_H
#define DPH_DEMOTE_H

#include "block.h"

/**
 * dph_demote() - give up the folio for single pages
 * @b:		a block with a folio of its own, unmapped everywhere
 * @first:	the first of the pages that are not copied
 * @end:	the page after the last of these. They count as untouched
 *		afterwards, but only if this succeeds
 * @gfp:	for the pages: DPH_PAGE_GFP or DPH_PAGE_GFP_RECLAIM
 *
 * Pages of zeroes aren't copied either.
 *
 * Context: the block's lock is held; no lock of its process is needed.
 * Return: 0, -ENOMEM or -ENOSPC. On error the folio stays, and shows what it
 * showed
 */
int dph_demote(struct dph_block *b, unsigned int first, unsigned int end,
	       gfp_t gfp);

/**
 * dph_demote_discard() - pages read as zero from now on
 * @b:		the block
 * @first:	the first of them
 * @n:		how many
 *
 * Their memory goes back: the whole folio if the whole block goes; else the
 * block moves to single pages. Where that can't be (a page is pinned for I/O,
 * memory is short), the pages are cleared where they are, or hidden. It can't
 * fail: munmap has nobody to tell.
 */
void dph_demote_discard(struct dph_block *b, unsigned int first,
			unsigned int n);

#endif /* DPH_DEMOTE_H */
