// SPDX-License-Identifier: GPL-2.0
/*
 * What goes back when memory is short, cheapest first: the unpopulated rest of
 * reservations, then the zeroes in blocks that are 2 MiB pages. Both ways the
 * block moves to single pages; the worker promotes it again when it is dense
 * and memory is back.
 *
 * The blocks stand in lists by node and memory cgroup (lru.c), so that a
 * cgroup that reaches its limit gets back what its own processes hold, before
 * the OOM killer is called. A block that was populated since we last looked
 * gets a second chance.
 *
 * A shrinker may run in any task that allocates, with any lock held that
 * permits GFP_KERNEL: so block and folio locks are only tried, and mmap_lock
 * too. Where that fails, i_mmap_rwsem keeps the VMAs in place, as for a
 * truncated file.
 */
#include <linux/file.h>
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "backing.h"
#include "compat_lru.h"
#include "compat_shrinker.h"
#include "demote.h"
#include "gate.h"
#include "lru.h"
#include "page.h"
#include "promote.h"
#include "reclaim.h"
#include "region.h"
#include "rss.h"
#include "trace.h"
#include "vmas.h"

/*
 * Demotions by reclaim take from the emergency reserves, up to 256 pages each
 * before they give 512 back. So on each node (and for the limits, which know no
 * node) only so many tasks do that at once as a gate lets in.
 */
static struct dph_gate *reclaim_nodes;	/* by node */
static struct dph_gate reclaim_room;	/* for the limits */

/*
 * Unmap the block everywhere. False: a fault is about to map it, or somebody
 * holds a page of it (I/O, a pipe, mlock), or migrates it. Else its folio has no
 * place any more: nobody can wait for memory with its lock held, so that it can go.
 *
 * If it was for us that the address space stayed, the end of it is not for us
 * to wait for.
 */
static bool reclaim_unmap(struct dph_block *b, struct dph_region *r)
{
	struct folio *core = b->folio->core;
	struct mm_struct *mm;
	bool alone;

	/* See dph_block_quiesce(). */
	if (!folio_trylock(core))
		return false;
	mm = dph_region_mm(r);
	dph_vmas_zap(&r->space.vmas, b->idx << DPH_BLOCK_SHIFT,
		     DPH_BLOCK_PAGES, mm ? DPH_VMAS_TRY : DPH_VMAS_FILE);
	if (mm)
		mmput_async(mm);
	alone = folio_ref_count(core) == 1;
	if (alone)
		dph_page_displace_locked(core);
	folio_unlock(core);
	return alone;
}

/* Move the block to single pages. Returns the pages that this gives back. */
static unsigned long reclaim_break_up(struct dph_block *b,
				      struct dph_region *r)
{
	struct mem_cgroup *memcg, *old;
	unsigned long held = DPH_BLOCK_PAGES + (b->over ? b->over->nr : 0);
	unsigned long freed = 0;
	struct file *file = dph_region_file(r);
	gfp_t gfp;

	if (!file)
		return 0;
	if (reclaim_unmap(b, r)) {
		memcg = dph_lru_memcg(b->folio->core);
		old = set_active_memcg(memcg);
		/* Not to the cgroup of the task that we happen to be in. */
		gfp = memcg ? DPH_PAGE_GFP_RECLAIM :
			      DPH_PAGE_GFP_RECLAIM & ~__GFP_ACCOUNT;
		if (!dph_demote(b, 0, 0, gfp)) {
			freed = held - (b->over ? b->over->nr : 0);
			dph_count(&b->space->counts, DPH_RECLAIMS, 1);
			dph_count(&b->space->counts, DPH_RECLAIMED, freed);
			trace_dphuge_reclaim(b, freed);
			if (dph_promote_wants_folio(b))
				dph_region_later(r, HZ);
		} else {
			dph_block_place(b, 0, dph_folio_page(b->folio, 0));
		}
		set_active_memcg(old);
		mem_cgroup_put(memcg);
	} else {
		b->remap = dph_block_full(b);
		dph_region_later(r, HZ);
	}
	fput(file);
	return freed;
}

/* Are at least half of a full block's pages 0? A look while it is in use. */
static bool reclaim_mostly_zero(struct dph_block *b)
{
	unsigned int zero = 0, i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		zero += dph_page_is_zero(dph_folio_page(b->folio, i));
		/* Half can't be reached any more. */
		if (zero + DPH_BLOCK_PAGES - 1 - i < DPH_BLOCK_PAGES / 2)
			return false;
	}
	return true;
}

