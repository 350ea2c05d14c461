// SPDX-License-Identifier: GPL-2.0
/*
 * What fork, and writes afterwards, do to a block.
 *
 * A fork shares folios and overlays by reference and unmaps the parent's pages,
 * or leaves 2 MiB ones mapped for reading, so that both sides fault before they
 * write. A write copies 4 KiB into an overlay of the writer's, never 2 MiB.
 *
 * A page that is pinned when the fork happens, for I/O in flight, stays with
 * the process that pinned it and the child gets a copy at once: else the
 * parent's next write would move it to a copy while the device still writes to
 * the old page (Documentation/core-api/pin_user_pages.rst). O_DIRECT takes plain
 * references instead of pins, on 6.1 always, and later on NFS, Ceph and 9p. So
 * any reference we can't explain counts as a pin; a pipe's (vmsplice) does too,
 * and shows what the parent writes afterwards, as it would without a fork.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>

#include "backing.h"
#include "cow.h"
#include "page.h"
#include "trace.h"
#include "vmas.h"

/* How often is a single page mapped? (page_mapcount() of an order-0 page) */
static int cow_map_count(struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}

bool dph_cow_writable(struct dph_block *b, unsigned int i, struct page *held)
{
	struct page *page = dph_overlay_entry(b->over, i);
	int references;

	if (!page)
		return dph_block_exclusive(b, held);
	if (!dph_overlay_is_page(page) || dph_overlay_shared(b->over) ||
	    !dph_overlay_page_sole(page))
		return false;
	if (!dph_overlay_page_was_shared(page))
		return true;
	/*
	 * A relative that is gone may have left a reference in a pipe. A mapping
	 * that goes in between is counted as a reference only, so it looks like
	 * somebody else's, and not the other way round: hence the order.
	 */
	references = page_ref_count(page);
	/* The references are read first. */
	smp_rmb();
	if (references != 1 + cow_map_count(page) + (held == page))
		return false;
	dph_overlay_page_claim(page);
	dph_block_place(b, i, page);
	return true;
}

int dph_cow_break(struct dph_block *b, struct vm_fault *vmf, unsigned int i)
{
	struct page *old = dph_block_page(b, i);
	struct page *new = dph_page_alloc(b->space->user, vmf, DPH_PAGE_GFP);
	int err;

	if (IS_ERR(new))
		return PTR_ERR(new);
	err = dph_page_copy(new, old);
	if (!err)
		err = dph_block_own_overlay(b, GFP_KERNEL_ACCOUNT);
	if (err) {
		dph_page_free(b->space->user, new);
		return err;
	}
	dph_block_place(b, i, new);
	/* As in dph_block_quiesce(), but for one page. */
	lock_page(old);
	unlock_page(old);
	/* First: it may be a relative's alone once it isn't ours. */
	dph_vmas_zap_fault(&b->space->vmas, vmf);
	dph_overlay_set(b->over, i, new);
	dph_backing_drop_hidden(b);
	dph_count(&b->space->counts, DPH_COPIES, 1);
	trace_dphuge_cow(b, 1);
	return 0;
}

bool dph_cow_settled(struct dph_block *b)
{
	bool poisoned = false;
	unsigned int i;

	if (dph_block_shared(b) || (b->folio && !dph_block_exclusive(b, NULL)))
		return false;
	for (i = 0; b->over && i < DPH_BLOCK_PAGES; i++) {
		struct page *page = dph_overlay_page(b->over, i);

		if (page && PageHWPoison(page))
			poisoned = true;
		else if (page && !dph_cow_writable(b, i, NULL))
			return false;
	}
	/* The core has these for ever. From here on nothing maps them. */
	if (poisoned)
		dph_block_quiesce(b);
	return true;
}

