// SPDX-License-Identifier: GPL-2.0
/*
 * What is done in the background, by one thread with the lowest priority and a
 * bounded share of one CPU (parameter worker_percent): blocks that a fork, the
 * shrinker or a lack of memory left on single pages are put in order again,
 * see dph_promote_tidy(), and mapped by a PMD at once. It also fills the pool
 * of zeroed folios.
 *
 * Regions that may have such blocks stand in a queue (queue.c). A pass that
 * finds no memory doubles the wait.
 *
 * Who holds a lock at the lowest priority holds it for as long as others keep
 * him from the processor, and neither mmap_lock nor a block's lock lends him
 * theirs. So the thread takes them only for one block at a time, and is a
 * real-time thread of the lowest real-time priority for so long: whoever waits
 * for it, at any priority below that, or as a real-time thread that sleeps,
 * waits for one block's copy at most. It doesn't wait for memory or for
 * mmap_lock while it has them, and what it can't have at once is left for later:
 * a process whose lock is held for ever must not keep it from the others. But it
 * may wait for a page, or for whoever works on the same block. worker_percent
 * bounds all that it runs, at whichever priority.
 */
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/deadline.h>
#include <linux/sched/mm.h>
#include <linux/sched/rt.h>
#include <uapi/linux/sched/types.h>

#include "cow.h"
#include "fork.h"
#include "limit.h"
#include "param.h"
#include "pool.h"
#include "promote.h"
#include "queue.h"
#include "region.h"
#include "vma.h"
#include "vmas.h"
#include "worker.h"

#define WORKER_WAIT_MIN	(1UL * HZ)
#define WORKER_WAIT_MAX	(32UL * HZ)

static struct dph_param worker_percent = {
	50, 100, "percentage", dph_queue_wake
};
module_param_cb(worker_percent, &dph_param_ops, &worker_percent, 0644);
MODULE_PARM_DESC(worker_percent,
		 "share of one CPU that the background thread may take, 0 to 100; 0 = it does nothing (default 50)");

static struct task_struct *worker_thread;

/*
 * Sleep as long as the share of a CPU demands. What counts is for how long we
 * had a CPU, not the time that passed: at this priority others come first. The
 * scheduler brings sum_exec_runtime up to date at each tick and when it
 * switches, which is often enough.
 */
static void worker_rest(void)
{
	static u64 seen, debt;	/* ns; the thread's own */
	u64 ran = current->se.sum_exec_runtime;
	unsigned int percent = dph_param_get(&worker_percent);
	u64 jiffy = NSEC_PER_SEC / HZ;

	if (percent)
		debt += (ran - seen) * (100 - percent) / percent;
	seen = ran;
	if (debt >= jiffy) {
		schedule_timeout_idle(debt / jiffy);
		debt %= jiffy;
	}
}

/*
 * From here to worker_calm(), with the scheduling that it hands back, nobody
 * but real-time threads keeps us from the processor. An administrator who made
 * the thread one himself is not overruled.
 */
static struct sched_attr worker_hurry(void)
{
	struct sched_attr was = {
		.size = sizeof(was),
		.sched_policy = current->policy,
		.sched_nice = task_nice(current),
	};

	if (rt_task(current) || dl_task(current))
		was.size = 0;
	else
		sched_set_fifo_low(current);
	return was;
}

static void worker_calm(struct sched_attr was)
{
	if (was.size)
		sched_setattr_nocheck(current, &was);
}

