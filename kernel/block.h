/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of one 2 MiB block: which memory it has, and whether it has it
 * alone. Unless their comments say otherwise, all functions of the layer
 * "block" are called with the block's lock held, and with the mmap_lock (or VMA
 * lock) of its process held at least for read.
 */
#ifndef DPH_BLOCK_H
#define DPH_BLOCK_H

#include <linux/bitmap.h>
#include <linux/mutex.h>

#include "folio.h"
#include "overlay.h"
#include "policy.h"
#include "space.h"

/**
 * struct dph_block - 2 MiB of a region
 * @lock:	guards all that isn't constant
 * @vma_locked:	who holds @lock handles a fault with its VMA locked, and
 *		perhaps not mmap_lock
 * @space:	constant
 * @idx:	file offset / 2 MiB; constant
 * @referenced:	populated since reclaim last looked
 * @folio:	the 2 MiB below the overlay, or NULL
 * @sharer:	in the folio's list of blocks; the folio's lock
 * @over:	single pages, which hide the folio's; or NULL
 * @nr:		pages for which dph_block_touched() is true
 * @was_shared:	the folio has been shared since it was last known to be ours
 *		alone: others may still hold references to its pages
 * @retracted:	the page table was taken away once since the block became full.
 *		If the core puts a table there again instead of a PMD, it stays:
 *		to take it away at each fault would never end
 * @remap:	a fork took a full block's mapping away; the worker maps it again
 * @given:	a 2 MiB page from its first touch on, on a guess
 * @lost:	memory ran out while it was copied for a child: its faults raise
 *		SIGBUS
 * @poisoned:	some of its memory has an error, so that it stays in single pages;
 *		until some of it is discarded
 * @in_rss:	nothing maps the folio, and it counts for its process all the same
 * @later:	the worker should look at it; the fault handler, which knows the
 *		region, reads this and queues the region
 * @scanned:	when reclaim last looked for zeroes in it; jiffies
 */
struct dph_block {
	struct mutex lock;
	bool vma_locked;
	struct dph_space *space;
	unsigned long idx;
	bool referenced;
	struct dph_folio *folio;
	struct list_head sharer;
	struct dph_overlay *over;
	unsigned short nr;
	bool was_shared;
	bool retracted;
	bool remap;
	bool given;
	bool lost;
	bool poisoned;
	bool in_rss;
	bool later;
	unsigned long scanned;
};

/**
 * dph_block_full() - is all of the folio the process's data?
 * @b:		the block
 *
 * Return: true if it is; an overlay may still hide some of it
 */
static inline bool dph_block_full(const struct dph_block *b)
{
	return b->folio && bitmap_full(b->folio->populated, DPH_BLOCK_PAGES);
}

/**
 * dph_block_huge() - may the block be mapped by one PMD?
 * @b:		the block
 *
 * Return: true if it may
 */
static inline bool dph_block_huge(const struct dph_block *b)
{
	return !b->over && dph_block_full(b);
}

/**
 * dph_block_shared() - do relatives have its folio or its overlay too?
 * @b:		the block
 *
 * Return: true if any does
 */
static inline bool dph_block_shared(const struct dph_block *b)
{
	return (b->over && dph_overlay_shared(b->over)) ||
	       (b->folio && dph_folio_shared(b->folio));
}

/**
 * dph_block_page() - the page that holds the process's data
 * @b:		the block
 * @i:		0 to 511
 *
 * Return: the page, or NULL if it is untouched or lost
 */
static inline struct page *dph_block_page(const struct dph_block *b,
					  unsigned int i)
{
	struct page *page = dph_overlay_entry(b->over, i);

	if (page)
		return dph_overlay_is_page(page) ? page : NULL;
	if (b->folio && test_bit(i, b->folio->populated))
		return dph_folio_page(b->folio, i);
	return NULL;
}

/* dph_block_touched() - is page @i not zeroes? Also if it is lost. */
bool dph_block_touched(const struct dph_block *b, unsigned int i);

/**
 * dph_block_exclusive() - is the folio ours alone, so that it may be written?
 * @b:		the block. It is unmapped if the answer needs that
 * @held:	a page to which the caller has one reference, or NULL
 *
 * Return: true if it is; false too if the block has no folio
 */
bool dph_block_exclusive(struct dph_block *b, struct page *held);

/* dph_block_quiesce() - unmap the block in this process; while it is locked */
void dph_block_quiesce(struct dph_block *b);

/**
 * dph_block_place() - a page is the block's process's alone
 * @b:		the block
 * @i:		0 to 511; 0 for the folio
 * @page:	new, or nobody else's any more; for the folio its first
 */
void dph_block_place(const struct dph_block *b, unsigned int i,
		     struct page *page);

/* dph_block_allow_huge() - tell the core how it may map @page, a locked one */
void dph_block_allow_huge(const struct dph_block *b, struct page *page);

/* dph_block_own_overlay() - make @over one that may be changed: 0 or -ENOMEM */
int dph_block_own_overlay(struct dph_block *b, gfp_t gfp);

/* dph_block_recount() - count @nr again, and drop an overlay that is empty */
void dph_block_recount(struct dph_block *b);

/**
 * dph_block_node() - where does the block lie?
 * @b:		the block
 *
 * Return: the node of its first single page; without one, the nearest node
 */
int dph_block_node(const struct dph_block *b);

#endif /* DPH_BLOCK_H */
