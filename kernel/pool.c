// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that are zeroed before they are needed: a fault that maps 2 MiB spends
 * nearly all of its time on clearing (HawkEye, Panwar et al., ASPLOS 2019).
 *
 * The worker thread fills the pool of a node while programs there fault blocks
 * in, and empties it when they have stopped. No call charges a folio that
 * exists already to a cgroup, so a folio is allocated, and charged, on behalf
 * of the cgroup that asked last, and only its processes get it. The folios
 * stand in lists by node and cgroup (list_lru), so that a cgroup under pressure
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
 * struct pool_entry - a folio in the pool
 * @lru:	in the list of its node and cgroup; that list's own lock
 * @folio:	constant
 */
struct pool_entry {
	struct list_head lru;
	struct dph_folio *folio;
};

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

static struct list_lru pool_list;
static struct kmem_cache *pool_cache;
static struct shrinker *pool_shrinker;
static struct pool_node *pool_nodes;	/* by node */
static bool pool_ready;			/* pool_list is; set once */

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

/* The folio of an entry that is in no list any more; the entry goes. */
static struct dph_folio *pool_unpack(struct pool_entry *p)
{
	struct dph_folio *folio = p->folio;

	atomic_dec(&pool_nodes[folio_nid(folio->core)].nr);
	kmem_cache_free(pool_cache, p);
	return folio;
}

static enum lru_status pool_take_one(struct list_head *item,
				     struct list_lru_one *list,
				     DPH_COMPAT_LRU_LOCK_ARG void *found)
{
	list_lru_isolate(list, item);
	*(struct pool_entry **)found = container_of(item, struct pool_entry,
						    lru);
	return LRU_REMOVED;
}

static enum lru_status pool_free_one(struct list_head *item,
				     struct list_lru_one *list,
				     DPH_COMPAT_LRU_LOCK_ARG void *dispose)
{
	list_lru_isolate_move(list, item, dispose);
	return LRU_REMOVED;
}

/* Free entries and folios. Returns how many 4 KiB pages these were. */
static unsigned long pool_free_all(struct list_head *dispose)
{
	struct pool_entry *p, *next;
	unsigned long freed = 0;

	list_for_each_entry_safe(p, next, dispose, lru) {
		list_del(&p->lru);
		dph_folio_put(pool_unpack(p));
		freed += DPH_BLOCK_PAGES;
	}
	return freed;
}

/* Free @nr folios of the node, whosever they are. */
static void pool_shed(int nid, unsigned long nr)
{
	LIST_HEAD(dispose);

	list_lru_walk_node(&pool_list, nid, pool_free_one, &dispose, &nr);
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
	struct pool_entry *p = NULL;
	struct dph_folio *folio;
	struct mem_cgroup *memcg;
	unsigned long nr = 1;

	if (!pool_size() || vmf->vma->vm_mm != current->mm ||
	    pool_mempolicy(vmf->vma) ||
	    !node_isset(nid, cpuset_current_mems_allowed))
		return NULL;
	memcg = get_mem_cgroup_from_mm(current->mm);
	list_lru_walk_one(&pool_list, nid, memcg, pool_take_one, &p, &nr);
	pool_ask(&pool_nodes[nid], memcg);
	if (atomic_read(&pool_nodes[nid].nr) < pool_size())
		dph_queue_wake();
	if (!p)
		return NULL;
	folio = pool_unpack(p);
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
	struct pool_entry *p;
	bool done = false;

	p = kmem_cache_alloc_lru(pool_cache, &pool_list, GFP_KERNEL_ACCOUNT);
	if (!p)
		goto out;
	/* The node that the entry itself lies on decides on its list. */
	p->folio = page_to_nid(virt_to_page(p)) == nid ?
		   dph_folio_alloc_zeroed(nid) : NULL;
	if (p->folio) {
		INIT_LIST_HEAD(&p->lru);
		atomic_inc(&pool_nodes[nid].nr);
		dph_compat_lru_add(&pool_list, &p->lru);
		done = true;
	} else {
		kmem_cache_free(pool_cache, p);
	}
out:
	set_active_memcg(old);
	return done;
}

/* One node's part of dph_pool_maintain(), with the same result. */
static long pool_maintain_node(int nid)
{
	struct pool_node *node = &pool_nodes[nid];
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
	if (have && have >= pool_size() &&
	    !list_lru_count_one(&pool_list, nid, memcg)) {
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

	for_each_online_node(nid) {
		/* Slab objects come from the node we run on, and clearing is fast. */
		bool move = num_online_nodes() > 1 &&
			    !cpumask_empty(cpumask_of_node(nid));

		if (move)
			set_cpus_allowed_ptr(current, cpumask_of_node(nid));
		wait = min(wait, pool_maintain_node(nid));
		if (move)
			set_cpus_allowed_ptr(current, cpu_possible_mask);
	}
	return wait;
}

static unsigned long pool_count(struct shrinker *s, struct shrink_control *sc)
{
	/* Pairs with the release in dph_pool_init(). */
	if (!smp_load_acquire(&pool_ready))
		return 0;
	/* Double, as in reclaim.c: seeks is 0 here too. */
	return 2 * list_lru_shrink_count(&pool_list, sc) ?: SHRINK_EMPTY;
}

static unsigned long pool_scan(struct shrinker *s, struct shrink_control *sc)
{
	LIST_HEAD(dispose);
	unsigned long freed;

	list_lru_shrink_walk(&pool_list, sc, pool_free_one, &dispose);
	freed = pool_free_all(&dispose);
	/* Not to be filled again at once. */
	WRITE_ONCE(pool_nodes[sc->nid].retry, jiffies + HZ);
	dph_compat_account_reclaimed(freed);
	return freed;
}

int dph_pool_init(void)
{
	int nid, err = -ENOMEM;

	pool_nodes = kcalloc(nr_node_ids, sizeof(*pool_nodes), GFP_KERNEL);
	if (!pool_nodes)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		spin_lock_init(&pool_nodes[nid].lock);
		pool_nodes[nid].asked = jiffies - POOL_IDLE;
		pool_nodes[nid].retry = jiffies;
	}
	pool_cache = kmem_cache_create("dph_pooled", sizeof(struct pool_entry),
				       0, SLAB_ACCOUNT, NULL);
	if (!pool_cache)
		goto free_nodes;
	pool_shrinker = dph_compat_shrinker_alloc("dphuge-pool", pool_count,
						  pool_scan, 0);
	if (!pool_shrinker)
		goto free_cache;
	err = list_lru_init_memcg(&pool_list, pool_shrinker);
	if (err)
		goto free_shrinker;
	/* Pairs with the acquire in pool_count(). */
	smp_store_release(&pool_ready, true);
	dph_compat_shrinker_register(pool_shrinker);
	return 0;

free_shrinker:
	dph_compat_shrinker_free(pool_shrinker);
free_cache:
	kmem_cache_destroy(pool_cache);
free_nodes:
	kfree(pool_nodes);
	return err;
}

void dph_pool_exit(void)
{
	int nid;

	dph_compat_shrinker_free(pool_shrinker);
	for_each_node(nid) {
		pool_shed(nid, ULONG_MAX);
		mem_cgroup_put(pool_nodes[nid].memcg);
	}
	list_lru_destroy(&pool_list);
	kmem_cache_destroy(pool_cache);
	kfree(pool_nodes);
}