/* The pool's turn, with the result of dph_pool_maintain(). */
static long worker_do_pool(void)
{
	long wait = dph_pool_maintain();

	if (!wait)
		worker_rest();
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
static struct dph_folio *worker_spare(struct dph_region *r, struct dph_block *b,
				      struct mm_struct *mm)
{
	int nid = NUMA_NO_NODE;
	struct sched_attr was;

	if (dph_limit_memory() != DPH_MEMORY_PLENTY)
		return NULL;
	was = worker_hurry();
	if (mutex_trylock(&b->lock)) {
		nid = dph_block_node(b);
		mutex_unlock(&b->lock);
	}
	worker_calm(was);
	if (nid == NUMA_NO_NODE || !worker_node_allowed(mm, nid))
		return NULL;
	return dph_folio_alloc_near(r->space.user, nid);
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
static bool worker_tidy(struct dph_region *r, struct dph_block *b,
			struct mm_struct *mm, struct dph_folio **spare)
{
	enum dph_promote_result result;
	unsigned long addr = 0;

	if (dph_region_gone(r) || !dph_vmas_walkable(mm))
		return true;
	if (!mutex_trylock(&b->lock))
		return false;
	result = dph_promote_tidy(b, spare);
	if (result == DPH_PROMOTE_MAP)
		addr = dph_vmas_address(&r->space.vmas, b->idx);
	mutex_unlock(&b->lock);
	if (addr)
		worker_map(mm, addr);
	return result != DPH_PROMOTE_LATER;
}

/*
 * Put one block in order. False: it needs a folio and none can be had, or
 * somebody holds it or a page of it. The address space is held for one block
 * only, as its process may want to end.
 */
static bool worker_do_block(struct dph_region *r, struct dph_block *b)
{
	struct mm_struct *mm = dph_region_mm(r);
	struct dph_folio *spare = NULL;
	struct mem_cgroup *memcg, *old;
	struct sched_attr was;
	bool done = true;

	if (!mm)
		return true;
	/* What is allocated is charged to the process's cgroup. */
	memcg = get_mem_cgroup_from_mm(mm);
	old = set_active_memcg(memcg);
	if (dph_promote_wants_folio(b)) {
		spare = worker_spare(r, b, mm);
		done = spare;
	}
	was = worker_hurry();
	if (mmap_read_trylock(mm)) {
		done &= worker_tidy(r, b, mm, &spare);
		mmap_read_unlock(mm);
	} else {
		done = false;
	}
	worker_calm(was);
	dph_folio_put(spare);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	mmput_async(mm);
	return done;
}

/* Has somebody else nothing of the block? As worker_do_block(), for one. */
static bool worker_block_settled(struct dph_region *r, struct dph_block *b)
{
	struct mm_struct *mm = dph_region_mm(r);
	bool settled = false;
	struct sched_attr was;

	if (!mm)
		return false;
	was = worker_hurry();
	if (mmap_read_trylock(mm)) {
		if (dph_vmas_walkable(mm) && mutex_trylock(&b->lock)) {
			settled = dph_cow_settled(b);
			mutex_unlock(&b->lock);
		}
		mmap_read_unlock(mm);
	}
	worker_calm(was);
	mmput_async(mm);
	return settled;
}

enum worker_step { WORKER_DONE, WORKER_AGAIN, WORKER_BUSY };

/*
 * So many steps are made at one visit: enough for a process with half a million
 * VMAs, but one whose VMAs come and go must not keep us for ever.
 */
#define WORKER_SETTLE_STEPS	1000U

/* One step of dph_vma_settle(); or none, if somebody holds mmap_lock. */
static enum worker_step worker_settle_vmas(struct dph_region *r,
					   struct mm_struct *mm)
{
	enum worker_step step = WORKER_DONE;

	/* Newer kernels can't try it. Hardly ever it is taken in between. */
	if (rwsem_is_locked(&mm->mmap_lock))
		return WORKER_BUSY;
	mmap_write_lock(mm);
	if (dph_vmas_walkable(mm) && !dph_vma_settle(r))
		step = WORKER_AGAIN;
	mmap_write_unlock(mm);
	return step;
}

/* Has nobody else anything of the region's blocks? */
static bool worker_blocks_settled(struct dph_region *r)
{
	struct dph_block *b;
	unsigned long idx;

	xa_for_each(&r->space.blocks, idx, b) {
		if (kthread_should_stop() || !worker_block_settled(r, b))
			return false;
		worker_rest();
	}
	return true;
}

/*
 * The blocks are in order. If the region has no relatives any more, and nobody
 * has anything of its blocks, its writes need not be watched. False: there was
 * somebody who has, or who held a lock; then the next visit goes on where this
 * one was, without a look at the blocks, as only a fork can change what was
 * found of them.
 */
static bool worker_settle(struct dph_region *r)
{
	struct dph_settling *s = &r->settling;
	enum worker_step step = WORKER_AGAIN;
	unsigned int forks = READ_ONCE(r->space.forks);
	struct sched_attr was;
	unsigned int steps;
	struct mm_struct *mm;

	/* The next of its relatives to go brings us here again. */
	if (!READ_ONCE(r->space.forked) || !dph_region_alone(r))
		return true;
	if (!s->addr || s->forks != forks) {
		s->addr = 0;
		s->forks = forks;
		if (!worker_blocks_settled(r))
			return kthread_should_stop();
	}
	/* Its process may want to end between two steps, so none has it for long. */
	for (steps = 0; step == WORKER_AGAIN && steps < WORKER_SETTLE_STEPS &&
	     !kthread_should_stop(); steps++) {
		mm = dph_region_mm(r);
		if (!mm)
			return true;
		was = worker_hurry();
		step = worker_settle_vmas(r, mm);
		worker_calm(was);
		mmput_async(mm);
		if (step == WORKER_AGAIN)
			r->work.backoff = 0;	/* there is progress */
		worker_rest();
	}
	return step == WORKER_DONE;
}

static void worker_do_region(struct dph_region *r)
{
	struct dph_block *b;
	bool done = true;
	unsigned long idx;

	dph_region_visited(r);
	xa_for_each(&r->space.blocks, idx, b) {
		cond_resched();
		if (kthread_should_stop() || dph_region_gone(r))
			return;
		if (!dph_promote_untidy(b))
			continue;
		done &= worker_do_block(r, b);
		worker_rest();
		worker_do_pool();
	}
	if (done && worker_settle(r)) {
		r->work.backoff = 0;
		return;
	}
	r->work.backoff = clamp(r->work.backoff * 2, WORKER_WAIT_MIN,
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
		if (dph_param_get(&worker_percent)) {
			pool_wait = worker_do_pool();
			work = dph_queue_next(&wait);
			if (work) {
				r = container_of(work, struct dph_region, work);
				worker_do_region(r);
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