/* A copy of @pb's page @i for a child's block, or the mark that it is lost. */
static struct page *cow_copy_for(struct dph_block *cb, struct dph_block *pb,
				 unsigned int i, struct page *from)
{
	struct dph_space *space = pb->space;
	struct page *page = dph_page_alloc(space->user, NULL, DPH_PAGE_GFP);

	if (IS_ERR(page))
		return page;
	if (dph_page_copy(page, from)) {
		dph_page_free(space->user, page);
		return DPH_OVERLAY_POISON;
	}
	dph_block_place(cb, i, page);
	dph_count(&space->counts, DPH_FORK_COPIES, 1);
	return page;
}

/* Does I/O hold @page, which one table has? */
static bool cow_pinned(struct page *page)
{
	return dph_overlay_page_sole(page) && page_ref_count(page) != 1;
}

/* The child's overlay: the parent's, but for copies of pinned pages. */
static int cow_share_overlay(struct dph_block *pb, struct dph_block *cb)
{
	struct dph_overlay *over = pb->over;
	bool any_pinned = false;
	unsigned int i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++)
		if (dph_overlay_page(over, i))
			any_pinned |= !dph_overlay_shared(over) &&
				      cow_pinned(over->slot[i]);
	if (!any_pinned) {
		for (i = 0; i < DPH_BLOCK_PAGES; i++)
			if (dph_overlay_page(over, i))
				dph_overlay_page_mark_shared(over->slot[i]);
		refcount_inc(&over->users);
		cb->over = over;
		return 0;
	}

	cb->over = dph_overlay_alloc(cb->space->user, GFP_KERNEL_ACCOUNT);
	if (!cb->over)
		return -ENOMEM;
	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *page = over->slot[i];

		if (!dph_overlay_is_page(page)) {
			dph_overlay_set(cb->over, i, page);
			continue;
		}
		if (cow_pinned(page)) {
			page = cow_copy_for(cb, pb, i, page);
			if (IS_ERR(page))
				return PTR_ERR(page);
		} else {
			dph_overlay_page_share(page);
		}
		dph_overlay_set(cb->over, i, page);
	}
	return 0;
}

/* The parent's folio is pinned and stays its own: the child gets a copy. */
static int cow_copy_folio(struct dph_block *pb, struct dph_block *cb)
{
	struct dph_space *parent = pb->space;
	struct dph_folio *from = pb->folio;
	const struct dph_folio_owner owner = dph_space_owner(cb->space);
	struct dph_folio *folio = dph_folio_alloc(&owner, NULL);
	unsigned int i;
	int err = 0;

	dph_count(&parent->counts, DPH_FALLBACKS, !folio);
	for_each_set_bit(i, from->populated, DPH_BLOCK_PAGES) {
		struct page *page = dph_folio_page(from, i);

		cond_resched();
		if (folio && !dph_page_copy(dph_folio_page(folio, i), page)) {
			__set_bit(i, folio->populated);
			dph_count(&parent->counts, DPH_FORK_COPIES, 1);
			continue;
		}
		if (dph_overlay_entry(cb->over, i))
			continue;
		page = folio ? DPH_OVERLAY_POISON :
			       cow_copy_for(cb, pb, i, page);
		err = IS_ERR(page) ? PTR_ERR(page) :
		      dph_block_own_overlay(cb, GFP_KERNEL_ACCOUNT);
		if (err)
			goto out;
		dph_overlay_set(cb->over, i, page);
	}
	if (folio) {
		folio->promoted = from->promoted &&
				  bitmap_full(folio->populated, DPH_BLOCK_PAGES);
		dph_backing_set(cb, folio);
		folio = NULL;
	}
out:
	dph_folio_put(folio);
	return err;
}

void dph_cow_share(struct dph_block *pb, struct dph_block *cb, bool held)
{
	int err = 0;

	cb->nr = pb->nr;
	cb->lost = pb->lost;
	if (pb->over)
		err = cow_share_overlay(pb, cb);
	if (pb->folio && !err) {
		if (!dph_folio_shared(pb->folio) && held)
			err = cow_copy_folio(pb, cb);
		else
			dph_backing_share(pb, cb);
	}
	if (err)
		cb->lost = true;
	pb->remap = dph_block_full(pb);
	cb->remap = dph_block_full(cb);
	dph_backing_relist(pb);
	dph_backing_relist(cb);
}
