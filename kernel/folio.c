// SPDX-License-Identifier: GPL-2.0
/*
 * Order-9 folios come from the page allocator or from the pool, are charged to
 * the memory cgroup of the task that touches them, and count in the limits from
 * the moment on that they are a user's.
 */
#include <linux/gfp.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "charge.h"
#include "compat.h"
#include "folio.h"
#include "held.h"
#include "limit.h"
#include "lru.h"
#include "page.h"

#define FOLIO_GFP	(GFP_HIGHUSER | __GFP_COMP | __GFP_NOWARN | \
			 __GFP_NOMEMALLOC | __GFP_NORETRY)

static struct kmem_cache *folio_cache;

/*
 * For what stands for a folio. There are single pages if there is no memory for
 * it, so neither the machine's OOM killer nor the cgroup's is called.
 */
#define FOLIO_GFP_SLAB	(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN)

static void folio_init(struct dph_folio *folio, struct dph_user *user,
		       struct folio *core, bool zeroed)
{
	dph_compat_folio_no_thp(core);
	folio->user = user;
	folio->core = core;
	folio->zeroed = zeroed;
	spin_lock_init(&folio->lock);
	INIT_LIST_HEAD(&folio->blocks);
	INIT_LIST_HEAD(&folio->reserved);
	INIT_LIST_HEAD(&folio->lru);
	refcount_set(&folio->users, 1);
}

/* @core, which is charged, with all that we know of it; NULL: no memory. */
static struct dph_folio *folio_new(struct dph_user *user, struct folio *core,
				   bool zeroed)
{
	struct dph_folio *folio = dph_lru_alloc(folio_cache, core,
						folio_nid(core),
						FOLIO_GFP_SLAB);

	if (folio) {
		folio_init(folio, user, core, zeroed);
		core->private = folio;
	}
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

/* As folio_charge(): there may be none but what pipes have let go of. */
static struct folio *folio_core(const struct dph_folio_owner *owner,
				struct vm_fault *vmf, int nid, gfp_t gfp)
{
	struct folio *core = folio_core_alloc(vmf, nid, gfp);

	if (!core && dph_held_look(owner->user, FOLIO_LOOK_MAX))
		core = folio_core_alloc(vmf, nid, gfp);
	return core;
}

/* The user's cgroup may have no room but for what pipes have let go of. */
static int folio_charge(const struct dph_folio_owner *owner, struct folio *core,
			gfp_t gfp)
{
	int err = dph_charge(owner->mapping, core, gfp);

	if (err && dph_held_look(owner->user, FOLIO_LOOK_MAX))
		err = dph_charge(owner->mapping, core, gfp);
	return err;
}

static struct dph_folio *folio_alloc_for(const struct dph_folio_owner *owner,
					 struct vm_fault *vmf, int nid,
					 gfp_t gfp)
{
	struct dph_folio *folio = NULL;
	struct folio *core;

	if (!dph_limit_take(owner->user, DPH_BLOCK_PAGES))
		return NULL;
	if (owner->movable)
		gfp |= __GFP_MOVABLE;
	core = folio_core(owner, vmf, nid, gfp);
	if (core && !folio_charge(owner, core, gfp))
		folio = folio_new(owner->user, core, want_init_on_alloc(gfp));
	if (!folio) {
		if (core)
			dph_held_let_go(core);
		dph_limit_give(owner->user, DPH_BLOCK_PAGES);
	}
	return folio;
}

#define FOLIO_GFP_FAULT	(FOLIO_GFP & ~__GFP_DIRECT_RECLAIM)

struct dph_folio *dph_folio_alloc(const struct dph_folio_owner *owner,
				  struct vm_fault *vmf)
{
	return folio_alloc_for(owner, vmf, NUMA_NO_NODE, FOLIO_GFP_FAULT);
}

struct dph_folio *dph_folio_alloc_near(const struct dph_folio_owner *owner,
				       int nid)
{
	return folio_alloc_for(owner, NULL, nid, FOLIO_GFP | __GFP_THISNODE);
}

struct dph_folio *dph_folio_adopt(const struct dph_folio_owner *owner,
				  struct folio **spare)
{
	struct dph_folio *folio = NULL;
	struct folio *core = *spare;

	if (!dph_limit_take(owner->user, DPH_BLOCK_PAGES))
		return NULL;
	if (!folio_charge(owner, core, FOLIO_GFP_FAULT)) {
		*spare = NULL;
		folio = folio_new(owner->user, core, true);
		/* Charged once, it can't be charged to another. */
		if (!folio)
			dph_held_let_go(core);
	}
	if (!folio)
		dph_limit_give(owner->user, DPH_BLOCK_PAGES);
	return folio;
}

/* They are cleared as one stretch: user pages aren't highmem here. */
static void folio_clear(struct folio *core, unsigned int from, unsigned int to)
{
	char *start = folio_address(core);

	for (; from < to; from++) {
		clear_page(start + from * PAGE_SIZE);
		if (from % 32 == 31)
			cond_resched();
	}
}

void dph_folio_clear(struct dph_folio *folio, unsigned int from,
		     unsigned int to)
{
	folio_clear(folio->core, from, to);
}

/* Not from movable memory: it may be for one whose pages the core doesn't find. */
struct folio *dph_folio_zeroed(int nid)
{
	gfp_t gfp = (FOLIO_GFP | __GFP_THISNODE) & ~__GFP_RECLAIM;
	struct folio *core = __folio_alloc_node(gfp, DPH_BLOCK_SHIFT, nid);

	if (!core)
		return NULL;
	dph_compat_folio_no_thp(core);
	if (!want_init_on_alloc(gfp))
		folio_clear(core, 0, DPH_BLOCK_PAGES);
	return core;
}

struct dph_folio *dph_folio_twin(const struct dph_folio *folio,
				 struct folio *core)
{
	struct dph_folio *twin = dph_lru_alloc(folio_cache, folio->core,
					       folio_nid(core),
					       GFP_NOWAIT | __GFP_NOWARN);

	if (!twin)
		return NULL;
	folio_init(twin, folio->user, core, folio->zeroed);
	twin->promoted = folio->promoted;
	bitmap_copy(twin->populated, folio->populated, DPH_BLOCK_PAGES);
	refcount_set(&twin->users, refcount_read(&folio->users));
	return twin;
}

void dph_folio_free(struct dph_folio *folio)
{
	kmem_cache_free(folio_cache, folio);
}

void dph_folio_put(struct dph_folio *folio)
{
	if (!folio || !refcount_dec_and_test(&folio->users))
		return;
	dph_page_displace(folio->core);
	folio->core->private = NULL;
	dph_held_put(folio->user, folio->core);
	dph_folio_free(folio);
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
