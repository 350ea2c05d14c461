// SPDX-License-Identifier: GPL-2.0
/*
 * A table of single pages: what lies on top of a shared folio, or stands in
 * for a folio where none could be had.
 *
 * After a fork the table is shared as it is. The first side that has to change
 * it clones it (512 pointers); the pages are then in two tables, counted in
 * page_private(), which is ours: the core asks a mapping about it only if the page
 * says that it has such data (PG_private).
 */
#include <linux/gfp.h>
#include <linux/slab.h>

#include "overlay.h"
#include "page.h"
#include "policy.h"

/* In page_private(), above the count: the page has been in a shared table. */
#define OVERLAY_SHARED_ONCE	BIT(30)

/* How many tables have @page. */
static atomic_long_t *overlay_sharers(struct page *page)
{
	BUILD_BUG_ON(sizeof(page->private) != sizeof(atomic_long_t));
	return (atomic_long_t *)&page->private;
}

static unsigned long overlay_count(unsigned long word)
{
	return word & ~OVERLAY_SHARED_ONCE;
}

void dph_overlay_page_share(struct page *page)
{
	atomic_long_or(OVERLAY_SHARED_ONCE, overlay_sharers(page));
	atomic_long_inc(overlay_sharers(page));
}

/* True: one table is left that has @page. */
static bool overlay_page_put(struct dph_overlay *over, struct page *page)
{
	unsigned long left;

	left = overlay_count(atomic_long_dec_return(overlay_sharers(page)));
	if (!left)
		dph_page_free(over->user, page);
	return left == 1;
}

bool dph_overlay_page_sole(struct page *page)
{
	return overlay_count(atomic_long_read(overlay_sharers(page))) == 1;
}

bool dph_overlay_page_was_shared(struct page *page)
{
	return atomic_long_read(overlay_sharers(page)) & OVERLAY_SHARED_ONCE;
}

void dph_overlay_page_claim(struct page *page)
{
	atomic_long_andnot(OVERLAY_SHARED_ONCE, overlay_sharers(page));
}

void dph_overlay_page_mark_shared(struct page *page)
{
	atomic_long_or(OVERLAY_SHARED_ONCE, overlay_sharers(page));
}

struct dph_overlay *dph_overlay_alloc(struct dph_user *user, gfp_t gfp)
{
	struct dph_overlay *over;

	BUILD_BUG_ON(DPH_BLOCK_PAGES * sizeof(*over->slot) != PAGE_SIZE);
	over = kzalloc(sizeof(*over), gfp);
	if (!over)
		return NULL;
	over->slot = (struct page **)__get_free_page(gfp | __GFP_ZERO);
	if (!over->slot) {
		kfree(over);
		return NULL;
	}
	refcount_set(&over->users, 1);
	over->user = user;
	return over;
}

struct dph_overlay *dph_overlay_clone(struct dph_overlay *from, gfp_t gfp)
{
	struct dph_overlay *over = dph_overlay_alloc(from->user, gfp);
	unsigned int i;

	if (!over)
		return NULL;
	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *page = from->slot[i];

		if (dph_overlay_is_page(page))
			dph_overlay_page_share(page);
		over->slot[i] = page;
	}
	over->nr = from->nr;
	over->holes = from->holes;
	return over;
}

bool dph_overlay_put(struct dph_overlay *over)
{
	bool single = false;
	unsigned int i;
	int users;

	if (!over)
		return false;
	if (!__refcount_dec_and_test(&over->users, &users))
		return users == 2;
	for (i = 0; i < DPH_BLOCK_PAGES; i++)
		if (dph_overlay_page(over, i))
			single |= overlay_page_put(over, over->slot[i]);
	free_page((unsigned long)over->slot);
	kfree(over);
	return single;
}

void dph_overlay_set(struct dph_overlay *over, unsigned int i,
		     struct page *page)
{
	struct page *old = over->slot[i];

	if (dph_overlay_is_page(old))
		over->nr--;
	else if (old)
		over->holes--;
	if (dph_overlay_is_page(page))
		over->nr++;
	else if (page)
		over->holes++;
	WRITE_ONCE(over->slot[i], page);
	if (dph_overlay_is_page(old))
		overlay_page_put(over, old);
}
