// SPDX-License-Identifier: GPL-2.0
/*
 * Order-9 folios come from the page allocator, charged to the memory cgroup of
 * the task that touches them, and count in the limits from the moment on that
 * they are a user's.
 */
#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "folio.h"
#include "held.h"
#include "limit.h"
#include "lru.h"
#include "page.h"

#define FOLIO_GFP	(GFP_HIGHUSER | __GFP_COMP | __GFP_ACCOUNT | \
			 __GFP_NOWARN | __GFP_NOMEMALLOC | __GFP_NORETRY)

static struct kmem_cache *folio_cache;

/*
 * For what stands for a folio. There are single pages if there is no memory for
 * it, so neither the machine's OOM killer nor the cgroup's is called.
 */
#define FOLIO_GFP_SLAB	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

/* @core with all that we know of it; NULL if @core is, or there is no memory. */
static struct dph_folio *folio_new(struct dph_user *user, struct folio *core,
				   gfp_t gfp)
{
	struct dph_folio *folio;

	if (!core)
		return NULL;
	folio = dph_lru_alloc(folio_cache, core, FOLIO_GFP_SLAB);
	if (!folio) {
		folio_put(core);
		return NULL;
	}
	dph_compat_folio_no_thp(core);
	folio->user = user;
	folio->core = core;
	folio->zeroed = want_init_on_alloc(gfp);
	spin_lock_init(&folio->lock);
	INIT_LIST_HEAD(&folio->blocks);
	INIT_LIST_HEAD(&folio->reserved);
	INIT_LIST_HEAD(&folio->lru);
	refcount_set(&folio->users, 1);
	return folio;
}

static struct folio *folio_core_alloc(struct vm_fault *vmf, int nid, gfp_t gfp)
{
	return nid == NUMA_NO_NODE ?
	       dph_page_raw(vmf, gfp, DPH_BLOCK_SHIFT) :
	       __folio_alloc_node(gfp, DPH_BLOCK_SHIFT, nid);
}

/* So many folios that others hold are looked at when none can be had. */
#define FOLIO_LOOK_MAX	256UL

static struct dph_folio *folio_alloc_for(struct dph_user *user,
					 struct vm_fault *vmf, int nid,
					 gfp_t gfp)
{
	struct dph_folio *folio;
	struct folio *core;

	if (!dph_limit_take(user, DPH_BLOCK_PAGES))
		return NULL;
	core = folio_core_alloc(vmf, nid, gfp);
	/* The user's cgroup may have no room but for what pipes have let go of. */
	if (!core && dph_held_look(user, FOLIO_LOOK_MAX))
		core = folio_core_alloc(vmf, nid, gfp);
	folio = folio_new(user, core, gfp);
	if (!folio)
		dph_limit_give(user, DPH_BLOCK_PAGES);
	return folio;
}

struct dph_folio *dph_folio_alloc(struct dph_user *user, struct vm_fault *vmf)
{
	return folio_alloc_for(user, vmf, NUMA_NO_NODE,
			       FOLIO_GFP & ~__GFP_DIRECT_RECLAIM);
}

struct dph_folio *dph_folio_alloc_near(struct dph_user *user, int nid)
{
	return folio_alloc_for(user, NULL, nid, FOLIO_GFP | __GFP_THISNODE);
}

/* They are cleared as one stretch: user pages aren't highmem here. */
void dph_folio_clear(struct dph_folio *folio, unsigned int from,
		     unsigned int to)
{
	char *start = folio_address(folio->core);

	for (; from < to; from++) {
		clear_page(start + from * PAGE_SIZE);
		if (from % 32 == 31)
			cond_resched();
	}
}

struct dph_folio *dph_folio_alloc_zeroed(int nid)
{
	gfp_t gfp = (FOLIO_GFP | __GFP_THISNODE) & ~__GFP_RECLAIM;
	struct folio *core = __folio_alloc_node(gfp, DPH_BLOCK_SHIFT, nid);
	struct dph_folio *folio = folio_new(NULL, core, gfp);

	if (!folio)
		return NULL;
	if (!folio->zeroed)
		dph_folio_clear(folio, 0, DPH_BLOCK_PAGES);
	folio->zeroed = true;
	return folio;
}

bool dph_folio_adopt(struct dph_folio *folio, struct dph_user *user)
{
	if (!dph_limit_take(user, DPH_BLOCK_PAGES))
		return false;
	folio->user = user;
	return true;
}

void dph_folio_put(struct dph_folio *folio)
{
	if (!folio || !refcount_dec_and_test(&folio->users))
		return;
	dph_page_displace(folio->core);
	if (folio->user)
		dph_held_put(folio->user, folio->core);
	else
		folio_put(folio->core);
	kmem_cache_free(folio_cache, folio);
}

int dph_folio_init(void)
{
	folio_cache = KMEM_CACHE(dph_folio, 0);
	return folio_cache ? 0 : -ENOMEM;
}

void dph_folio_exit(void)
{
	kmem_cache_destroy(folio_cache);
}
