// SPDX-License-Identifier: GPL-2.0
/*
 * The life of one 2 MiB block.
 *
 * The first touch reserves an order-9 folio, the base, but clears and maps
 * only the 4 KiB touched. When enough pages have been touched the rest is
 * cleared and the base is full: it may be mapped by one PMD, where it lies,
 * without a copy. (Reservations: Navarro et al., "Practical, transparent
 * operating system support for superpages", OSDI 2002.) A block that could not
 * get a folio lives on single pages in an overlay, and is collapsed into a
 * folio, with a copy, when it is dense.
 *
 * All functions are called with the block's lock held, and but for
 * dph_block_demote() with the mmap_lock (or VMA lock) of the region's process
 * held at least for read.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "dphuge.h"
#include "trace.h"

bool dph_block_full(const struct dph_block *b)
{
	return b->base && bitmap_full(b->base->populated, DPH_BLOCK_PAGES);
}

/* May the block be mapped by one PMD? */
bool dph_block_huge(const struct dph_block *b)
{
	return !b->over && dph_block_full(b);
}

/* The page that holds the process's data at @i, or NULL if it's untouched. */
struct page *dph_block_page(const struct dph_block *b, unsigned int i)
{
	struct page *page = dph_overlay_page(b->over, i);

	if (page)
		return page == DPH_HOLE ? NULL : page;
	if (b->base && test_bit(i, b->base->populated))
		return folio_page(b->base->folio, i);
	return NULL;
}

/*
 * Tell the core how it may map @page, which is the block's and locked: by PMD,
 * and on 7.x by all 512 entries of a table at once, only a folio whose index
 * lies inside the file (finish_fault()). That must be no base of which not all
 * shows: its pages may not be cleared yet, or lie under an overlay. A relative
 * that shares the base may see it differently, so each fault says it anew.
 */
void dph_block_allow_huge(const struct dph_block *b, struct page *page)
{
	struct folio *folio = page_folio(page);

	if (b->base && folio == b->base->folio)
		folio->index = dph_block_huge(b) ? b->idx << DPH_BLOCK_SHIFT :
						   DPH_INDEX_OUTSIDE;
}

/*
 * Unmap the block in this process, for good as long as the caller holds
 * b->lock. A fault that had the page before we took b->lock still has the
 * folio lock until its page-table entry is in place: wait for that, then zap.
 */
void dph_block_quiesce(struct dph_block *b)
{
	unsigned int i;

	if (b->base) {
		folio_lock(b->base->folio);
		folio_unlock(b->base->folio);
	}
	for (i = 0; b->over && i < DPH_BLOCK_PAGES; i++) {
		struct page *page = b->over->slot[i];

		if (page && page != DPH_HOLE) {
			lock_page(page);
			unlock_page(page);
		}
	}
	dph_region_zap(b->region, b->idx << DPH_BLOCK_SHIFT, DPH_BLOCK_PAGES);
}

/*
 * Is the base ours alone, so that it may be written? A relative that shared
 * it may be gone but have left references behind, in a pipe for example: then
 * it must not see what we write from now on. @held is a page to which the
 * caller has one reference, or NULL.
 */
bool dph_block_exclusive(struct dph_block *b, struct page *held)
{
	int refs = 1;

	if (!b->base || refcount_read(&b->base->users) > 1)
		return false;
	if (!b->was_shared)
		return true;
	dph_block_quiesce(b);
	if (held && page_folio(held) == b->base->folio)
		refs++;
	if (folio_ref_count(b->base->folio) != refs)
		return false;
	b->was_shared = false;
	return true;
}

/* Make b->over a table that may be changed. 0 or -ENOMEM. */
int dph_block_own_overlay(struct dph_block *b, gfp_t gfp)
{
	struct dph_overlay *over = b->over;

	if (over && refcount_read(&over->users) == 1)
		return 0;
	over = over ? dph_overlay_clone(over, gfp) :
		      dph_overlay_alloc(b->region->user, gfp);
	if (!over)
		return -ENOMEM;
	dph_overlay_put(b->over);
	b->over = over;
	return 0;
}

/* Nothing of the base shows any more: let it go. */
void dph_block_drop_hidden_base(struct dph_block *b)
{
	if (!b->base || !b->over ||
	    b->over->nr + b->over->holes < DPH_BLOCK_PAGES)
		return;
	dph_reclaim_forget(b);
	dph_base_put(b->base);
	b->base = NULL;
	b->was_shared = false;
}

void dph_block_release(struct dph_block *b)
{
	dph_reclaim_forget(b);
	dph_base_put(b->base);
	dph_overlay_put(b->over);
	b->base = NULL;
	b->over = NULL;
	b->nr = 0;
	b->was_shared = false;
	b->remap = false;
	b->given = false;
	b->lost = false;
}

