// SPDX-License-Identifier: GPL-2.0
/*
 * What is done in the background, by one thread with the lowest priority and a
 * bounded share of one CPU (pace.c): blocks that a fork, the shrinker or a lack
 * of memory left on single pages are put in order again, see dph_promote_tidy(),
 * and mapped by a PMD at once. It also fills the pool of zeroed folios.
 *
 * Regions that may have such blocks stand in a queue (queue.c). A pass that
 * finds no memory, or a lock held, doubles the wait.
 *
 * It takes mmap_lock and a block's lock only for one block at a time, and hurries
 * for so long. It doesn't wait for memory or for mmap_lock while it has them, and
 * what it can't have at once is left for later: a process whose lock is held for
 * ever must not keep it from the others. But it may wait for a page, or for
 * whoever works on the same block.
 */
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>

#include "cow.h"
#include "fork.h"
#include "limit.h"
#include "pace.h"
#include "pool.h"
#include "promote.h"
#include "queue.h"
#include "region.h"
#include "vma.h"
#include "vmas.h"
#include "worker.h"

#define WORKER_WAIT_MIN	(1UL * HZ)
#define WORKER_WAIT_MAX	(32UL * HZ)
/* mmap_lock is mostly free again soon. */
#define WORKER_WAIT_BUSY	(HZ / 50 ?: 1UL)

/*
 * What became of a piece of work.
 *
 * WORKER_DONE		there is no more to do
 * WORKER_AGAIN		there is, and it can be done now
 * WORKER_LATER		there is no memory, or somebody holds a block or a page
 * WORKER_BUSY		somebody holds mmap_lock
 */
enum worker_step { WORKER_DONE, WORKER_AGAIN, WORKER_LATER, WORKER_BUSY };

static struct task_struct *worker_thread;

/* The pool's turn, with the result of dph_pool_maintain(). */
static long worker_do_pool(void)
{
	long wait = dph_pool_maintain();

	if (!wait)
		dph_pace_rest();
	return wait;
}

/*
 * Is the process allowed memory of the node? A module can ask for its cpuset's
 * nodes, but not for the memory policy of another process. So what is allocated
 * for a block comes from the node where its pages are: there the policy has put
 * them.
 */
static bool worker_node_allowed(struct mm_struct *mm, int nid)
{
	bool allowed = true;
#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		allowed = node_isset(nid, owner->mems_allowed);
	rcu_read_unlock();
#endif
	return allowed;
}

/* A folio for the block, which this may compact memory for; or NULL. */
static struct dph_folio *worker_spare(struct dph_block *b, struct mm_struct *mm)
{
	const struct dph_folio_owner owner = dph_space_owner(b->space);
	int nid = NUMA_NO_NODE;
	struct sched_attr was;

	if (dph_limit_memory() != DPH_MEMORY_PLENTY)
		return NULL;
	was = dph_pace_hurry();
	if (mutex_trylock(&b->lock)) {
		nid = dph_block_node(b);
		mutex_unlock(&b->lock);
	}
	dph_pace_calm(was);
	if (nid == NUMA_NO_NODE || !worker_node_allowed(mm, nid))
		return NULL;
	return dph_folio_alloc_near(&owner, nid);
}

/*
 * Map a block as a read by the process itself would. For a write the core lets
 * go of the page's lock before it maps, and in between our reference would look
 * like somebody else's: the process would copy what is its own already.
 *
 * The core allocates a page table that it finds no use for. It must not wait
 * for that page, nor call the OOM killer, so it may take it from the emergency
 * reserves, and beyond the cgroup's limit, for the moment.
 */
static void worker_map(struct mm_struct *mm, unsigned long addr)
{
	unsigned int flags = memalloc_noreclaim_save();
	bool unlocked;

	fixup_user_fault(mm, addr, 0, &unlocked);
	memalloc_noreclaim_restore(flags);
}

/* The part of worker_do_block() with mmap_lock held, with the same result. */
static enum worker_step worker_tidy(struct dph_region *r, struct dph_block *b,
				    struct mm_struct *mm,
				    struct dph_folio **spare)
{
	enum dph_promote_result result;
	unsigned long addr = 0;

