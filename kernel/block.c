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
