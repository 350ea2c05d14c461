// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that are zeroed before they are needed: a fault that maps 2 MiB spends
 * nearly all of its time on clearing (HawkEye, Panwar et al., ASPLOS 2019).
 *
 * The worker thread fills the pool of a node while programs there fault blocks
 * in, and empties it when they have stopped. A folio counts in no user's limit,
 * and is charged to no cgroup, until it is handed out; so it serves all of them,
 * and only a machine or a node that is short of memory takes it back.
 */
#include <linux/cpuset.h>
#include <linux/mempolicy.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "compat_shrinker.h"
#include "held.h"
#include "limit.h"
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
 * @lock:	guards @folios; @nr and @asked change with it held
 * @folios:	by their lru: they aren't on the kernel's LRU lists
 * @nr:		how many
 * @asked:	when somebody last wanted one; jiffies
 * @retry:	no sooner is the pool filled, as there was no memory; jiffies.
 *		The worker's own, but for the shrinker, which sets it too
 */
struct pool_node {
	spinlock_t lock;
	struct list_head folios;
	unsigned int nr;
	unsigned long asked;
	unsigned long retry;
};

static struct pool_node *pool_nodes;	/* by node */
static struct shrinker *pool_shrinker;

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
	unsigned long folios = 0;
	int nid;

	for_each_node(nid)
		folios += READ_ONCE(pool_nodes[nid].nr);
	return folios << PMD_SHIFT;
}

static void pool_put(struct pool_node *node, struct folio *core)
{
	spin_lock(&node->lock);
	list_add(&core->lru, &node->folios);
	WRITE_ONCE(node->nr, node->nr + 1);
	spin_unlock(&node->lock);
}

/* The lock is held. NULL: the pool is empty. */
static struct folio *pool_get(struct pool_node *node)
{
	struct folio *core;

	lockdep_assert_held(&node->lock);
	core = list_first_entry_or_null(&node->folios, struct folio, lru);
	if (core) {
		list_del(&core->lru);
		WRITE_ONCE(node->nr, node->nr - 1);
	}
	return core;
}

/* Free up to @nr folios of the node. Returns how many 4 KiB pages these were. */
static unsigned long pool_shed(int nid, unsigned long nr)
{
	struct pool_node *node = &pool_nodes[nid];
	unsigned long freed = 0;
	struct folio *core;

	for (; nr; nr--) {
		spin_lock(&node->lock);
		core = pool_get(node);
		spin_unlock(&node->lock);
		if (!core)
			break;
		dph_held_let_go(core);
		freed += DPH_BLOCK_PAGES;
	}
	return freed;
}

/* A fault wants a folio of the node. NULL: there is none that is sound. */
static struct folio *pool_ask(struct pool_node *node)
{
	struct folio *core;

	spin_lock(&node->lock);
	WRITE_ONCE(node->asked, jiffies);
	core = pool_get(node);
	spin_unlock(&node->lock);
	if (READ_ONCE(node->nr) < pool_size())
		dph_queue_wake();
	if (core && dph_held_poisoned(core)) {
		dph_held_let_go(core);
		return NULL;
	}
	return core;
}

struct dph_folio *dph_pool_take(const struct dph_folio_owner *owner,
				struct vm_fault *vmf)
{
	int nid = numa_mem_id();
	struct pool_node *node = &pool_nodes[nid];
	struct dph_folio *folio;
	struct folio *core;

	if (!pool_size() || vmf->vma->vm_mm != current->mm ||
	    pool_mempolicy(vmf->vma) ||
	    !node_isset(nid, cpuset_current_mems_allowed))
		return NULL;
	core = pool_ask(node);
	if (!core)
		return NULL;
	folio = dph_folio_adopt(owner, &core);
	if (core)
		pool_put(node, core);
	return folio;
}

/* One node's part of dph_pool_maintain(), with the same result. */
static long pool_maintain_node(int nid)
{
	struct pool_node *node = &pool_nodes[nid];
	bool idle = time_after_eq(jiffies, READ_ONCE(node->asked) + POOL_IDLE);
	unsigned int have = READ_ONCE(node->nr);
	struct folio *core;

	if (have > pool_size() || (have && idle)) {
		pool_shed(nid, idle ? have : have - pool_size());
		return 0;
	}
	if (idle)
		return MAX_SCHEDULE_TIMEOUT;
	if (time_before(jiffies, READ_ONCE(node->retry)))
		return READ_ONCE(node->retry) - jiffies;
	if (have >= pool_size())
		return POOL_IDLE;
	core = dph_limit_memory() == DPH_MEMORY_PLENTY ?
	       dph_folio_zeroed(nid) : NULL;
	if (!core) {
		WRITE_ONCE(node->retry, jiffies + HZ);
		return HZ;
	}
	pool_put(node, core);
	return 0;
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
	return 2UL * READ_ONCE(pool_nodes[sc->nid].nr) ?: SHRINK_EMPTY;
}

static unsigned long pool_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = pool_shed(sc->nid, sc->nr_to_scan);

	/* Not to be filled again at once. */
	WRITE_ONCE(pool_nodes[sc->nid].retry, jiffies + HZ);
	dph_compat_account_reclaimed(freed);
	return freed ?: SHRINK_STOP;
}

int dph_pool_init(void)
{
	int nid;

	pool_nodes = kcalloc(nr_node_ids, sizeof(*pool_nodes), GFP_KERNEL);
	if (!pool_nodes)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		spin_lock_init(&pool_nodes[nid].lock);
		INIT_LIST_HEAD(&pool_nodes[nid].folios);
		pool_nodes[nid].asked = jiffies - POOL_IDLE;
		pool_nodes[nid].retry = jiffies;
	}
	pool_shrinker = dph_compat_shrinker_alloc_flags("dphuge-pool",
							pool_count, pool_scan,
							0, 1,
							SHRINKER_NUMA_AWARE);
	if (!pool_shrinker) {
		kfree(pool_nodes);
		return -ENOMEM;
	}
	dph_compat_shrinker_register(pool_shrinker);
	return 0;
}

void dph_pool_exit(void)
{
	int nid;

	dph_compat_shrinker_free(pool_shrinker);
	for_each_node(nid)
		pool_shed(nid, ULONG_MAX);
	kfree(pool_nodes);
}
