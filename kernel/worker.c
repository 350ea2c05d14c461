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
 */
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>

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

/* The pool's turn, with the result of dph_pool_maintain(). */
static long worker_do_pool(void)
{
	long wait = dph_pool_maintain();

	if (!wait)
		worker_rest();
	return wait;
}

/*
 * Put one block in order. False: it needs a folio and none can be had, or I/O
 * holds a page. The address space is held for one block only, as its process
 * may want to end.
 */
static bool worker_do_block(struct dph_region *r, struct dph_block *b)
{
	struct mm_struct *mm = dph_region_mm(r);
	struct dph_folio *spare = NULL;
	struct mem_cgroup *memcg, *old;
	enum dph_promote_result result;
	unsigned long addr = 0;
	bool unlocked;
	bool again = false;

	if (!mm)
		return true;
	/* What is allocated is charged to the process's cgroup. */
	memcg = get_mem_cgroup_from_mm(mm);
	old = set_active_memcg(memcg);
	/* This may compact memory, so it is done before locks are taken. */
	if (dph_promote_wants_folio(b)) {
		int nid;

		mutex_lock(&b->lock);
		nid = dph_block_node(b);
		mutex_unlock(&b->lock);
		if (dph_limit_memory() == DPH_MEMORY_PLENTY)
			spare = dph_folio_alloc_near(r->space.user, nid);
		again = !spare;
	}

	mmap_read_lock(mm);
	if (!dph_region_gone(r)) {
		mutex_lock(&b->lock);
		result = dph_promote_tidy(b, &spare);
		again |= result == DPH_PROMOTE_LATER;
		if (result == DPH_PROMOTE_MAP)
			addr = dph_vmas_address(r->space.mapping, &r->space,
						b->idx);
		mutex_unlock(&b->lock);
		/*
		 * Map it as a read by the process itself would. For a write the
		 * core lets go of the page's lock before it maps, and in between
		 * our reference would look like somebody else's: the process
		 * would copy what is its own already.
		 */
		if (addr)
			fixup_user_fault(mm, addr, 0, &unlocked);
	}
	mmap_read_unlock(mm);
	dph_folio_put(spare);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	mmput(mm);
	return !again;
}

static void worker_do_region(struct dph_region *r)
{
	struct dph_block *b;
	bool done = true;
	unsigned long idx;

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
	if (done) {
		r->work.backoff = 0;
		dph_vma_settle(r);
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
