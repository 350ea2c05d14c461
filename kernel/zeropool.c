// SPDX-License-Identifier: GPL-2.0
/*
 * 2 MiB pages that are zeroed before they are needed: of the fault that maps
 * one, clearing is nearly all the cost (HawkEye, Panwar et al., ASPLOS 2019).
 *
 * The worker thread fills the pool of a node while programs there fault blocks
 * in, and empties it when they have stopped. No call charges a page that
 * exists already to a cgroup, so a page is allocated, and charged, on behalf
 * of the cgroup that asked last, and only its processes get it. The pages stand
 * in lists by node and cgroup (list_lru), so that a cgroup under pressure gives
 * up its own. They count in no user's limit until they are handed out.
 */
#include <linux/cpuset.h>
#include <linux/list_lru.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dphuge.h"
#include "compat.h"

/* Nobody has asked for so long: the node's pages go back. */
#define IDLE	(10 * HZ)

/*
 * struct pooled - a page in the pool
 * @lru:	in pool's list of its node and cgroup; that list's own lock
 * @base:	constant
 */
struct pooled {
	struct list_head lru;
	struct dph_base *base;
};

/*
 * struct want - who asked last on a node
 * @lock:	guards @memcg, @asked
 * @memcg:	a reference, or NULL: nobody, or there are no cgroups
 * @asked:	when; jiffies
 * @retry:	no sooner, as there was no memory; jiffies. The worker's own
 * @nr:		pages in the pool
 */
struct want {
	spinlock_t lock;
	struct mem_cgroup *memcg;
	unsigned long asked;
	unsigned long retry;
	atomic_t nr;
};

static struct list_lru pool;
static struct kmem_cache *pooled_cache;
static struct shrinker *shrinker;
static struct want *wants;	/* by node */
static bool ready;		/* pool is; set once */

static bool has_mempolicy(const struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	return vma->vm_policy || current->mempolicy;
#else
	return false;
#endif
}

/* Pages that a node's pool may have. */
static unsigned int size(void)
{
	return dph_pool_mib() / (PMD_SIZE >> 20);
}

unsigned long dph_pool_bytes(void)
{
	unsigned long pages = 0;
	int nid;

	for_each_node(nid)
		pages += atomic_read(&wants[nid].nr);
	return pages << PMD_SHIFT;
}

static struct dph_base *unpack(struct pooled *p)
{
	struct dph_base *base = p->base;

	atomic_dec(&wants[folio_nid(base->folio)].nr);
	kmem_cache_free(pooled_cache, p);
	return base;
}

static enum lru_status take_one(struct list_head *item,
				struct list_lru_one *list,
				DPH_LRU_WALK_LOCK void *found)
{
	list_lru_isolate(list, item);
	*(struct pooled **)found = container_of(item, struct pooled, lru);
	return LRU_REMOVED;
}

static enum lru_status free_one(struct list_head *item,
				struct list_lru_one *list,
				DPH_LRU_WALK_LOCK void *dispose)
{
	list_lru_isolate_move(list, item, dispose);
	return LRU_REMOVED;
}

static unsigned long free_all(struct list_head *dispose)
{
	struct pooled *p, *next;
	unsigned long freed = 0;

	list_for_each_entry_safe(p, next, dispose, lru) {
		list_del(&p->lru);
		dph_base_put(unpack(p));
		freed += DPH_BLOCK_PAGES;
	}
	return freed;
}

/* Free @nr pages of the node, whosever they are. */
static void shed(int nid, unsigned long nr)
{
	LIST_HEAD(dispose);

	list_lru_walk_node(&pool, nid, free_one, &dispose, &nr);
	free_all(&dispose);
}

static void ask(struct want *want, struct mem_cgroup *memcg)
{
	struct mem_cgroup *old = memcg;

	spin_lock(&want->lock);
	want->asked = jiffies;
	if (want->memcg != memcg) {
		old = want->memcg;
		want->memcg = memcg;
	}
	spin_unlock(&want->lock);
	mem_cgroup_put(old);
}

/*
 * A base that is all zero, charged to the faulting task's cgroup, from the node
 * where it runs; or NULL. A memory policy that names nodes isn't second-guessed.
 */
struct dph_base *dph_pool_take(struct dph_user *user, struct vm_fault *vmf)
{
	int nid = numa_mem_id();
	struct pooled *p = NULL;
	struct dph_base *base;
	struct mem_cgroup *memcg;
	unsigned long nr = 1;

	if (!size() || vmf->vma->vm_mm != current->mm ||
	    has_mempolicy(vmf->vma) ||
	    !node_isset(nid, cpuset_current_mems_allowed))
		return NULL;
	memcg = get_mem_cgroup_from_mm(current->mm);
	list_lru_walk_one(&pool, nid, memcg, take_one, &p, &nr);
	ask(&wants[nid], memcg);
	if (atomic_read(&wants[nid].nr) < size())
		dph_worker_kick();
	if (!p)
		return NULL;
	base = unpack(p);
	if (!dph_base_adopt(base, user)) {
		dph_base_put(base);
		return NULL;
	}
	return base;
}

