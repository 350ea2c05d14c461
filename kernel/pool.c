// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that are zeroed before they are needed: a fault that maps 2 MiB spends
 * nearly all of its time on clearing (HawkEye, Panwar et al., ASPLOS 2019).
 *
 * The worker thread fills the pool of a node while programs there fault blocks
 * in, and empties it when they have stopped. No call charges a folio that
 * exists already to a cgroup, so a folio is allocated, and charged, on behalf
 * of the cgroup that asked last, and only its processes get it. The folios
 * stand in a list by node and cgroup (lru.c), so that a cgroup under pressure
 * gives up its own. They count in no user's limit until they are handed out.
 */
#include <linux/cpuset.h>
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "compat_lru.h"
#include "compat_shrinker.h"
#include "limit.h"
#include "lru.h"
#include "param.h"
#include "pool.h"
#include "queue.h"

/* When nobody has asked for so long, the node's folios go back. */
#define POOL_IDLE	(10 * HZ)

#define POOL_MIB_MAX	65536

static struct dph_param pool_mib = {
	16, POOL_MIB_MAX, "number of MiB", dph_queue_wake
};
module_param_cb(pool_mib, &dph_param_ops, &pool_mib, 0644);
MODULE_PARM_DESC(pool_mib,
		 "MiB in 2 MiB pages that are kept zeroed on each memory node while programs there fault blocks in; 0 = none (default 16)");

/*
 * struct pool_node - a node's part of the pool
 * @lock:	guards @memcg, @asked
 * @memcg:	who asked last, with a reference; NULL: nobody, or there are no
 *		cgroups
 * @asked:	when he asked; jiffies
 * @retry:	no sooner is the pool filled, as there was no memory; jiffies.
 *		The worker's own, but for the shrinker, which sets it too
 * @nr:		folios in the pool
 */
struct pool_node {
	spinlock_t lock;
	struct mem_cgroup *memcg;
	unsigned long asked;
	unsigned long retry;
	atomic_t nr;
};

static struct pool_node *pool_nodes;	/* by node */

static bool pool_mempolicy(const struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	return vma->vm_policy || current->mempolicy;
#else
	return false;
#endif
}

/* How many folios a node's pool may have. */
static unsigned int pool_size(void)
{
	return dph_param_get(&pool_mib) / (PMD_SIZE >> 20);
}

unsigned long dph_pool_bytes(void)
{
	unsigned long pages = 0;
	int nid;

	for_each_node(nid)
		pages += atomic_read(&pool_nodes[nid].nr);
	return pages << PMD_SHIFT;
}

/* A folio that is in no list any more isn't the pool's. */
static void pool_forget(struct dph_folio *folio)
{
	INIT_LIST_HEAD(&folio->lru);
	atomic_dec(&pool_nodes[folio_nid(folio->core)].nr);
}

static enum lru_status pool_take_one(struct list_head *item,
				     struct list_lru_one *list,
				     DPH_COMPAT_LRU_LOCK_ARG void *found)
{
	list_lru_isolate(list, item);
	*(struct dph_folio **)found = container_of(item, struct dph_folio, lru);
	return LRU_REMOVED;
}

static enum lru_status pool_free_one(struct list_head *item,
				     struct list_lru_one *list,
				     DPH_COMPAT_LRU_LOCK_ARG void *dispose)
{
	list_lru_isolate_move(list, item, dispose);
	return LRU_REMOVED;
}

/* Returns how many 4 KiB pages these were. */
static unsigned long pool_free_all(struct list_head *dispose)
{
	struct dph_folio *folio, *next;
	unsigned long freed = 0;

	list_for_each_entry_safe(folio, next, dispose, lru) {
		pool_forget(folio);
		dph_folio_put(folio);
		freed += DPH_BLOCK_PAGES;
	}
	return freed;
}

/* Free @nr folios of the node, whosever they are. */
static void pool_shed(int nid, unsigned long nr)
{
	LIST_HEAD(dispose);

	dph_lru_walk_node(DPH_LRU_POOL, nid, nr, pool_free_one, &dispose);
	pool_free_all(&dispose);
}

/* A task of @memcg, to which we have a reference, wants a folio of the node. */
static void pool_ask(struct pool_node *node, struct mem_cgroup *memcg)
{
	struct mem_cgroup *old = memcg;

	spin_lock(&node->lock);
	node->asked = jiffies;
	if (node->memcg != memcg) {
		old = node->memcg;
		node->memcg = memcg;
	}
	spin_unlock(&node->lock);
	mem_cgroup_put(old);
}

struct dph_folio *dph_pool_take(struct dph_user *user, struct vm_fault *vmf)
{
	int nid = numa_mem_id();
	struct shrink_control part = { .nid = nid, .nr_to_scan = 1 };
	struct dph_folio *folio = NULL;
	struct mem_cgroup *memcg;

