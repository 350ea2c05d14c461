// SPDX-License-Identifier: GPL-2.0
/*
 * Fork, and writes afterwards.
 *
 * A fork shares bases and overlays by reference and unmaps the parent's pages,
 * or leaves 2 MiB ones mapped for reading, so that both sides fault before they
 * write. A write copies 4 KiB into an
 * overlay of the writer's, never 2 MiB.
 *
 * A page that is pinned when the fork happens, for I/O in flight, stays with
 * the process that pinned it and the child gets a copy at once: else the
 * parent's next write would move it to a copy while the device still writes to
 * the old page (Documentation/core-api/pin_user_pages.rst). On 6.1 O_DIRECT
 * takes plain references, so any reference we can't explain counts as a pin.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>

#include "dphuge.h"
#include "trace.h"

/* How often is a single page mapped? (page_mapcount() of an order-0 page) */
static int map_count(struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}

/*
 * Is page @i of the block the process's own, so that it may write it? @held:
 * the page if the caller has a reference to it, or NULL.
 */
bool dph_cow_writable(struct dph_block *b, unsigned int i, struct page *held)
{
	struct page *page = dph_overlay_page(b->over, i);

	if (!page)
		return dph_block_exclusive(b, held);
	if (page == DPH_HOLE || refcount_read(&b->over->users) > 1 ||
	    !dph_overlay_page_sole(page))
		return false;
	if (!dph_overlay_page_was_shared(page))
		return true;
	/* A relative that is gone may have left a reference in a pipe. */
	if (page_ref_count(page) != 1 + map_count(page) + (held == page))
		return false;
	dph_overlay_page_claim(page);
	return true;
}

/* Give the process a page @i of its own. 0, -ENOMEM or -ENOSPC. */
int dph_cow_break(struct dph_block *b, struct vm_fault *vmf, unsigned int i)
{
	struct page *old = dph_block_page(b, i);
	struct page *new = dph_page_alloc(b->region->user, vmf, DPH_GFP_PAGE);
	int err;

	if (IS_ERR(new))
		return PTR_ERR(new);
	err = dph_block_own_overlay(b, GFP_KERNEL_ACCOUNT);
	if (err) {
		dph_page_free(b->region->user, new);
		return err;
	}
	copy_highpage(new, old);
	/* As dph_block_quiesce(), for one page. */
	lock_page(old);
	unlock_page(old);
	dph_overlay_set(b->over, i, new);
	dph_region_zap(b->region, (b->idx << DPH_BLOCK_SHIFT) + i, 1);
	dph_block_drop_hidden_base(b);
	dph_count(b->region, DPH_COPIES, 1);
	trace_dphuge_cow(b, 1);
	return 0;
}

/*
 * The process has no relatives any more. Are all of the block's pages its own
 * for good, so that no write needs to be looked at?
 */
bool dph_cow_settle(struct dph_block *b)
{
	unsigned int i;

	if (dph_block_shared(b) || (b->base && !dph_block_exclusive(b, NULL)))
		return false;
	for (i = 0; b->over && i < DPH_BLOCK_PAGES; i++) {
		struct page *page = b->over->slot[i];

		if (page && page != DPH_HOLE && !dph_cow_writable(b, i, NULL))
			return false;
	}
	return true;
}

static struct page *copy_of(struct dph_region *r, struct page *from)
{
	struct page *page = dph_page_alloc(r->user, NULL, DPH_GFP_PAGE);

	if (!IS_ERR(page)) {
		copy_highpage(page, from);
		dph_count(r, DPH_FORK_COPIES, 1);
	}
	return page;
}

static bool pinned(struct page *page)
{
	return dph_overlay_page_sole(page) && page_ref_count(page) != 1;
}

/* The child's overlay: the parent's, but for copies of pinned pages. */
static int share_overlay(struct dph_block *pb, struct dph_block *cb)
{
	struct dph_overlay *over = pb->over;
	bool any_pinned = false;
	unsigned int i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++)
		if (over->slot[i] && over->slot[i] != DPH_HOLE)
			any_pinned |= refcount_read(&over->users) == 1 &&
				      pinned(over->slot[i]);
	if (!any_pinned) {
		for (i = 0; i < DPH_BLOCK_PAGES; i++)
			if (over->slot[i] && over->slot[i] != DPH_HOLE)
				dph_overlay_page_mark_shared(over->slot[i]);
		refcount_inc(&over->users);
		cb->over = over;
		return 0;
	}

	cb->over = dph_overlay_alloc(cb->region->user, GFP_KERNEL_ACCOUNT);
	if (!cb->over)
		return -ENOMEM;
	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *page = over->slot[i];

		if (!page || page == DPH_HOLE) {
			dph_overlay_set(cb->over, i, page);
			continue;
		}
		if (pinned(page)) {
			page = copy_of(pb->region, page);
			if (IS_ERR(page))
				return PTR_ERR(page);
		} else {
			dph_overlay_page_share(page);
		}
		dph_overlay_set(cb->over, i, page);
	}
	return 0;
}

/* The parent's base is pinned and stays its own: the child gets a copy. */
static int copy_base(struct dph_block *pb, struct dph_block *cb)
{
	struct dph_region *parent = pb->region;
	struct dph_base *from = pb->base;
	struct dph_base *base = dph_base_alloc(parent->user, NULL);
	unsigned int i;
	int err;

	if (!base) {
		dph_count(parent, DPH_FALLBACKS, 1);
		err = dph_block_own_overlay(cb, GFP_KERNEL_ACCOUNT);
		if (err)
			return err;
	}
	for_each_set_bit(i, from->populated, DPH_BLOCK_PAGES) {
		if (base) {
			copy_highpage(folio_page(base->folio, i),
				      folio_page(from->folio, i));
			dph_count(parent, DPH_FORK_COPIES, 1);
		} else if (!cb->over->slot[i]) {
			struct page *page;

			page = copy_of(parent, folio_page(from->folio, i));
			if (IS_ERR(page))
				return PTR_ERR(page);
			dph_overlay_set(cb->over, i, page);
		}
		cond_resched();
	}
	if (base) {
		bitmap_copy(base->populated, from->populated, DPH_BLOCK_PAGES);
		base->promoted = from->promoted;
		cb->base = base;
	}
	return 0;
}

/*
 * Make @cb, an empty block of a child, the copy-on-write twin of @pb. The
 * parent's mmap_lock is held for write, and its pages are unmapped, but for one
 * read-only PMD if @mapped. Memory that runs out is the child's loss: its block
 * raises SIGBUS.
 */
void dph_cow_fork_block(struct dph_block *pb, struct dph_block *cb,
			bool mapped)
{
	int err = 0;

	cb->nr = pb->nr;
	cb->lost = pb->lost;
	if (pb->over)
		err = share_overlay(pb, cb);
	if (pb->base && !err) {
		if (refcount_read(&pb->base->users) == 1 &&
		    folio_ref_count(pb->base->folio) != 1 + mapped) {
			err = copy_base(pb, cb);
		} else {
			refcount_inc(&pb->base->users);
			cb->base = pb->base;
			pb->was_shared = true;
			cb->was_shared = true;
		}
	}
	if (err)
		cb->lost = true;
	pb->remap = dph_block_full(pb);
	cb->remap = dph_block_full(cb);
	dph_reclaim_update(pb);
	dph_reclaim_update(cb);
}
