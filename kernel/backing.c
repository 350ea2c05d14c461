// SPDX-License-Identifier: GPL-2.0
/*
 * Which folio a block has, who else has it, and on which of reclaim's lists it
 * stands by that.
 */
#include "backing.h"
#include "lru.h"
#include "rss.h"

/*
 * On the lists stands the folio, as it says by its node and cgroup who gets the
 * memory back. A shared one is on none, as nobody would: it comes back when but
 * one block has it. That block's lock isn't held then, so @list is guarded by
 * the folio's lock until it is on a list, and by its owner's while it is.
 */
static enum dph_lru_list backing_list(const struct dph_folio *folio)
{
	if (dph_folio_shared(folio))
		return DPH_LRU_NONE;
	/* Who leaves an owner alone with it looks while he may change it. */
	return data_race(bitmap_full(folio->populated, DPH_BLOCK_PAGES)) ?
	       DPH_LRU_FULL : DPH_LRU_RESERVED;
}

/*
 * The folio's lock is held, or nobody else has the folio. As long as it is a
 * reservation, its user's list has it, too: also while a shrinker has it in hand.
 */
static void backing_put_on(struct dph_folio *folio, enum dph_lru_list list)
{
	if (list != DPH_LRU_RESERVED)
		dph_user_unreserve(folio->user, &folio->reserved);
	if (list == folio->list)
		return;
	if (folio->list != DPH_LRU_NONE)
		dph_lru_del(folio->list, &folio->lru, folio->core);
	folio->list = list;
	if (list == DPH_LRU_NONE)
		return;
	folio->owner = list_first_entry(&folio->blocks, struct dph_block,
					sharer);
	dph_lru_add(list, &folio->lru, folio->core);
	if (list == DPH_LRU_RESERVED && list_empty(&folio->reserved))
		dph_user_reserve(folio->user, &folio->reserved);
}

void dph_backing_relist(struct dph_block *b)
{
	struct dph_folio *folio = b->folio;

	lockdep_assert_held(&b->lock);
	/*
	 * Who leaves us alone with it may just be putting it on a list, by what
	 * he sees of it: then it isn't there yet, and we wait for him here.
	 */
	if (!folio || READ_ONCE(folio->list) == backing_list(folio))
		return;
	spin_lock(&folio->lock);
	backing_put_on(folio, backing_list(folio));
	spin_unlock(&folio->lock);
}

void dph_backing_isolated(struct dph_block *b)
{
	lockdep_assert_held(&b->lock);
	b->folio->list = DPH_LRU_NONE;
}

void dph_backing_set(struct dph_block *b, struct dph_folio *folio)
{
	dph_block_place(b, 0, dph_folio_page(folio, 0));
	b->folio = folio;
	spin_lock(&folio->lock);
	list_add(&b->sharer, &folio->blocks);
	spin_unlock(&folio->lock);
}

void dph_backing_move(struct dph_folio *folio, struct dph_folio *twin)
{
	struct dph_block *b;

	spin_lock(&folio->lock);
	backing_put_on(folio, DPH_LRU_NONE);
	list_splice_init(&folio->blocks, &twin->blocks);
	spin_unlock(&folio->lock);
	list_for_each_entry(b, &twin->blocks, sharer)
		b->folio = twin;
}

void dph_backing_share(struct dph_block *b, struct dph_block *other)
{
	struct dph_folio *folio = b->folio;

	other->folio = folio;
	spin_lock(&folio->lock);
	backing_put_on(folio, DPH_LRU_NONE);
	refcount_inc(&folio->users);
	list_add(&other->sharer, &folio->blocks);
	spin_unlock(&folio->lock);
	b->was_shared = true;
	other->was_shared = true;
}

void dph_backing_drop(struct dph_block *b,
		      void (*alone)(struct dph_block *other))
{
	struct dph_folio *folio = b->folio;
	bool last;

	if (!folio)
		return;
	b->folio = NULL;
	b->was_shared = false;
	spin_lock(&folio->lock);
	last = list_is_singular(&folio->blocks);
	if (last)
		backing_put_on(folio, DPH_LRU_NONE);
	list_del(&b->sharer);
	if (!last)
		refcount_dec(&folio->users);
	if (list_is_singular(&folio->blocks)) {
		backing_put_on(folio, backing_list(folio));
		if (alone)
			alone(list_first_entry(&folio->blocks,
					       struct dph_block, sharer));
	}
	spin_unlock(&folio->lock);
	if (last)
		dph_folio_put(folio);
}

void dph_backing_drop_hidden(struct dph_block *b)
{
	if (!b->folio || !b->over ||
	    b->over->nr + b->over->holes < DPH_BLOCK_PAGES)
		return;
	dph_backing_drop(b, NULL);
}

bool dph_backing_release(struct dph_block *b,
			 void (*alone)(struct dph_block *other))
{
	bool single = dph_overlay_put(b->over);

	dph_rss_hide(b);
	dph_backing_drop(b, alone);
	b->over = NULL;
	b->nr = 0;
	b->remap = false;
	b->given = false;
	b->lost = false;
	b->poisoned = false;
	return single;
}
