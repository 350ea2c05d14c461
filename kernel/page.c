// SPDX-License-Identifier: GPL-2.0
/*
 * Single pages come from the page allocator, charged to the memory cgroup of
 * the task that touches them, and count in the limits.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "held.h"
#include "limit.h"
#include "page.h"

struct folio *dph_page_raw(struct vm_fault *vmf, gfp_t gfp, unsigned int order)
{
	return vmf ? dph_compat_vma_alloc_folio(gfp, order, vmf->vma,
						vmf->address) :
		     folio_alloc(gfp, order);
}

/* The page that is counted for @user already; @folio may be NULL. */
static struct page *page_of(struct dph_user *user, struct folio *folio)
{
	struct page *page;

	if (!folio) {
		dph_limit_give(user, 1);
		return ERR_PTR(-ENOMEM);
	}
	page = folio_page(folio, 0);
	/* The overlays that hold it, see overlay.c. */
	set_page_private(page, 1);
	return page;
}

struct page *dph_page_alloc(struct dph_user *user, struct vm_fault *vmf,
			    gfp_t gfp)
{
	if (!dph_limit_take_needed(user))
		return ERR_PTR(-ENOSPC);
	return page_of(user, dph_page_raw(vmf, gfp, 0));
}

struct page *dph_page_alloc_near(struct dph_user *user, int nid, gfp_t gfp)
{
	/* Reclaim gives back more than it takes, but only afterwards. */
	dph_limit_force(user, 1);
	return page_of(user, __folio_alloc_node(gfp, 0, nid));
}

/*
 * The index first: who sees the mapping names a futex by it. Nobody waits by the
 * name that the memory had when it was shared: the core asks for the right to
 * write first, so that the process has had a page of its own. Only where it may
 * not write, in a read-only mapping, relatives that share a page meet.
 *
 * A clean page might be taken out of the page cache, where ours never was
 * (mapping_evict_folio(), from __do_fault() after a memory error).
 */
void dph_page_place(struct folio *core, struct address_space *mapping,
		    pgoff_t index)
{
	folio_set_dirty(core);
	core->index = index;
	/* Pairs with the order in which get_futex_key() reads them. */
	smp_store_release(&core->mapping, mapping);
}

void dph_page_displace_locked(struct folio *core)
{
	WRITE_ONCE(core->mapping, NULL);
}

/*
 * Whoever has the folio's lock may go on to the mapping (memory_failure()), and
 * its inode may be gone soon.
 */
void dph_page_displace(struct folio *core)
{
	if (!core->mapping)
		return;
	folio_lock(core);
	dph_page_displace_locked(core);
	folio_unlock(core);
}

void dph_page_free(struct dph_user *user, struct page *page)
{
	set_page_private(page, 0);
	dph_page_displace(page_folio(page));
	dph_held_put(user, page_folio(page));
}

/*
 * Where the processor can go on after an error, copy_mc_to_kernel() tells how much
 * it did not copy. As copy_mc_user_highpage(), which 6.1 does not have.
 */
int dph_page_copy(struct page *to, struct page *from)
{
	unsigned long left;
	void *src, *dst;

	if (PageHWPoison(from))
		return -EHWPOISON;
	src = kmap_local_page(from);
	dst = kmap_local_page(to);
	left = copy_mc_to_kernel(dst, src, PAGE_SIZE);
	kunmap_local(dst);
	kunmap_local(src);
	if (!left)
		return 0;
	memory_failure_queue(page_to_pfn(from), 0);
	/* It may be of a folio that counts as zeroed. */
	clear_highpage(to);
	return -EHWPOISON;
}

bool dph_page_is_zero(struct page *page)
{
	void *p;
	bool zero;

	if (PageHWPoison(page))
		return false;
	p = kmap_local_page(page);
	zero = !memchr_inv(p, 0, PAGE_SIZE);
	kunmap_local(p);
	return zero;
}