bool dph_block_page_is_zero(struct page *page)
{
	void *p = kmap_local_page(page);
	bool zero = !memchr_inv(p, 0, PAGE_SIZE);

	kunmap_local(p);
	return zero;
}

static void fell_back(struct dph_block *b)
{
	dph_count(b->region, DPH_FALLBACKS, 1);
	trace_dphuge_fallback(b, DPH_BLOCK_PAGES);
}

/*
 * Promote in place: clear what has not been touched. Copies nothing. From here
 * on a PMD may map the base.
 */
static void fill(struct dph_block *b)
{
	unsigned int missing = DPH_BLOCK_PAGES -
			       bitmap_weight(b->base->populated,
					     DPH_BLOCK_PAGES);
	unsigned int from, to;

	if (!b->base->zeroed)
		for_each_clear_bitrange(from, to, b->base->populated,
					DPH_BLOCK_PAGES)
			dph_base_clear(b->base, from, to);
	bitmap_fill(b->base->populated, DPH_BLOCK_PAGES);
	b->base->promoted = true;
	b->nr = DPH_BLOCK_PAGES;
	b->retracted = false;
	dph_count(b->region, DPH_PROMOTIONS, 1);
	trace_dphuge_promote(b, missing);
}

static enum dph_policy_density density(struct dph_region *r, unsigned long idx)
{
	struct dph_block *b = xa_load(&r->blocks, idx);
	enum dph_policy_density seen = DPH_UNKNOWN;

	/* Our own lock is held: no waiting for another's. */
	if (!b || !mutex_trylock(&b->lock))
		return DPH_UNKNOWN;
	if (b->given && dph_block_full(b)) {
		unsigned int step = DPH_BLOCK_PAGES / DPH_SAMPLES;
		unsigned int nonzero = 0;
		unsigned int i;

		for (i = step / 2; i < DPH_BLOCK_PAGES; i += step)
			nonzero += !dph_block_page_is_zero(folio_page(b->base->folio, i));
		seen = dph_policy_sampled(nonzero);
		r->trust = dph_policy_trust(r->trust, seen);
	} else {
		seen = dph_policy_counted(b->nr);
	}
	mutex_unlock(&b->lock);
	return seen;
}

/* The first touch of the whole block: which kind is it to be? */
static enum dph_policy_choice choose(struct dph_block *b)
{
	struct dph_region *r = b->region;
	struct dph_policy_input in = {
		.percent = READ_ONCE(r->percent),
		.adaptive = READ_ONCE(r->adaptive),
		.memory = dph_memory_state(),
	};

	if (in.adaptive && in.memory == DPH_MEMORY_PLENTY) {
		in.left = density(r, b->idx - 1);
		in.right = density(r, b->idx + 1);
	}
	in.trust = r->trust;
	return dph_policy_choose(&in);
}

/* First touch of page @i. @whole: the block could be mapped by a PMD. */
static struct page *populate(struct dph_block *b, struct vm_fault *vmf,
			     unsigned int i, bool whole)
{
	struct page *page;

	if (!b->base && !b->over && whole) {
		enum dph_policy_choice choice = choose(b);

		if (choice == DPH_HUGE) {
			b->base = dph_pool_take(b->region->user, vmf);
			dph_count(b->region, DPH_POOL_HITS, !!b->base);
		}
		if (choice != DPH_SINGLE && !b->base)
			b->base = dph_base_alloc(b->region->user, vmf);
		if (!b->base) {
			fell_back(b);
		} else if (choice == DPH_HUGE) {
			if (READ_ONCE(b->region->percent)) {
				b->given = true;
				dph_count(b->region, DPH_GIVEN, 1);
			}
			fill(b);
			return folio_page(b->base->folio, i);
		}
	}
	if (!dph_overlay_page(b->over, i) && dph_block_exclusive(b, NULL)) {
		page = folio_page(b->base->folio, i);
		if (!b->base->zeroed)
			clear_highpage(page);
		__set_bit(i, b->base->populated);
	} else {
		int err;

		page = dph_page_alloc(b->region->user, vmf,
				      DPH_GFP_PAGE | __GFP_ZERO);
		if (IS_ERR(page))
			return page;
		err = dph_block_own_overlay(b, GFP_KERNEL_ACCOUNT);
		if (err) {
			dph_page_free(b->region->user, page);
			return ERR_PTR(err);
		}
		dph_overlay_set(b->over, i, page);
		dph_block_drop_hidden_base(b);
	}
	b->nr++;
	b->referenced = true;
	return page;
}

static bool promoted(const struct dph_block *b)
{
	return b->base && b->base->promoted;
}

/* Can all overlay pages be moved? Not those that I/O or a relative holds. */
static bool overlay_movable(struct dph_overlay *over)
{
	unsigned int i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *page = over->slot[i];

		if (page && page != DPH_HOLE &&
		    (!dph_overlay_page_sole(page) || page_ref_count(page) != 1))
			return false;
	}
	return true;
}

