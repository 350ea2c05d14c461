// SPDX-License-Identifier: GPL-2.0
/*
 * Where pages come from: the page allocator, charged to the memory cgroup of
 * the task that touches them, under one limit for the whole device and one for
 * each user, so that nobody can take all memory through it.
 *
 * What counts is what the driver holds. A page that I/O still references
 * after we let go of it is the business of whoever holds that reference.
 */
#include <linux/gfp.h>
#include <linux/highmem.h>
#include <linux/slab.h>

#include "dphuge.h"
#include "compat.h"

static struct kmem_cache *base_cache;
static atomic_long_t held_pages;

unsigned long dph_memory_bytes(void)
{
	return (unsigned long)atomic_long_read(&held_pages) << PAGE_SHIFT;
}

/* In pages. By default 15/16 of RAM: the OOM killer comes before SIGBUS. */
unsigned long dph_memory_limit(void)
{
	unsigned long mib = dph_limit_mib();
	unsigned long ram = totalram_pages();

	if (!mib)
		return ram - ram / 16;
	return mib << (20 - PAGE_SHIFT);
}

/* In pages. Root is limited by the device's limit only. */
static unsigned long user_limit(const struct dph_user *user)
{
	unsigned long mib = dph_user_limit_mib();

	return mib && !uid_eq(user->uid, GLOBAL_ROOT_UID) ?
	       mib << (20 - PAGE_SHIFT) : LONG_MAX;
}

bool dph_memory_room(struct dph_user *user, unsigned long pages)
{
	return atomic_long_read(&held_pages) + pages <= dph_memory_limit() &&
	       atomic_long_read(&user->pages) + pages <=
		       user_limit(user);
}

enum dph_policy_memory dph_memory_state(void)
{
	return dph_policy_memory(max(si_mem_available(), 0L),
				 totalram_pages());
}

static void give(struct dph_user *user, unsigned long pages)
{
	atomic_long_sub(pages, &user->pages);
	atomic_long_sub(pages, &held_pages);
}

static bool take(struct dph_user *user, unsigned long pages, bool force)
{
	bool fits = atomic_long_add_return(pages, &held_pages) <=
		    dph_memory_limit();

	fits &= atomic_long_add_return(pages, &user->pages) <=
		user_limit(user);
	if (fits || force)
		return true;
	give(user, pages);
	return false;
}

static struct folio *alloc_folio(struct vm_fault *vmf, gfp_t gfp,
				 unsigned int order)
{
	/* The VMA's or the task's memory policy decides on the node. */
	return vmf ? dph_vma_alloc_folio(gfp, order, vmf->vma, vmf->address) :
		     folio_alloc(gfp, order);
}

#define BASE_GFP	(GFP_HIGHUSER | __GFP_COMP | __GFP_ACCOUNT | \
			 __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_NORETRY)

static struct dph_base *base_init(struct dph_base *base, struct folio *folio,
				  gfp_t gfp)
{
	folio->index = DPH_INDEX_OUTSIDE;
	dph_folio_no_thp(folio);
	base->folio = folio;
	base->zeroed = want_init_on_alloc(gfp);
	refcount_set(&base->users, 1);
	return base;
}

static struct dph_base *base_alloc(struct dph_user *user, struct vm_fault *vmf,
				   int nid, gfp_t gfp)
{
	struct dph_base *base = dph_reclaim_base_alloc(base_cache, GFP_KERNEL);
	struct folio *folio;

	if (!base)
		return NULL;
	base->user = user;
	if (!take(user, DPH_BLOCK_PAGES, false))
		goto free_base;
	folio = nid == NUMA_NO_NODE ?
		alloc_folio(vmf, gfp, DPH_BLOCK_SHIFT) :
		__folio_alloc_node(gfp, DPH_BLOCK_SHIFT, nid);
	if (!folio)
		goto give_back;
	return base_init(base, folio, gfp);

give_back:
	give(user, DPH_BLOCK_PAGES);
free_base:
	kmem_cache_free(base_cache, base);
	return NULL;
}

