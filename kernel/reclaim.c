// SPDX-License-Identifier: GPL-2.0
/*
 * What goes back when memory is short, cheapest first: the unpopulated rest of
 * reservations, then the zeroes in blocks that are 2 MiB pages. Both ways the
 * block moves to single pages; the worker promotes it again when it is dense
 * and memory is back.
 *
 * The blocks stand in lists by node and memory cgroup (list_lru), so that a
 * cgroup that reaches its limit gets back what its own processes hold, before
 * the OOM killer is called. A block populated since we last looked gets a
 * second chance.
 *
 * A shrinker may run in any task that allocates, with any lock held that
 * permits GFP_KERNEL: so block and folio locks are only tried, and mmap_lock
 * isn't taken at all. As for a truncated file, i_mmap_rwsem (which
 * unmap_mapping_range() takes) keeps the VMAs in place.
 */
#include <linux/file.h>
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dphuge.h"
#include "compat.h"
#include "trace.h"

enum { LIST_NONE, LIST_RESERVED, LIST_FULL, LIST_NR };

static struct list_lru lists[LIST_NR];
static bool ready;	/* the lists are; set once */

/*
 * Demotions by reclaim take from the emergency reserves: one at a time. Who
 * comes second waits: without progress, it would call the OOM killer. Whoever
 * holds it doesn't wait for memory.
 */
static DEFINE_MUTEX(reclaim_lock);

static bool shared(const struct dph_block *b)
{
	return refcount_read(&b->base->users) > 1;
}

/*
 * A full base that is shared has no owner. The blocks come back to the list
 * when the worker maps them, or at their next fault.
 */
static unsigned int list_for(const struct dph_block *b)
{
	if (!b->base)
		return LIST_NONE;
	if (!dph_block_full(b))
		return LIST_RESERVED;
	return shared(b) ? LIST_NONE : LIST_FULL;
}

/*
 * An object can be on one list_lru only, the one it was allocated for, as that
 * makes the cgroup's part of it. So the list of reservations links blocks, and
 * that of full blocks links their bases.
 */
struct dph_block *dph_reclaim_block_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	struct dph_block *b;

	b = kmem_cache_alloc_lru(cache, &lists[LIST_RESERVED],
				 gfp | __GFP_ACCOUNT | __GFP_ZERO);
	if (b)
		INIT_LIST_HEAD(&b->lru);
	return b;
}

struct dph_base *dph_reclaim_base_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	struct dph_base *base;

	base = kmem_cache_alloc_lru(cache, &lists[LIST_FULL],
				    gfp | __GFP_ACCOUNT | __GFP_ZERO);
	if (base)
		INIT_LIST_HEAD(&base->lru);
	return base;
}

static struct list_head *link_of(struct dph_block *b)
{
	return b->list == LIST_FULL ? &b->base->lru : &b->lru;
}

/* Take the block off its list, as it is about to lose its base, or to go. */
void dph_reclaim_forget(struct dph_block *b)
{
	if (b->list != LIST_NONE)
		dph_list_del(&lists[b->list], link_of(b));
	b->list = LIST_NONE;
}

/* The block has changed: put it in the list where it belongs. */
void dph_reclaim_update(struct dph_block *b)
{
	unsigned int list = list_for(b);

	lockdep_assert_held(&b->lock);
	if (list == b->list)
		return;
	dph_reclaim_forget(b);
	b->list = list;
	if (list == LIST_FULL)
		b->base->owner = b;
	if (list != LIST_NONE)
		dph_list_add(&lists[list], link_of(b));
}

/* The cgroup that the base is charged to, with a reference, or NULL: the root. */
static struct mem_cgroup *charged_to(struct dph_base *base)
{
	struct mem_cgroup *memcg;

	rcu_read_lock();
	memcg = folio_memcg(base->folio);
	if (memcg && !dph_memcg_tryget(memcg))
		memcg = NULL;
	rcu_read_unlock();
	return memcg;
}

/*
 * Unmap the block everywhere. False: a fault is about to map it, or somebody
 * holds a page of it (I/O, a pipe, mlock).
 */
