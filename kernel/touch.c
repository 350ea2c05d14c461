// SPDX-License-Identifier: GPL-2.0
/*
 * The first touch of a block, and of each of its pages: what they get, and
 * whether the block becomes a 2 MiB page by that.
 */
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "backing.h"
#include "blocks.h"
#include "cow.h"
#include "held.h"
#include "limit.h"
#include "page.h"
#include "pool.h"
#include "promote.h"
#include "touch.h"

/* What block @idx, a neighbour, tells about a block. */
static enum dph_policy_density touch_density(struct dph_space *space,
					     unsigned long idx)
{
	struct dph_block *b = dph_blocks_find(space, idx);
	enum dph_policy_density seen = DPH_UNKNOWN;

	/* We hold our own block's lock, so we don't wait for another's. */
	if (!b || !mutex_trylock(&b->lock))
		return DPH_UNKNOWN;
	if (b->given && dph_block_full(b)) {
		unsigned int step = DPH_BLOCK_PAGES / DPH_SAMPLES;
		unsigned int nonzero = 0;
		unsigned int i;

		for (i = step / 2; i < DPH_BLOCK_PAGES; i += step)
			nonzero += !dph_page_is_zero(dph_folio_page(b->folio, i));
		seen = dph_policy_sampled(nonzero);
		space->trust = dph_policy_trust(space->trust, seen);
	} else {
		seen = dph_policy_counted(b->nr);
	}
	mutex_unlock(&b->lock);
	return seen;
}

/* The first touch of the whole block: which kind is it to be? */
static enum dph_policy_choice touch_choose(struct dph_block *b)
{
	struct dph_space *space = b->space;
	struct dph_policy_input in = {
		.percent = READ_ONCE(space->percent),
		.adaptive = READ_ONCE(space->adaptive),
		.memory = dph_limit_memory(),
	};

	if (in.adaptive && in.memory == DPH_MEMORY_PLENTY) {
		in.left = touch_density(space, b->idx - 1);
		in.right = touch_density(space, b->idx + 1);
	}
	in.trust = space->trust;
	return dph_policy_choose(&in);
}

/* The first touch of a block gets it a folio, if that is the choice. */
static void touch_first(struct dph_block *b, struct vm_fault *vmf)
{
	const struct dph_folio_owner owner = dph_space_owner(b->space);
	enum dph_policy_choice choice = touch_choose(b);
	struct dph_folio *folio = NULL;

	if (choice == DPH_HUGE) {
		folio = dph_pool_take(&owner, vmf);
		dph_count(&b->space->counts, DPH_POOL_HITS, !!folio);
	}
	if (choice != DPH_SINGLE && !folio)
		folio = dph_folio_alloc(&owner, vmf);
	if (folio)
		dph_backing_set(b, folio);
	if (!folio) {
		dph_promote_fell_back(b);
	} else if (choice == DPH_HUGE) {
		if (READ_ONCE(b->space->percent)) {
			b->given = true;
			dph_count(&b->space->counts, DPH_GIVEN, 1);
		}
		dph_promote_fill(b);
	}
}

static bool touch_promoted(const struct dph_block *b)
{
	return b->folio && b->folio->promoted;
}

/* First touch of page @i. @whole: the block could be mapped by a PMD. */
static struct page *touch_populate(struct dph_block *b, struct vm_fault *vmf,
				   unsigned int i, bool whole)
{
	struct page *page;

	if (!b->folio && !b->over && whole) {
		touch_first(b, vmf);
		if (touch_promoted(b))
			return dph_folio_page(b->folio, i);
	}
	if (!dph_overlay_entry(b->over, i) && dph_block_exclusive(b, NULL) &&
	    !PageHWPoison(dph_folio_page(b->folio, i))) {
		page = dph_folio_page(b->folio, i);
		if (!b->folio->zeroed)
			clear_highpage(page);
		__set_bit(i, b->folio->populated);
	} else {
		int err;

		page = dph_page_alloc(b->space->user, vmf,
				      DPH_PAGE_GFP | __GFP_ZERO);
		if (IS_ERR(page))
			return page;
		err = dph_block_own_overlay(b, GFP_KERNEL_ACCOUNT);
		if (err) {
			dph_page_free(b->space->user, page);
			return ERR_PTR(err);
		}
		dph_block_place(b, i, page);
		dph_overlay_set(b->over, i, page);
		dph_backing_drop_hidden(b);
	}
	b->nr++;
	b->referenced = true;
	return page;
}

struct page *dph_touch_page(struct dph_block *b, struct vm_fault *vmf,
			    bool write, bool whole)
{
	unsigned int i = vmf->pgoff & DPH_BLOCK_MASK;
	unsigned int percent = READ_ONCE(b->space->percent);
	struct page *page = dph_block_page(b, i);

	if (b->lost)
		return ERR_PTR(-ENODATA);
	if (page) {
		if (PageHWPoison(page))
			return ERR_PTR(-EHWPOISON);
		if (write && READ_ONCE(b->space->forked) &&
		    !dph_cow_writable(b, i, NULL)) {
			int err = dph_cow_break(b, vmf, i);

			if (err)
				return ERR_PTR(err);
		}
		goto out;
	}

	if (dph_overlay_entry(b->over, i) == DPH_OVERLAY_POISON)
		return ERR_PTR(-EHWPOISON);
	/*
	 * What was never touched stays a hole: a core dump reads everything, and
	 * the worker, which must not allocate, maps what it has just seen, but
	 * the process may have discarded that.
	 */
	if (current->flags & (PF_DUMPCORE | PF_MEMALLOC))
		return ERR_PTR(-ENODATA);
	page = touch_populate(b, vmf, i, whole);
	if (IS_ERR(page))
		return page;
	/* A 2 MiB page from the start, or too short for a PMD. */
	if (!whole || touch_promoted(b))
		goto out;
	if (b->over) {
		if (dph_policy_retry(b->nr, percent))
			dph_promote_collapse(b, vmf);
	} else if (dph_policy_promote(b->nr, percent) &&
		   !dph_held_poisoned(b->folio->core)) {
		dph_promote_fill(b);
		b->space->trust = dph_policy_trust(b->space->trust, DPH_DENSE);
	}
out:
	dph_backing_relist(b);
	return dph_block_page(b, i);
}
