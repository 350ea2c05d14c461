// SPDX-License-Identifier: GPL-2.0
/*
 * How a block gives memory back: its folio for single pages when memory is
 * short, or what the process discards.
 */
#include <linux/highmem.h>
#include <linux/sched.h>

#include "backing.h"
#include "demote.h"
#include "page.h"
#include "rss.h"
#include "trace.h"

/*
 * A process that discards pages has its own memory policy. Reclaim runs in
 * whichever task needs memory, so it takes that of the folio's node if it can.
 */
static struct page *demote_alloc(struct dph_block *b, gfp_t gfp)
{
	return gfp & __GFP_DIRECT_RECLAIM ?
	       dph_page_alloc(b->space->user, NULL, gfp) :
	       dph_page_alloc_near(b->space->user,
				   folio_nid(b->folio->core), gfp);
}

int dph_demote(struct dph_block *b, unsigned int first, unsigned int end,
	       gfp_t gfp)
{
	DECLARE_BITMAP(done, DPH_BLOCK_PAGES) = { 0 };
	unsigned int i;
	int err = dph_block_own_overlay(b, gfp & ~__GFP_HIGHMEM);
	unsigned int copied = 0;
	struct page *to;

	if (err)
		return err;
	for_each_set_bit(i, b->folio->populated, DPH_BLOCK_PAGES) {
		struct page *from = dph_folio_page(b->folio, i);

		if ((i >= first && i < end) || b->over->slot[i])
			continue;
		if (dph_page_is_zero(from)) {
			__clear_bit(i, b->folio->populated);
			b->folio->promoted = false;
			continue;
		}
		to = demote_alloc(b, gfp);
		if (IS_ERR(to))
			goto undo;
		if (!dph_page_copy(to, from)) {
			dph_block_place(b, i, to);
			copied++;
		} else {
			dph_page_free(b->space->user, to);
			/* Just found: the folio can't go before it is marked. */
			to = PageHWPoison(from) ? DPH_OVERLAY_POISON :
						  ERR_PTR(-EHWPOISON);
			if (IS_ERR(to))
				goto undo;
		}
		dph_overlay_set(b->over, i, to);
		__set_bit(i, done);
		cond_resched();
	}
	dph_rss_hide(b);
	dph_backing_drop(b, NULL);
	b->remap = false;
	b->given = false;
	dph_block_recount(b);
	dph_count(&b->space->counts, DPH_DEMOTIONS, 1);
	trace_dphuge_demote(b, copied);
	return 0;

undo:
	/* The folio has the same. */
	err = PTR_ERR(to);
	for_each_set_bit(i, done, DPH_BLOCK_PAGES)
		dph_overlay_set(b->over, i, NULL);
	dph_block_recount(b);
	return err;
}

/*
 * Page @i of a quiesced block is to read as zero. That must not fail: munmap
 * has nobody to tell, and what it leaves would show again if a VMA grows there.
 * @in_place: the folio is ours alone, and nobody else looks at it.
 */
static void demote_hide(struct dph_block *b, unsigned int i, bool in_place)
{
	bool below = b->folio && test_bit(i, b->folio->populated);

	if (below && in_place && !PageHWPoison(dph_folio_page(b->folio, i))) {
		clear_highpage(dph_folio_page(b->folio, i));
		__clear_bit(i, b->folio->populated);
		b->folio->promoted = false;
		below = false;
	}
	if (below || b->over) {
		dph_block_own_overlay(b, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
		dph_overlay_set(b->over, i, below ? DPH_OVERLAY_HOLE : NULL);
	}
}

void dph_demote_discard(struct dph_block *b, unsigned int first, unsigned int n)
{
	unsigned int touched = 0;
	unsigned int i;
	bool in_place = false;

	for (i = first; i < first + n; i++)
		touched += dph_block_touched(b, i);
	if (!touched && n < DPH_BLOCK_PAGES)
		return;
	if (b->folio || b->over)
		dph_block_quiesce(b);
	dph_count(&b->space->counts, DPH_DISCARDS, touched);
	WRITE_ONCE(b->poisoned, false);
	if (n == DPH_BLOCK_PAGES || (touched == b->nr && !b->lost)) {
		dph_backing_release(b, NULL);
		trace_dphuge_discard(b, touched);
		return;
	}

	if (dph_block_exclusive(b, NULL) &&
	    folio_ref_count(b->folio->core) == 1)
		in_place = dph_demote(b, first, first + n, DPH_PAGE_GFP) != 0;
	for (i = first; i < first + n; i++)
		demote_hide(b, i, in_place);
	dph_block_recount(b);
	dph_backing_relist(b);
	trace_dphuge_discard(b, touched);
}