static bool unmap(struct dph_block *b, struct address_space *mapping)
{
	struct folio *folio = b->base->folio;

	/* See dph_block_quiesce(). */
	if (!folio_trylock(folio))
		return false;
	folio_unlock(folio);
	unmap_mapping_range(mapping, (loff_t)b->idx << PMD_SHIFT, PMD_SIZE, 0);
	return folio_ref_count(folio) == 1;
}

/* Move the block to single pages. Returns the pages that this gives back. */
static unsigned long break_up(struct dph_block *b)
{
	struct mem_cgroup *memcg, *old;
	unsigned long held = DPH_BLOCK_PAGES + (b->over ? b->over->nr : 0);
	unsigned long freed = 0;
	struct file *file = dph_region_file(b->region);
	gfp_t gfp;

	if (!file)
		return 0;
	if (unmap(b, file->f_mapping)) {
		memcg = charged_to(b->base);
		old = set_active_memcg(memcg);
		/* Not to the cgroup of the task that we happen to be in. */
		gfp = memcg ? DPH_GFP_RECLAIM : DPH_GFP_RECLAIM & ~__GFP_ACCOUNT;
		if (!dph_block_demote(b, 0, 0, gfp)) {
			freed = held - (b->over ? b->over->nr : 0);
			dph_count(b->region, DPH_RECLAIMS, 1);
			dph_count(b->region, DPH_RECLAIMED, freed);
			trace_dphuge_reclaim(b, freed);
			if (dph_block_wants_base(b))
				dph_worker_add(b->region, HZ);
		}
		set_active_memcg(old);
		mem_cgroup_put(memcg);
	} else {
		b->remap = dph_block_full(b);
		dph_worker_add(b->region, HZ);
	}
	fput(file);
	return freed;
}

/* Are at least half of a full block's pages zero? A look while it is in use. */
static bool mostly_zero(struct dph_block *b)
{
	unsigned int zero = 0;
	unsigned int i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		zero += dph_block_page_is_zero(folio_page(b->base->folio, i));
		/* Not to be reached any more. */
		if (zero + DPH_BLOCK_PAGES - 1 - i < DPH_BLOCK_PAGES / 2)
			return false;
	}
	return true;
}

/* Zeroes are looked for again after this time at the earliest. */
#define SCAN_INTERVAL	(10 * HZ)

static bool worth_it(struct dph_block *b)
{
	if (!b->base || shared(b))
		return false;
	if (list_for(b) == LIST_RESERVED)
		return dph_policy_break_up(b->nr);
	if (b->scanned && time_before(jiffies, b->scanned + SCAN_INTERVAL))
		return false;
	b->scanned = jiffies ?: 1;
	return mostly_zero(b);
}

static enum lru_status shrink_one(struct dph_block *b, struct list_head *item,
				  struct list_lru_one *list, spinlock_t *lock,
				  unsigned long *freed)
	__must_hold(lock)
{
	struct dph_region *r = b->region;

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
	list_lru_isolate(list, item);
	b->list = LIST_NONE;
	spin_unlock(lock);

	if (worth_it(b))
		*freed += break_up(b);
	dph_reclaim_update(b);
	mutex_unlock(&b->lock);
	dph_region_put(r);
	cond_resched();

	dph_lru_walk_relock(lock);
	return LRU_REMOVED_RETRY;
}

static enum lru_status shrink_reserved(struct list_head *item,
				       struct list_lru_one *list,
				       DPH_LRU_WALK_LOCK void *freed)
{
	return shrink_one(container_of(item, struct dph_block, lru), item, list,
			  DPH_LRU_LOCK_OF(list), freed);
}

static enum lru_status shrink_full(struct list_head *item,
				   struct list_lru_one *list,
				   DPH_LRU_WALK_LOCK void *freed)
{
	struct dph_base *base = container_of(item, struct dph_base, lru);

	return shrink_one(base->owner, item, list, DPH_LRU_LOCK_OF(list),
			  freed);
}