/*
 * An empty base, or NULL if no order-9 folio can be had at once: the fault
 * path neither compacts nor reclaims for one (GFP_TRANSHUGE_LIGHT's choice).
 */
struct dph_base *dph_base_alloc(struct dph_user *user, struct vm_fault *vmf)
{
	return base_alloc(user, vmf, NUMA_NO_NODE,
			  BASE_GFP & ~__GFP_DIRECT_RECLAIM);
}

/* The same for the worker: on node @nid if it can be, and it may compact. */
struct dph_base *dph_base_alloc_near(struct dph_user *user, int nid)
{
	return base_alloc(user, NULL, nid, BASE_GFP);
}

/* Clear pages [from, to), as one stretch: user pages aren't highmem here. */
void dph_base_clear(struct dph_base *base, unsigned int from, unsigned int to)
{
	char *start = folio_address(base->folio);

	for (; from < to; from++) {
		clear_page(start + from * PAGE_SIZE);
		if (from % 32 == 31)
			cond_resched();
	}
}

/* For the pool: all zero, from node @nid, nobody's yet. Or NULL. */
struct dph_base *dph_base_alloc_zeroed(int nid)
{
	gfp_t gfp = (BASE_GFP | __GFP_THISNODE) & ~__GFP_RECLAIM;
	struct dph_base *base = dph_reclaim_base_alloc(base_cache, GFP_KERNEL);
	struct folio *folio;

	if (!base)
		return NULL;
	folio = __folio_alloc_node(gfp, DPH_BLOCK_SHIFT, nid);
	if (!folio) {
		kmem_cache_free(base_cache, base);
		return NULL;
	}
	base_init(base, folio, gfp);
	if (!base->zeroed)
		dph_base_clear(base, 0, DPH_BLOCK_PAGES);
	base->zeroed = true;
	return base;
}

/* Make a base of the pool @user's. False: his limit, or the device's. */
bool dph_base_adopt(struct dph_base *base, struct dph_user *user)
{
	if (!take(user, DPH_BLOCK_PAGES, false))
		return false;
	base->user = user;
	return true;
}

void dph_base_put(struct dph_base *base)
{
	if (!base || !refcount_dec_and_test(&base->users))
		return;
	folio_put(base->folio);
	if (base->user)
		give(base->user, DPH_BLOCK_PAGES);
	kmem_cache_free(base_cache, base);
}

/*
 * A single page, held by one overlay. @gfp is DPH_GFP_PAGE or DPH_GFP_RECLAIM,
 * perhaps with __GFP_ZERO. Errors: ENOSPC, the device's or the user's limit;
 * ENOMEM.
 */
struct page *dph_page_alloc(struct dph_user *user, struct vm_fault *vmf,
			    gfp_t gfp)
{
	/* Reclaim gives back more than it takes, but only afterwards. */
	bool force = !(gfp & __GFP_DIRECT_RECLAIM);
	struct folio *folio;
	struct page *page;

	/* Not while others only reserve what we need. */
	while (!take(user, 1, force)) {
		if (dph_reclaim_reservations())
			continue;
		dph_count(NULL, DPH_LIMIT_HITS, 1);
		return ERR_PTR(-ENOSPC);
	}
	folio = alloc_folio(vmf, gfp, 0);
	if (!folio) {
		give(user, 1);
		return ERR_PTR(-ENOMEM);
	}
	page = folio_page(folio, 0);
	set_page_private(page, 1);
	return page;
}

void dph_page_free(struct dph_user *user, struct page *page)
{
	set_page_private(page, 0);
	put_page(page);
	give(user, 1);
}

int dph_memory_init(void)
{
	base_cache = KMEM_CACHE(dph_base, SLAB_ACCOUNT);
	return base_cache ? 0 : -ENOMEM;
}

void dph_memory_exit(void)
{
	WARN(atomic_long_read(&held_pages), "dphuge: %ld pages leaked\n",
	     atomic_long_read(&held_pages));
	kmem_cache_destroy(base_cache);
}