/*
 * Copy the overlay into the base, or into *@spare if there is none. False: a
 * relative or I/O holds a page.
 */
static bool merge(struct dph_block *b, struct dph_base **spare)
{
	struct dph_base *base = b->base ?: *spare;
	unsigned int i;

	if (refcount_read(&b->over->users) > 1 ||
	    (b->base && !dph_block_exclusive(b, NULL)))
		return false;
	dph_block_quiesce(b);
	/* I/O may hold pages of the overlay, or hidden ones of the base. */
	if (!overlay_movable(b->over) || folio_ref_count(base->folio) != 1) {
		dph_count(b->region, DPH_PROMOTE_ABORTS, 1);
		return false;
	}
	if (base == *spare)
		*spare = NULL;
	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		struct page *from = b->over->slot[i];
		struct page *to = folio_page(base->folio, i);

		if (from == DPH_HOLE) {
			clear_highpage(to);
			__clear_bit(i, base->populated);
		} else if (from) {
			copy_highpage(to, from);
			__set_bit(i, base->populated);
		}
		cond_resched();
	}
	dph_count(b->region, DPH_PROMOTE_COPIES, b->over->nr);
	trace_dphuge_fold(b, b->over->nr);
	dph_overlay_put(b->over);
	b->over = NULL;
	b->base = base;
	return true;
}

/* A dense block on single pages, in a fault: promote it if a folio is at hand. */
static void collapse(struct dph_block *b, struct vm_fault *vmf)
{
	struct dph_base *spare = NULL;

	if (!b->base) {
		spare = dph_base_alloc(b->region->user, vmf);
		if (!spare) {
			fell_back(b);
			dph_worker_add(b->region, HZ);
			return;
		}
	}
	if (merge(b, &spare))
		fill(b);
	else
		dph_worker_add(b->region, HZ);
	dph_base_put(spare);
}

static void recount(struct dph_block *b)
{
	unsigned int i;

	for (b->nr = 0, i = 0; i < DPH_BLOCK_PAGES; i++)
		b->nr += !!dph_block_page(b, i);
	if (b->over && !b->over->nr && !b->over->holes &&
	    refcount_read(&b->over->users) == 1) {
		dph_overlay_put(b->over);
		b->over = NULL;
	}
}

/*
 * Is there anything for the worker here? A look without the lock, too: what it
 * misses it finds the next time.
 */
bool dph_block_untidy(const struct dph_block *b)
{
	return READ_ONCE(b->over) || READ_ONCE(b->remap);
}

bool dph_block_shared(const struct dph_block *b)
{
	return (b->over && refcount_read(&b->over->users) > 1) ||
	       (b->base && refcount_read(&b->base->users) > 1);
}

/* Will dph_block_tidy() want a spare base? A look without the lock. */
bool dph_block_wants_base(const struct dph_block *b)
{
	return READ_ONCE(b->over) && !READ_ONCE(b->base) &&
	       dph_policy_repair(READ_ONCE(b->nr), READ_ONCE(b->region->percent));
}

/* The node that the block's first single page lies on. */
int dph_block_node(const struct dph_block *b)
{
	unsigned int i;

	for (i = 0; b->over && i < DPH_BLOCK_PAGES; i++)
		if (b->over->slot[i] && b->over->slot[i] != DPH_HOLE)
			return page_to_nid(b->over->slot[i]);
	return numa_mem_id();
}

/*
 * Put in order what forks, the shrinker and a lack of memory have left behind:
 * an overlay goes back into a base that is the block's own again, and a dense
 * block of single pages moves into *@spare, if there is one.
 */
enum dph_tidy dph_block_tidy(struct dph_block *b, struct dph_base **spare)
{
	bool was_full = dph_block_full(b);
	bool repair = dph_block_wants_base(b);

	if (dph_block_shared(b))
		return DPH_TIDY_DONE;
	if (b->over && (b->base || (repair && *spare))) {
		if (!merge(b, spare))
			return DPH_TIDY_LATER;
		dph_count(b->region, repair ? DPH_REPAIRS : DPH_FOLDS, 1);
		recount(b);
		if (was_full || dph_policy_promote(b->nr, READ_ONCE(b->region->percent))) {
			fill(b);
			b->remap = true;
		}
		dph_reclaim_update(b);
	}
	if (!b->remap || !dph_block_huge(b))
		return DPH_TIDY_DONE;
	/* What relatives left behind may still be looked at through a pipe. */
	if (!dph_block_exclusive(b, NULL))
		return DPH_TIDY_LATER;
	b->remap = false;
	return DPH_TIDY_MAP;
}

/*
 * The page for a fault, or an error: ENOSPC (limit), ENOMEM, ENODATA (no data
 * here and none may be made). @write: the page will be writable for the
 * process, so it must be its own.
 */