static bool fill_one(int nid, struct mem_cgroup *memcg)
{
	struct mem_cgroup *old = set_active_memcg(memcg);
	struct pooled *p;
	bool done = false;

	p = kmem_cache_alloc_lru(pooled_cache, &pool, GFP_KERNEL_ACCOUNT);
	if (!p)
		goto out;
	/* Its list is that of the node it lies on itself. */
	p->base = page_to_nid(virt_to_page(p)) == nid ?
		  dph_base_alloc_zeroed(nid) : NULL;
	if (p->base) {
		INIT_LIST_HEAD(&p->lru);
		atomic_inc(&wants[nid].nr);
		dph_list_add(&pool, &p->lru);
		done = true;
	} else {
		kmem_cache_free(pooled_cache, p);
	}
out:
	set_active_memcg(old);
	return done;
}

/* Work on the node's pool. 0: some was done; else when to look again: jiffies. */
static long tend(int nid)
{
	struct want *want = &wants[nid];
	unsigned int have = atomic_read(&want->nr);
	struct mem_cgroup *memcg = NULL;
	bool idle;
	long wait = 0;

	spin_lock(&want->lock);
	idle = time_after_eq(jiffies, want->asked + IDLE);
	if (want->memcg && idle)
		swap(memcg, want->memcg);
	spin_unlock(&want->lock);
	mem_cgroup_put(memcg);
	if (have > size() || (have && idle)) {
		shed(nid, idle ? have : have - size());
		return 0;
	}
	if (idle)
		return MAX_SCHEDULE_TIMEOUT;
	/* Filled for somebody else? Then in time for the one who asks now. */
	if (time_before(jiffies, want->retry))
		return want->retry - jiffies;
	memcg = NULL;
	spin_lock(&want->lock);
	if (want->memcg && dph_memcg_tryget(want->memcg))
		memcg = want->memcg;
	spin_unlock(&want->lock);
	if (have && have >= size() && !list_lru_count_one(&pool, nid, memcg)) {
		shed(nid, 1);
		have--;
	}
	if (have >= size()) {
		wait = IDLE;
	} else if (dph_memory_state() != DPH_MEMORY_PLENTY ||
		   !fill_one(nid, memcg)) {
		want->retry = jiffies + HZ;
		wait = HZ;
	}
	mem_cgroup_put(memcg);
	return wait;
}

/* The worker's part. As tend(), for all nodes. */
long dph_pool_tend(void)
{
	long wait = MAX_SCHEDULE_TIMEOUT;
	int nid;

	for_each_online_node(nid) {
		/* Slab objects and the clearing, too, are to be near. */
		bool move = num_online_nodes() > 1 &&
			    !cpumask_empty(cpumask_of_node(nid));

		if (move)
			set_cpus_allowed_ptr(current, cpumask_of_node(nid));
		wait = min(wait, tend(nid));
		if (move)
			set_cpus_allowed_ptr(current, cpu_possible_mask);
	}
	return wait;
}

static unsigned long pool_count(struct shrinker *s, struct shrink_control *sc)
{
	/* Pairs with the release in dph_pool_init(). */
	if (!smp_load_acquire(&ready))
		return 0;
	/* Double, as in reclaim.c: seeks is 0 here too. */
	return 2 * list_lru_shrink_count(&pool, sc) ?: SHRINK_EMPTY;
}

static unsigned long pool_scan(struct shrinker *s, struct shrink_control *sc)
{
	LIST_HEAD(dispose);
	unsigned long freed;

	list_lru_shrink_walk(&pool, sc, free_one, &dispose);
	freed = free_all(&dispose);
	/* Not to be filled again at once. */
	WRITE_ONCE(wants[sc->nid].retry, jiffies + HZ);
	dph_account_reclaimed(freed);
	return freed;
}

int dph_pool_init(void)
{
	int nid, err = -ENOMEM;

	wants = kcalloc(nr_node_ids, sizeof(*wants), GFP_KERNEL);
	if (!wants)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		spin_lock_init(&wants[nid].lock);
		wants[nid].asked = jiffies - IDLE;
		wants[nid].retry = jiffies;
	}
	pooled_cache = kmem_cache_create("dph_pooled", sizeof(struct pooled), 0,
					 SLAB_ACCOUNT, NULL);
	if (!pooled_cache)
		goto free_wants;
	shrinker = dph_shrinker_alloc("dphuge-pool", pool_count, pool_scan, 0);
	if (!shrinker)
		goto free_cache;
	err = list_lru_init_memcg(&pool, shrinker);
	if (err)
		goto free_shrinker;
	/* Pairs with the acquire in pool_count(). */
	smp_store_release(&ready, true);
	dph_shrinker_register(shrinker);
	return 0;

free_shrinker:
	dph_shrinker_free(shrinker);
free_cache:
	kmem_cache_destroy(pooled_cache);
free_wants:
	kfree(wants);
	return err;
}

/* The worker is gone, and so are all mappings. */
void dph_pool_exit(void)
{
	int nid;

	dph_shrinker_free(shrinker);
	for_each_node(nid) {
		shed(nid, ULONG_MAX);
		mem_cgroup_put(wants[nid].memcg);
	}
	list_lru_destroy(&pool);
	kmem_cache_destroy(pooled_cache);
	kfree(wants);
}