	if (dph_region_gone(r) || !dph_vmas_walkable(mm))
		return WORKER_DONE;
	if (!mutex_trylock(&b->lock))
		return WORKER_LATER;
	result = dph_promote_tidy(b, spare);
	if (result == DPH_PROMOTE_MAP)
		addr = dph_vmas_address(&r->space.vmas, b->idx);
	mutex_unlock(&b->lock);
	if (addr)
		worker_map(mm, addr);
	return result == DPH_PROMOTE_LATER ? WORKER_LATER : WORKER_DONE;
}

/* Nothing is allocated for a process whose lock is held. */
static bool worker_may_read(struct mm_struct *mm)
{
	struct sched_attr was = dph_pace_hurry();
	bool may = mmap_read_trylock(mm);

	if (may)
		mmap_read_unlock(mm);
	dph_pace_calm(was);
	return may;
}

/* The part of worker_do_block() for which the address space is held. */
static enum worker_step worker_do_block_of(struct dph_region *r,
					   struct dph_block *b,
					   struct mm_struct *mm)
{
	enum worker_step step = WORKER_DONE, tidied = WORKER_BUSY;
	struct dph_folio *spare = NULL;
	struct sched_attr was;

	if (dph_promote_wants_folio(b)) {
		if (!worker_may_read(mm))
			return WORKER_BUSY;
		spare = worker_spare(b, mm);
		step = spare ? WORKER_DONE : WORKER_LATER;
	}
	was = dph_pace_hurry();
	if (mmap_read_trylock(mm)) {
		tidied = worker_tidy(r, b, mm, &spare);
		mmap_read_unlock(mm);
	}
	dph_pace_calm(was);
	dph_folio_put(spare);
	return max(step, tidied);
}

/*
 * Put one block in order. The address space is held for one block only, as its
 * process may want to end.
 */
static enum worker_step worker_do_block(struct dph_region *r,
					struct dph_block *b)
{
	struct mm_struct *mm = dph_region_mm(r);
	struct mem_cgroup *memcg, *old;
	enum worker_step step;

	if (!mm)
		return WORKER_DONE;
	/* What is allocated is charged to the process's cgroup. */
	memcg = get_mem_cgroup_from_mm(mm);
	old = set_active_memcg(memcg);
	step = worker_do_block_of(r, b, mm);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	mmput_async(mm);
	return step;
}

/* All blocks that are to be put in order. */
static enum worker_step worker_do_blocks(struct dph_region *r)
{
	enum worker_step step, worst = WORKER_DONE;
	struct dph_block *b;
	unsigned long idx;

	xa_for_each(&r->space.blocks, idx, b) {
		cond_resched();
		if (kthread_should_stop() || dph_region_gone(r))
			break;
		if (!dph_promote_untidy(b))
			continue;
		step = worker_do_block(r, b);
		if (step == WORKER_BUSY)
			return step;
		if (step == WORKER_DONE)
			r->work.backoff = 0;	/* there was progress */
		worst = max(worst, step);
		dph_pace_rest();
		worker_do_pool();
	}
	return worst;
}

/* Has somebody else nothing of the block? Then WORKER_DONE. */
static enum worker_step worker_block_settled(struct dph_region *r,
					     struct dph_block *b)
{
	struct mm_struct *mm = dph_region_mm(r);
	enum worker_step step = WORKER_BUSY;
	struct sched_attr was;

	if (!mm)
		return WORKER_LATER;
	was = dph_pace_hurry();
	if (mmap_read_trylock(mm)) {
		step = WORKER_LATER;
		if (dph_vmas_walkable(mm) && mutex_trylock(&b->lock)) {
			if (dph_cow_settled(b))
				step = WORKER_DONE;
			mutex_unlock(&b->lock);
		}
		mmap_read_unlock(mm);
	}
	dph_pace_calm(was);
	mmput_async(mm);
	return step;
}

/* The same for all of the region's blocks, from where the last visit ended. */
static enum worker_step worker_blocks_settled(struct dph_region *r)
{
	struct dph_settling *s = &r->settling;
	enum worker_step step;
	struct dph_block *b;
	unsigned long idx;

	xa_for_each_start(&r->space.blocks, idx, b, s->block) {
		if (kthread_should_stop())
			return WORKER_LATER;
		step = worker_block_settled(r, b);
		if (step != WORKER_DONE)
			return step;
		s->block = idx + 1;
		dph_pace_rest();
	}
	s->blocks = true;
	return WORKER_DONE;
}