/*
 * Look at so many at least. Direct reclaim is content with 32 pages, but if they
 * don't lift the zone above its low limit at once, the OOM killer comes: whether
 * another try is worth it should_reclaim_retry() judges by the pages on the LRU
 * lists, where ours are not. 8 blocks are 16 MiB, more than min_free_kbytes of
 * most machines.
 */
#define SCAN_MIN	8UL

static unsigned long shrink(unsigned int which, struct shrink_control *sc)
{
	unsigned long freed = 0;

	sc->nr_to_scan = max(sc->nr_to_scan, SCAN_MIN);
	mutex_lock(&reclaim_lock);
	list_lru_shrink_walk(&lists[which], sc,
			     which == LIST_FULL ? shrink_full : shrink_reserved,
			     &freed);
	mutex_unlock(&reclaim_lock);
	dph_account_reclaimed(freed);
	return freed;
}

/*
 * The device-wide limit is reached: break up reservations, whosever they are.
 * The caller may hold a block's lock. Returns the pages that this gave back.
 */
unsigned long dph_reclaim_reservations(void)
{
	unsigned long freed = 0;
	unsigned int round;

	mutex_lock(&reclaim_lock);
	/* A second time for those that had a second chance. */
	for (round = 0; round < 2 && !freed; round++)
		list_lru_walk(&lists[LIST_RESERVED], shrink_reserved, &freed,
			      list_lru_count(&lists[LIST_RESERVED]));
	mutex_unlock(&reclaim_lock);
	return freed;
}

static unsigned long count(unsigned int which, struct shrink_control *sc)
{
	/* Pairs with the release in dph_reclaim_init(). */
	if (!smp_load_acquire(&ready))
		return 0;
	return list_lru_shrink_count(&lists[which], sc);
}

static unsigned long reserved_count(struct shrinker *s,
				    struct shrink_control *sc)
{
	return 2 * count(LIST_RESERVED, sc) ?: SHRINK_EMPTY;
}

static unsigned long reserved_scan(struct shrinker *s,
				   struct shrink_control *sc)
{
	return shrink(LIST_RESERVED, sc);
}

static unsigned long full_count(struct shrinker *s, struct shrink_control *sc)
{
	return count(LIST_FULL, sc) ?: SHRINK_EMPTY;
}

static unsigned long full_scan(struct shrinker *s, struct shrink_control *sc)
{
	return shrink(LIST_FULL, sc);
}

static struct shrinker *shrinkers[LIST_NR];

/* A list takes its shrinker's number, so the shrinkers come first. */
static int list_start(unsigned int which)
{
	int err;

	shrinkers[which] = which == LIST_FULL ?
		dph_shrinker_alloc("dphuge-full", full_count, full_scan, DEFAULT_SEEKS) :
		dph_shrinker_alloc("dphuge-reserved", reserved_count,
				   reserved_scan, 0);
	if (!shrinkers[which])
		return -ENOMEM;
	err = list_lru_init_memcg(&lists[which], shrinkers[which]);
	if (err)
		dph_shrinker_free(shrinkers[which]);
	return err;
}

static void list_stop(unsigned int which)
{
	dph_shrinker_free(shrinkers[which]);
	list_lru_destroy(&lists[which]);
}

/*
 * Reservations that nobody uses are worth nothing: each call comes by all of
 * them (seeks 0, as for caches that cost no I/O to fill again, is half of what
 * we count, and we count double). To look for zeroes in full blocks costs
 * reading them, so it waits for more pressure (seeks 2, the default); direct
 * reclaim at its last priority still comes by each block twice, see
 * b->referenced, before it gives up.
 */
int dph_reclaim_init(void)
{
	int err = list_start(LIST_RESERVED);

	if (err)
		return err;
	err = list_start(LIST_FULL);
	if (err) {
		list_stop(LIST_RESERVED);
		return err;
	}
	/* Pairs with the acquire in count(): the lists are seen whole. */
	smp_store_release(&ready, true);
	dph_shrinker_register(shrinkers[LIST_RESERVED]);
	dph_shrinker_register(shrinkers[LIST_FULL]);
	return 0;
}

void dph_reclaim_exit(void)
{
	list_stop(LIST_FULL);
	list_stop(LIST_RESERVED);
}