/* Zeroes are looked for again after this time at the earliest. */
#define RECLAIM_SCAN_INTERVAL	(10 * HZ)

static bool reclaim_worth_it(struct dph_block *b)
{
	if (!b->folio || dph_folio_shared(b->folio))
		return false;
	if (!dph_block_full(b))
		return dph_policy_break_up(b->nr);
	if (b->scanned &&
	    time_before(jiffies, b->scanned + RECLAIM_SCAN_INTERVAL))
		return false;
	b->scanned = jiffies ?: 1;
	return reclaim_mostly_zero(b);
}

/* What it has, as the OOM killer may be next. */
static void reclaim_show(struct dph_block *b, struct dph_region *r)
{
	struct mm_struct *mm = dph_region_mm(r);

	if (!mm)
		return;
	dph_rss_show(b);
	mmput_async(mm);
}

/* The block is locked, and its region held: both end. Returns the pages that this gives back. */
static unsigned long reclaim_block(struct dph_block *b, struct dph_region *r)
{
	unsigned long freed = 0;

	reclaim_show(b, r);
	if (reclaim_worth_it(b))
		freed = reclaim_break_up(b, r);
	dph_backing_relist(b);
	mutex_unlock(&b->lock);
	dph_region_put(r);
	cond_resched();
	return freed;
}

static enum lru_status reclaim_folio(struct dph_folio *folio,
				     struct list_lru_one *list,
				     spinlock_t *lock, unsigned long *freed)
	__must_hold(lock)
{
	/* It stays the owner, and has a region, while this is on the list. */
	struct dph_block *b = folio->owner;
	struct dph_region *r = dph_region_of_space(b->space);

	if (!mutex_trylock(&b->lock))
		return LRU_SKIP;
	if (b->referenced) {
		b->referenced = false;
		mutex_unlock(&b->lock);
		return LRU_ROTATE;
	}
	if (!dph_region_get(r)) {
		mutex_unlock(&b->lock);
		return LRU_SKIP;
	}
	list_lru_isolate(list, &folio->lru);
	dph_backing_isolated(b);
	spin_unlock(lock);

	*freed += reclaim_block(b, r);
	dph_compat_lru_relock(lock);
	return LRU_REMOVED_RETRY;
}

static enum lru_status reclaim_one(struct list_head *item,
				   struct list_lru_one *list,
				   DPH_COMPAT_LRU_LOCK_ARG void *freed)
{
	return reclaim_folio(container_of(item, struct dph_folio, lru), list,
			     DPH_COMPAT_LRU_LOCK(list), freed);
}

/*
 * Look at so many blocks at least. Direct reclaim is content with 32 pages. But
 * if these don't lift the zone above its low limit at once, the OOM killer
 * comes: should_reclaim_retry() judges whether another try is worth it by the
 * pages on those LRU lists that can be reclaimed, where ours are not. 8 blocks are
 * 16 MiB, more than min_free_kbytes of most machines.
 */
#define RECLAIM_SCAN_MIN	8UL

static unsigned long reclaim_shrink(enum dph_lru_list list,
				    struct shrink_control *sc)
{
	struct dph_gate *gate = &reclaim_nodes[sc->nid];
	long before = dph_gate_enter(gate);
	unsigned long freed = 0;

	sc->nr_to_scan = max(sc->nr_to_scan, RECLAIM_SCAN_MIN);
	dph_lru_shrink(list, sc, reclaim_one, &freed);
	freed = dph_gate_leave(gate, before, freed);
	dph_compat_account_reclaimed(freed);
	return freed;
}

/* Lock the block that has a reservation, and keep its region. */
static bool reclaim_take(struct list_head *item)
{
	struct dph_folio *folio = container_of(item, struct dph_folio,
					       reserved);
	struct dph_block *b = folio->owner;

	if (!mutex_trylock(&b->lock))
		return false;
	if (!b->referenced && dph_region_get(dph_region_of_space(b->space)))
		return true;
	b->referenced = false;
	mutex_unlock(&b->lock);
	return false;
}

/* One of the user's own reservations. Returns the pages that were given back. */
static unsigned long reclaim_one_of(struct dph_user *user)
{
	struct list_head *item = dph_user_next_reserved(user, reclaim_take);
	struct dph_block *b;

	if (!item)
		return 0;
	b = container_of(item, struct dph_folio, reserved)->owner;
	return reclaim_block(b, dph_region_of_space(b->space));
}

