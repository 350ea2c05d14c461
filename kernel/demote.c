// SPDX-License-Identifier: GPL-2.0
/*
 * How a block gives memory back: its folio for single pages when memory is
 * short, or what the process discards.
 */
#include <linux/highmem.h>
#include <linux/sched.h>

#include "demote.h"
#include "page.h"
#include "trace.h"

int dph_demote(struct dph_block *b, unsigned int first, unsigned int end,
	       gfp_t gfp)
{
	unsigned int i;
	int err = dph_block_own_overlay(b, gfp & ~__GFP_HIGHMEM);
	unsigned int copied = 0;

	if (err)
		return err;
	for_each_set_bit(i, b->folio->populated, DPH_BLOCK_PAGES) {
		struct page *from = dph_folio_page(b->folio, i);
		struct page *to;

		if ((i >= first && i < end) || b->over->slot[i])
			continue;
		if (dph_page_is_zero(from)) {
			__clear_bit(i, b->folio->populated);
			b->folio->promoted = false;
			continue;
		}
		to = dph_page_alloc(b->space->user, NULL, gfp);
		if (IS_ERR(to)) {
			dph_block_recount(b);
			return PTR_ERR(to);
		}
		copy_highpage(to, from);
		dph_overlay_set(b->over, i, to);
		copied++;
		cond_resched();
	}
	dph_block_drop_folio(b);
	b->remap = false;
	b->given = false;
	dph_block_recount(b);
	dph_count(&b->space->counts, DPH_DEMOTIONS, 1);
	trace_dphuge_demote(b, copied);
	return 0;
}

/*
 * Page @i of a quiesced block is to read as zero. That must not fail: munmap
 * has nobody to tell, and what it leaves would show again if a VMA grows there.
 * @in_place: the folio is ours alone, and nobody else looks at it.
 */
static void demote_hide(struct dph_block *b, unsigned int i, bool in_place)
{
	bool below = b->folio && test_bit(i, b->folio->populated);

	if (below && in_place) {
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
		touched += !!dph_block_page(b, i);
	if (!touched && n < DPH_BLOCK_PAGES)
		return;
	if (b->folio || b->over)
		dph_block_quiesce(b);
	dph_count(&b->space->counts, DPH_DISCARDS, touched);
	if (n == DPH_BLOCK_PAGES || (touched == b->nr && !b->lost)) {
		dph_block_release(b);
		trace_dphuge_discard(b, touched);
		return;
	}

	if (dph_block_exclusive(b, NULL) &&
	    folio_ref_count(b->folio->core) == 1)
		in_place = dph_demote(b, first, first + n, DPH_PAGE_GFP) != 0;
	for (i = first; i < first + n; i++)
		demote_hide(b, i, in_place);
	dph_block_recount(b);
	dph_block_relist(b);
	trace_dphuge_discard(b, touched);
}