	if (!pool_size() || vmf->vma->vm_mm != current->mm ||
	    pool_mempolicy(vmf->vma) ||
	    !node_isset(nid, cpuset_current_mems_allowed))
		return NULL;
	memcg = get_mem_cgroup_from_mm(current->mm);
	part.memcg = memcg;
	dph_lru_shrink(DPH_LRU_POOL, &part, pool_take_one, &folio);
	pool_ask(&pool_nodes[nid], memcg);
	if (atomic_read(&pool_nodes[nid].nr) < pool_size())
		dph_queue_wake();
	if (!folio)
		return NULL;
	pool_forget(folio);
	if (!dph_folio_adopt(folio, user)) {
		dph_folio_put(folio);
		return NULL;
	}
	return folio;
}

/* One more folio for @memcg. False: there is no memory for it. */
static bool pool_fill_one(int nid, struct mem_cgroup *memcg)
{
	struct mem_cgroup *old = set_active_memcg(memcg);
	struct dph_folio *folio = dph_folio_alloc_zeroed(nid);

	set_active_memcg(old);
	if (!folio)
		return false;
	atomic_inc(&pool_nodes[nid].nr);
	dph_lru_add(DPH_LRU_POOL, &folio->lru, folio->core);
	return true;
}

/* One node's part of dph_pool_maintain(), with the same result. */
static long pool_maintain_node(int nid)
{
	struct pool_node *node = &pool_nodes[nid];
	struct shrink_control part = { .nid = nid };
	unsigned int have = atomic_read(&node->nr);
	struct mem_cgroup *memcg = NULL;
	bool idle;
	long wait = 0;

	spin_lock(&node->lock);
	idle = time_after_eq(jiffies, node->asked + POOL_IDLE);
	if (node->memcg && idle)
		swap(memcg, node->memcg);
	spin_unlock(&node->lock);
	mem_cgroup_put(memcg);
	if (have > pool_size() || (have && idle)) {
		pool_shed(nid, idle ? have : have - pool_size());
		return 0;
	}
	if (idle)
		return MAX_SCHEDULE_TIMEOUT;
	if (time_before(jiffies, node->retry))
		return node->retry - jiffies;
	memcg = NULL;
	spin_lock(&node->lock);
	if (node->memcg && dph_compat_memcg_tryget(node->memcg))
		memcg = node->memcg;
	spin_unlock(&node->lock);
	/* If it is full of another cgroup's folios, these go one by one. */
	part.memcg = memcg;
	if (have && have >= pool_size() &&
	    !dph_lru_count(DPH_LRU_POOL, &part)) {
		pool_shed(nid, 1);
		have--;
	}
	if (have >= pool_size()) {
		wait = POOL_IDLE;
	} else if (dph_limit_memory() != DPH_MEMORY_PLENTY ||
		   !pool_fill_one(nid, memcg)) {
		node->retry = jiffies + HZ;
		wait = HZ;
	}
	mem_cgroup_put(memcg);
	return wait;
}

long dph_pool_maintain(void)
{
	long wait = MAX_SCHEDULE_TIMEOUT;
	int nid;

	/*
	 * From wherever the thread runs. To clear a folio of another node takes
	 * longer, but where the thread runs is the administrator's to say.
	 */
	for_each_online_node(nid)
		wait = min(wait, pool_maintain_node(nid));
	return wait;
}

static unsigned long pool_count(struct shrinker *s, struct shrink_control *sc)
{
	/* Double, as in reclaim.c: seeks is 0 here too. */
	return 2 * dph_lru_count(DPH_LRU_POOL, sc) ?: SHRINK_EMPTY;
}

static unsigned long pool_scan(struct shrinker *s, struct shrink_control *sc)
{
	LIST_HEAD(dispose);
	unsigned long freed;

	dph_lru_shrink(DPH_LRU_POOL, sc, pool_free_one, &dispose);
	freed = pool_free_all(&dispose);
	/* Not to be filled again at once. */
	WRITE_ONCE(pool_nodes[sc->nid].retry, jiffies + HZ);
	dph_compat_account_reclaimed(freed);
	return freed;
}

static const struct dph_lru_shrinker pool_shrinker = {
	.name = "dphuge-pool",
	.count = pool_count,
	.scan = pool_scan,
	.seeks = 0,
};

int dph_pool_init(void)
{
	int nid, err;

	pool_nodes = kcalloc(nr_node_ids, sizeof(*pool_nodes), GFP_KERNEL);
	if (!pool_nodes)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		spin_lock_init(&pool_nodes[nid].lock);
		pool_nodes[nid].asked = jiffies - POOL_IDLE;
		pool_nodes[nid].retry = jiffies;
	}
	err = dph_lru_init(DPH_LRU_POOL, &pool_shrinker);
	if (err)
		kfree(pool_nodes);
	return err;
}

void dph_pool_exit(void)
{
	int nid;

	for_each_node(nid) {
		pool_shed(nid, ULONG_MAX);
		mem_cgroup_put(pool_nodes[nid].memcg);
	}
	dph_lru_exit(DPH_LRU_POOL);
	kfree(pool_nodes);
}