/* Each is looked at once, until one gives something back. */
static unsigned long reclaim_look_through(struct dph_user *user)
{
	unsigned long left = dph_user_reserved(user), freed = 0;

	for (; left && !freed && !fatal_signal_pending(current); left--) {
		freed = reclaim_one_of(user);
		cond_resched();
	}
	return freed;
}

/* Twice, for those that get a second chance. */
static unsigned long reclaim_own(struct dph_user *user)
{
	return reclaim_look_through(user) ?: reclaim_look_through(user);
}

/*
 * Whoever has reservations, on whichever node and in whichever cgroup they
 * stand. Who has given something back is the last to be asked the next time.
 */
static unsigned long reclaim_look_through_all(void)
{
	unsigned long left = dph_user_reservers(), freed = 0;
	struct dph_user *user = NULL;

	for (; left && !freed && !fatal_signal_pending(current); left--) {
		user = dph_user_next_reserver(user);
		if (user)
			freed = reclaim_look_through(user);
	}
	if (freed)
		dph_user_reserver_last(user);
	if (user)
		dph_user_put(user);
	return freed;
}

static unsigned long reclaim_anybodys(void)
{
	return reclaim_look_through_all() ?: reclaim_look_through_all();
}

unsigned long dph_reclaim_make_room(struct dph_user *user)
{
	unsigned long own, freed;
	struct dph_gate *gate;
	long before;
	int nid;

	if (user && !dph_user_reserved(user))
		return 0;
	before = dph_gate_enter(&reclaim_room);
	own = user ? reclaim_own(user) : reclaim_anybodys();
	freed = dph_gate_leave(&reclaim_room, before, own);
	/* A shrinker may have the last blocks, and give them back in a moment. */
	for_each_online_node(nid) {
		if (user ? own : freed)
			break;
		gate = &reclaim_nodes[nid];
		freed = dph_gate_await(gate, dph_gate_freed(gate));
	}
	/* What others gave back is no help at a user's own limit. */
	return user ? own : freed;
}

static unsigned long reclaim_count_reserved(struct shrinker *s,
					    struct shrink_control *sc)
{
	return 2 * dph_lru_count(DPH_LRU_RESERVED, sc) ?: SHRINK_EMPTY;
}

static unsigned long reclaim_scan_reserved(struct shrinker *s,
					   struct shrink_control *sc)
{
	return reclaim_shrink(DPH_LRU_RESERVED, sc);
}

static unsigned long reclaim_count_full(struct shrinker *s,
					struct shrink_control *sc)
{
	return dph_lru_count(DPH_LRU_FULL, sc) ?: SHRINK_EMPTY;
}

static unsigned long reclaim_scan_full(struct shrinker *s,
				       struct shrink_control *sc)
{
	return reclaim_shrink(DPH_LRU_FULL, sc);
}

/*
 * Reservations that nobody uses are worth nothing, so each call looks at all of
 * them: with seeks 0, as for caches that cost no I/O to fill again, the core
 * asks for half of what we count, and we count double. To find the zeroes in
 * full blocks we must read them, so that waits for more pressure (seeks 2, the
 * default). Direct reclaim at its last priority still looks at each block twice
 * before it gives up, as b->referenced demands.
 */
static const struct dph_lru_shrinker reclaim_shrinker_reserved = {
	.name = "dphuge-reserved",
	.count = reclaim_count_reserved,
	.scan = reclaim_scan_reserved,
	.seeks = 0,
};

static const struct dph_lru_shrinker reclaim_shrinker_full = {
	.name = "dphuge-full",
	.count = reclaim_count_full,
	.scan = reclaim_scan_full,
	.seeks = DEFAULT_SEEKS,
};

int dph_reclaim_init(void)
{
	int err = -ENOMEM, nid;

	reclaim_nodes = kcalloc(nr_node_ids, sizeof(*reclaim_nodes),
				GFP_KERNEL);
	if (!reclaim_nodes)
		return err;
	dph_gate_init(&reclaim_room);
	for (nid = 0; nid < nr_node_ids; nid++)
		dph_gate_init(&reclaim_nodes[nid]);
	err = dph_lru_init(DPH_LRU_RESERVED, &reclaim_shrinker_reserved);
	if (err)
		goto free_nodes;
	err = dph_lru_init(DPH_LRU_FULL, &reclaim_shrinker_full);
	if (!err)
		return 0;
	dph_lru_exit(DPH_LRU_RESERVED);
free_nodes:
	kfree(reclaim_nodes);
	return err;
}

void dph_reclaim_exit(void)
{
	dph_lru_exit(DPH_LRU_FULL);
	dph_lru_exit(DPH_LRU_RESERVED);
	kfree(reclaim_nodes);
}