struct page *dph_block_touch(struct dph_block *b, struct vm_fault *vmf,
			     bool write, bool whole)
{
	unsigned int i = vmf->pgoff & DPH_BLOCK_MASK;
	unsigned int percent = READ_ONCE(b->region->percent);
	struct page *page = dph_block_page(b, i);

	if (b->lost)
		return ERR_PTR(-ENODATA);
	if (page) {
		if (write && b->region->forked &&
		    !dph_cow_writable(b, i, NULL)) {
			int err = dph_cow_break(b, vmf, i);

			if (err)
				return ERR_PTR(err);
		}
		goto out;
	}

	/* A core dump reads everything: what was never touched stays a hole. */
	if (current->flags & PF_DUMPCORE)
		return ERR_PTR(-ENODATA);
	page = populate(b, vmf, i, whole);
	if (IS_ERR(page))
		return page;
	/* Huge by choose(), or too short for a PMD. */
	if (!whole || promoted(b))
		goto out;
	if (b->over) {
		if (dph_policy_retry(b->nr, percent))
			collapse(b, vmf);
	} else if (dph_policy_promote(b->nr, percent)) {
		fill(b);
		b->region->trust = dph_policy_trust(b->region->trust, DPH_DENSE);
	}
out:
	dph_reclaim_update(b);
	return dph_block_page(b, i);
}

/*
 * Give up the base for single pages: copy what lies outside [first, end) and
 * isn't zero. The block is unmapped and the base is ours alone. On error the
 * base stays, under an overlay that has some of its pages: still consistent.
 */
int dph_block_demote(struct dph_block *b, unsigned int first, unsigned int end,
		     gfp_t gfp)
{
	unsigned int i;
	int err = dph_block_own_overlay(b, gfp & ~__GFP_HIGHMEM);
	unsigned int copied = 0;

	if (err)
		return err;
	for_each_set_bit(i, b->base->populated, DPH_BLOCK_PAGES) {
		struct page *from = folio_page(b->base->folio, i);
		struct page *to;

		if ((i >= first && i < end) || b->over->slot[i])
			continue;
		if (dph_block_page_is_zero(from)) {
			__clear_bit(i, b->base->populated);
			b->base->promoted = false;
			continue;
		}
		to = dph_page_alloc(b->region->user, NULL, gfp);
		if (IS_ERR(to)) {
			recount(b);
			return PTR_ERR(to);
		}
		copy_highpage(to, from);
		dph_overlay_set(b->over, i, to);
		copied++;
		cond_resched();
	}
	dph_reclaim_forget(b);
	dph_base_put(b->base);
	b->base = NULL;
	b->remap = false;
	b->given = false;
	recount(b);
	dph_count(b->region, DPH_DEMOTIONS, 1);
	trace_dphuge_demote(b, copied);
	return 0;
}

/*
 * Page @i of a quiesced block is to read as zero. That must not fail: munmap
 * has nobody to tell, and what it leaves would show again if a VMA grows there.
 */
static void hide(struct dph_block *b, unsigned int i, bool in_place)
{
	bool below = b->base && test_bit(i, b->base->populated);

	if (below && in_place) {
		clear_highpage(folio_page(b->base->folio, i));
		__clear_bit(i, b->base->populated);
		b->base->promoted = false;
		below = false;
	}
	if (below || b->over) {
		dph_block_own_overlay(b, GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);
		dph_overlay_set(b->over, i, below ? DPH_HOLE : NULL);
	}
}

/*
 * Pages [first, first + n) read as zero from now on, and their memory goes
 * back: the whole folio if the whole block goes; else the block moves to
 * single pages. Where that can't be (a page is pinned for I/O, memory is
 * short), the pages are cleared where they are, or hidden.
 */
void dph_block_discard(struct dph_block *b, unsigned int first, unsigned int n)
{
	unsigned int touched = 0;
	unsigned int i;
	bool in_place = false;

	for (i = first; i < first + n; i++)
		touched += !!dph_block_page(b, i);
	if (!touched && n < DPH_BLOCK_PAGES)
		return;
	if (b->base || b->over)
		dph_block_quiesce(b);
	dph_count(b->region, DPH_DISCARDS, touched);
	if (n == DPH_BLOCK_PAGES || (touched == b->nr && !b->lost)) {
		dph_block_release(b);
		trace_dphuge_discard(b, touched);
		return;
	}

	if (dph_block_exclusive(b, NULL) &&
	    folio_ref_count(b->base->folio) == 1)
		in_place = dph_block_demote(b, first, first + n,
					    DPH_GFP_PAGE) != 0;
	for (i = first; i < first + n; i++)
		hide(b, i, in_place);
	recount(b);
	dph_reclaim_update(b);
	trace_dphuge_discard(b, touched);
}
