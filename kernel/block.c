// SPDX-License-Identifier: GPL-2.0
/*
 * The state of one 2 MiB block.
 *
 * The first touch reserves an order-9 folio, but clears and maps only the
 * 4 KiB touched. When enough pages have been touched the rest is cleared and
 * the folio is full: it may be mapped by one PMD, where it lies, without a
 * copy. (Reservations: Navarro et al., "Practical, transparent operating system
 * support for superpages", OSDI 2002.) A block that could not get a folio lives
 * on single pages in an overlay, and is collapsed into a folio, with a copy,
 * when it is dense.
 *
 * This file knows what a block has and who else has it. What changes it stands
 * in touch.c, promote.c, demote.c and cow.c.
 */
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "block.h"
#include "compat.h"
#include "page.h"
#include "vmas.h"

bool dph_block_touched(const struct dph_block *b, unsigned int i)
{
	return dph_block_page(b, i) ||
	       dph_overlay_entry(b->over, i) == DPH_OVERLAY_POISON;
}

/*
 * On the lists stands the folio, as it says by its node and cgroup who gets the
 * memory back. A shared one is on none, as nobody would: it comes back when but
 * one block has it. That block's lock isn't held then, so @list is guarded by
 * the folio's lock until it is on a list, and by its owner's while it is.
 */
static enum dph_lru_list block_list(const struct dph_folio *folio)
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
static void block_put_on(struct dph_folio *folio, enum dph_lru_list list)
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

void dph_block_relist(struct dph_block *b)
{
	struct dph_folio *folio = b->folio;

	lockdep_assert_held(&b->lock);
	/*
	 * Who leaves us alone with it may just be putting it on a list, by what
	 * he sees of it: then it isn't there yet, and we wait for him here.
	 */
	if (!folio || READ_ONCE(folio->list) == block_list(folio))
		return;
	spin_lock(&folio->lock);
	block_put_on(folio, block_list(folio));
	spin_unlock(&folio->lock);
}

void dph_block_isolated(struct dph_block *b)
{
	lockdep_assert_held(&b->lock);
	b->folio->list = DPH_LRU_NONE;
}

/*
 * Each process of a family has a range of the file of its own, so its pages have
 * other names than its relatives'.
 */
void dph_block_place(const struct dph_block *b, unsigned int i,
		     struct page *page)
{
	const struct dph_space *space = b->space;
	struct folio *core = page_folio(page);

	if (space->base == DPH_SPACE_NOWHERE)
		dph_page_displace(core);
	else
		dph_page_place(core, space->vmas.mapping,
			       space->base + (b->idx << DPH_BLOCK_SHIFT) + i);
}

void dph_block_set_folio(struct dph_block *b, struct dph_folio *folio)
{
	dph_block_place(b, 0, dph_folio_page(folio, 0));
	b->folio = folio;
	spin_lock(&folio->lock);
	list_add(&b->sharer, &folio->blocks);
	spin_unlock(&folio->lock);
}

void dph_block_share_folio(struct dph_block *b, struct dph_block *other)
{
	struct dph_folio *folio = b->folio;

	other->folio = folio;
	spin_lock(&folio->lock);
	block_put_on(folio, DPH_LRU_NONE);
	refcount_inc(&folio->users);
	list_add(&other->sharer, &folio->blocks);
	spin_unlock(&folio->lock);
	b->was_shared = true;
	other->was_shared = true;
}

void dph_block_drop_folio(struct dph_block *b,
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
		block_put_on(folio, DPH_LRU_NONE);
	list_del(&b->sharer);
	if (!last)
		refcount_dec(&folio->users);
	if (list_is_singular(&folio->blocks)) {
		block_put_on(folio, block_list(folio));
		if (alone)
			alone(list_first_entry(&folio->blocks,
					       struct dph_block, sharer));
	}
	spin_unlock(&folio->lock);
	if (last)
		dph_folio_put(folio);
}

/*
 * A folio of which not all shows must never be mapped by a PMD: its pages may not
 * be cleared yet, or lie under an overlay. A relative that shares the folio may
 * see it differently, so each fault says it anew.
 */
void dph_block_allow_huge(const struct dph_block *b, struct page *page)
{
	struct folio *core = page_folio(page);

	if (b->folio && core == b->folio->core)
		dph_compat_allow_pmd(core, dph_block_huge(b));
}

/*
 * A fault that had the page before we took the block's lock still has the folio
 * lock until its page-table entry is in place: wait for that, then zap.
 */
void dph_block_quiesce(struct dph_block *b)
{
	unsigned int i;

	if (b->folio) {
		folio_lock(b->folio->core);
		folio_unlock(b->folio->core);
	}
	for (i = 0; b->over && i < DPH_BLOCK_PAGES; i++) {
		struct page *page = dph_overlay_page(b->over, i);

		if (page) {
			lock_page(page);
			unlock_page(page);
		}
	}
	dph_vmas_zap(&b->space->vmas, b->idx << DPH_BLOCK_SHIFT,
		     DPH_BLOCK_PAGES,
		     b->vma_locked ? DPH_VMAS_TRY : DPH_VMAS_LOCKED);
}

/*
 * A relative that shared the folio may be gone but have left references behind,
 * in a pipe for example: then it must not see what we write from now on.
 */
bool dph_block_exclusive(struct dph_block *b, struct page *held)
{
	int refs = 1;

	if (!b->folio || dph_folio_shared(b->folio))
		return false;
	if (!b->was_shared)
		return true;
	dph_block_quiesce(b);
	if (held && page_folio(held) == b->folio->core)
		refs++;
	if (folio_ref_count(b->folio->core) != refs)
		return false;
	b->was_shared = false;
	dph_block_place(b, 0, dph_folio_page(b->folio, 0));
	return true;
}

int dph_block_own_overlay(struct dph_block *b, gfp_t gfp)
{
	struct dph_overlay *over = b->over;

	if (over && !dph_overlay_shared(over))
		return 0;
	over = over ? dph_overlay_clone(over, gfp) :
		      dph_overlay_alloc(b->space->user, gfp);
	if (!over)
		return -ENOMEM;
	dph_overlay_put(b->over);
	b->over = over;
	return 0;
}

void dph_block_drop_hidden_folio(struct dph_block *b)
{
	if (!b->folio || !b->over ||
	    b->over->nr + b->over->holes < DPH_BLOCK_PAGES)
		return;
	dph_block_drop_folio(b, NULL);
}

bool dph_block_release(struct dph_block *b,
		       void (*alone)(struct dph_block *other))
{
	bool single = dph_overlay_put(b->over);

	dph_block_drop_folio(b, alone);
	b->over = NULL;
	b->nr = 0;
	b->remap = false;
	b->given = false;
	b->lost = false;
	return single;
}

void dph_block_recount(struct dph_block *b)
{
	unsigned int i;

	for (b->nr = 0, i = 0; i < DPH_BLOCK_PAGES; i++)
		b->nr += dph_block_touched(b, i);
	if (b->over && !b->over->nr && !b->over->holes &&
	    !dph_overlay_shared(b->over)) {
		dph_overlay_put(b->over);
		b->over = NULL;
	}
}

int dph_block_node(const struct dph_block *b)
{
	unsigned int i;

	for (i = 0; b->over && i < DPH_BLOCK_PAGES; i++)
		if (dph_overlay_page(b->over, i))
			return page_to_nid(b->over->slot[i]);
	return numa_mem_id();
}
