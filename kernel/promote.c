// SPDX-License-Identifier: GPL-2.0
/*
 * How a block becomes a 2 MiB page: in place where it has a folio, else by a
 * copy into one.
 */
#include <linux/highmem.h>
#include <linux/sched.h>

#include "backing.h"
#include "held.h"
#include "page.h"
#include "promote.h"
#include "trace.h"

void dph_promote_fell_back(struct dph_block *b)
{
	dph_count(&b->space->counts, DPH_FALLBACKS, 1);
	trace_dphuge_fallback(b, DPH_BLOCK_PAGES);
}

void dph_promote_fill(struct dph_block *b)
{
	struct dph_folio *folio = b->folio;
	unsigned int missing = DPH_BLOCK_PAGES -
			       bitmap_weight(folio->populated, DPH_BLOCK_PAGES);
	unsigned int from, to;

	if (!folio->zeroed)
		for_each_clear_bitrange(from, to, folio->populated,
					DPH_BLOCK_PAGES)
			dph_folio_clear(folio, from, to);
	bitmap_fill(folio->populated, DPH_BLOCK_PAGES);
	folio->promoted = true;
	b->nr = DPH_BLOCK_PAGES;
	b->retracted = false;
	dph_count(&b->space->counts, DPH_PROMOTIONS, 1);
	trace_dphuge_promote(b, missing);
}

/*
 * Has any of its memory an error? Then it stays in single pages. Asked before all
 * is copied, beside which it is cheap.
 */
static bool promote_poisoned(struct dph_block *b)
{
	bool found = b->folio && dph_held_poisoned(b->folio->core);
	unsigned int i;

	for (i = 0; b->over && i < DPH_BLOCK_PAGES && !found; i++) {
		struct page *page = b->over->slot[i];

		found = page == DPH_OVERLAY_POISON ||
			(dph_overlay_is_page(page) && PageHWPoison(page));
	}
	WRITE_ONCE(b->poisoned, found);
	return found;
}

/* Can all overlay pages be moved? Not those that I/O or a relative holds. */
static bool promote_movable(struct dph_overlay *over)
{
	unsigned int i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *page = dph_overlay_page(over, i);

		if (page &&
		    (!dph_overlay_page_sole(page) || page_ref_count(page) != 1))
			return false;
	}
	return true;
}

/*
 * Copy the overlay, which has no lost page, into the folio, or into *@spare if
 * there is none. False: a relative or I/O holds a page, or one has an error.
 */
static bool promote_merge(struct dph_block *b, struct dph_folio **spare)
{
	struct dph_folio *folio = b->folio ?: *spare;
	unsigned int i;

	if (dph_overlay_shared(b->over) ||
	    (b->folio && !dph_block_exclusive(b, NULL)))
		return false;
	dph_block_quiesce(b);
	/* I/O may hold pages of the overlay, or hidden ones of the folio. */
	if (!promote_movable(b->over) || folio_ref_count(folio->core) != 1) {
		dph_count(&b->space->counts, DPH_PROMOTE_ABORTS, 1);
		return false;
	}
	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *from = b->over->slot[i];
		struct page *to = dph_folio_page(folio, i);

		if (from == DPH_OVERLAY_HOLE) {
			clear_highpage(to);
			__clear_bit(i, folio->populated);
		} else if (from) {
			/* So far the overlay hides what has been copied. */
			if (dph_page_copy(to, from))
				return false;
			__set_bit(i, folio->populated);
		}
		cond_resched();
	}
	if (folio == *spare)
		*spare = NULL;
	dph_count(&b->space->counts, DPH_PROMOTE_COPIES, b->over->nr);
	trace_dphuge_fold(b, b->over->nr);
	dph_overlay_put(b->over);
	b->over = NULL;
	if (!b->folio)
		dph_backing_set(b, folio);
	return true;
}

void dph_promote_collapse(struct dph_block *b, struct vm_fault *vmf)
{
	const struct dph_folio_owner owner = dph_space_owner(b->space);
	struct dph_folio *spare = NULL;

	if (promote_poisoned(b))
		return;
	if (!b->folio) {
		spare = dph_folio_alloc(&owner, vmf);
		if (!spare) {
			dph_promote_fell_back(b);
			b->later = true;
			return;
		}
	}
	if (promote_merge(b, &spare))
		dph_promote_fill(b);
	else
		b->later = true;
	dph_folio_put(spare);
}

bool dph_promote_wants_folio(const struct dph_block *b)
{
	/* Without the block's lock: dph_promote_tidy() asks again with it. */
	unsigned int nr = data_race(b->over && !b->folio ? b->nr : 0);

	return nr && !READ_ONCE(b->poisoned) &&
	       dph_policy_repair(nr, READ_ONCE(b->space->percent));
}

enum dph_promote_result dph_promote_tidy(struct dph_block *b,
					 struct dph_folio **spare)
{
	bool was_full = dph_block_full(b);
	bool repair = dph_promote_wants_folio(b);

	if (dph_block_shared(b) || promote_poisoned(b))
		return DPH_PROMOTE_DONE;
	if (b->over && (b->folio || (repair && *spare))) {
		if (!promote_merge(b, spare)) {
			dph_backing_relist(b);
			return DPH_PROMOTE_LATER;
		}
		dph_count(&b->space->counts, repair ? DPH_REPAIRS : DPH_FOLDS,
			  1);
		dph_block_recount(b);
		if (was_full ||
		    dph_policy_promote(b->nr, READ_ONCE(b->space->percent))) {
			dph_promote_fill(b);
			b->remap = true;
		}
		dph_backing_relist(b);
	}
	if (!b->remap || !dph_block_huge(b))
		return DPH_PROMOTE_DONE;
	/* What relatives left behind may still be looked at through a pipe. */
	if (!dph_block_exclusive(b, NULL))
		return DPH_PROMOTE_LATER;
	b->remap = false;
	return DPH_PROMOTE_MAP;
}