/*
 * So many steps are made at one visit: enough for a process with half a million
 * VMAs, but one whose VMAs come and go must not keep us for ever.
 */
#define WORKER_SETTLE_STEPS	1000U

/* One step of dph_vma_settle(); or none, if somebody holds mmap_lock. */
static enum worker_step worker_settle_vmas(struct dph_region *r)
{
	struct mm_struct *mm = dph_region_mm(r);
	enum worker_step step = WORKER_BUSY;
	struct sched_attr was;

	if (!mm)
		return WORKER_DONE;
	was = dph_pace_hurry();
	/*
	 * Newer kernels have no call that only tries it. It is hardly ever
	 * taken in between.
	 */
	if (!rwsem_is_locked(&mm->mmap_lock)) {
		mmap_write_lock(mm);
		step = dph_vmas_walkable(mm) && !dph_vma_settle(r) ?
		       WORKER_AGAIN : WORKER_DONE;
		mmap_write_unlock(mm);
	}
	dph_pace_calm(was);
	mmput_async(mm);
	return step;
}

/*
 * The blocks are in order. If the region has no relatives any more, and nobody
 * has anything of its blocks, its writes need not be watched.
 *
 * Where one visit comes to a held lock, the next goes on: only a fork can change
 * what was found of a block, and dph_vma_settle() looks for one.
 */
static enum worker_step worker_settle(struct dph_region *r)
{
	struct dph_settling *s = &r->settling;
	unsigned int forks = READ_ONCE(r->space.forks);
	enum worker_step step;
	unsigned int steps;

	/* The next of its relatives to go brings us here again. */
	if (!READ_ONCE(r->space.forked) || !dph_region_alone(r)) {
		*s = (struct dph_settling){ 0 };
		return WORKER_DONE;
	}
	if (s->forks != forks)
		*s = (struct dph_settling){ .forks = forks };
	step = s->blocks ? WORKER_DONE : worker_blocks_settled(r);
	if (step != WORKER_DONE)
		return step;
	/* Its process may want to end between two steps, so none has it for long. */
	for (steps = 0; steps < WORKER_SETTLE_STEPS && !kthread_should_stop();
	     steps++) {
		step = worker_settle_vmas(r);
		if (step != WORKER_AGAIN)
			return step;
		/* There was progress, unless the walk begins anew. */
		if (s->addr)
			r->work.backoff = 0;
		dph_pace_rest();
	}
	return WORKER_LATER;
}

static void worker_do_region(struct dph_region *r)
{
	enum worker_step step;

	dph_region_visited(r);
	step = worker_do_blocks(r);
	if (kthread_should_stop() || dph_region_gone(r))
		return;
	if (step == WORKER_DONE)
		step = worker_settle(r);
	if (step == WORKER_DONE) {
		r->work.backoff = 0;
		return;
	}
	r->work.backoff = clamp(r->work.backoff * 2,
				step == WORKER_BUSY ? WORKER_WAIT_BUSY :
						      WORKER_WAIT_MIN,
				WORKER_WAIT_MAX);
	dph_region_later(r, r->work.backoff);
}

static int worker_main(void *unused)
{
	struct dph_region *r;
	struct dph_work *work;
	long wait, pool_wait;

	set_user_nice(current, MAX_NICE);
	while (!kthread_should_stop()) {
		dph_queue_rearm();
		wait = MAX_SCHEDULE_TIMEOUT;
		if (!dph_pace_stopped()) {
			pool_wait = worker_do_pool();
			work = dph_queue_next(&wait);
			if (work) {
				r = container_of(work, struct dph_region, work);
				worker_do_region(r);
				dph_pace_rest();
				dph_region_put(r);
				continue;
			}
			if (!pool_wait)
				continue;
			wait = min(wait, pool_wait);
		}
		dph_queue_sleep(wait);
	}
	return 0;
}

int dph_worker_init(void)
{
	worker_thread = kthread_run(worker_main, NULL, "dphuge");
	return PTR_ERR_OR_ZERO(worker_thread);
}

void dph_worker_exit(void)
{
	kthread_stop(worker_thread);
	dph_queue_exit();
}
