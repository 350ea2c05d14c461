/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that a process has and doesn't map, in its resident set size.
 */
#ifndef DPH_RSS_H
#define DPH_RSS_H

#include "block.h"

/**
 * dph_rss_show() - count a block's folio for its process if nothing maps it
 * @b:		the block. Nothing happens if it has no folio, or shares it
 *
 * Context: the process's address space can't go (mmget()).
 */
void dph_rss_show(struct dph_block *b);

/**
 * dph_rss_hide() - no longer
 * @b:		the block: about to be mapped, or its memory is about to change
 *
 * Context: the process's mm_struct can't go.
 */
void dph_rss_hide(struct dph_block *b);

#endif /* DPH_RSS_H */
