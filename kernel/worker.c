// SPDX-License-Identifier: GPL-2.0
/*
 * What is done in the background, by one thread with the lowest priority and a
 * bounded share of one CPU (parameter worker_percent): blocks that a fork, the
 * shrinker or a lack of memory left on single pages are put in order again,
 * see dph_block_tidy(), and mapped by a PMD at once. It also fills the pool of
 * zeroed pages.
 *
 * Regions that may have such blocks stand in a queue, each with the time from
 * which on it is worth a look. A pass that finds no memory doubles the wait.
 */
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>

#include "dphuge.h"

#define WAIT_MIN	(1UL * HZ)
#define WAIT_MAX	(32UL * HZ)

static struct task_struct *thread;
static DECLARE_WAIT_QUEUE_HEAD(wake);
static DEFINE_SPINLOCK(queue_lock);	/* guards the queue and its links */
static LIST_HEAD(queue);
static bool kicked;	/* look at the queue again */

void dph_worker_kick(void)
{
	WRITE_ONCE(kicked, true);
	wake_up(&wake);
}

/*
 * Look at @r in @delay jiffies; not if its last VMA is gone, as nobody would
 * take it out of the queue again. Callable with spinlocks held.
 */
void dph_worker_add(struct dph_region *r, unsigned long delay)
{
	unsigned long at = jiffies + delay;
	bool earlier;

	spin_lock(&queue_lock);
	/* Set before dph_worker_remove() takes the lock: that or this sees it. */
	if (READ_ONCE(r->gone)) {
		spin_unlock(&queue_lock);
		return;
	}
	earlier = list_empty(&r->work) || time_before(at, r->work_at);
	if (list_empty(&r->work)) {
		kref_get(&r->ref);
		list_add_tail(&r->work, &queue);
	}
	if (earlier)
		r->work_at = at;
	spin_unlock(&queue_lock);
	if (earlier)
		dph_worker_kick();
}

/* The region is gone, as it says. */
void dph_worker_remove(struct dph_region *r)
{
	bool queued;

	spin_lock(&queue_lock);
	queued = !list_empty(&r->work);
	list_del_init(&r->work);
	spin_unlock(&queue_lock);
	if (queued)
		dph_region_put(r);
}

/*
 * The first region whose time has come, with the queue's reference; or NULL
 * and how long to wait.
 */
static struct dph_region *next_region(long *wait)
{
	struct dph_region *r, *found = NULL;

	*wait = MAX_SCHEDULE_TIMEOUT;
	spin_lock(&queue_lock);
	list_for_each_entry(r, &queue, work) {
		long left = (long)(r->work_at - jiffies);

		if (left <= 0) {
			list_del_init(&r->work);
			found = r;
			break;
		}
		*wait = min(*wait, left);
	}
	spin_unlock(&queue_lock);
	return found;
}

/*
 * Rest so long that the share of a CPU is kept. What counts is the time that we
 * had one, not the time that passed: at this priority others come first. The
 * scheduler brings it up to date at each tick and when it switches, which is
 * often enough.
 */
static void rest(void)
{
	static u64 seen, debt;	/* ns; the thread's own */
	u64 ran = current->se.sum_exec_runtime;
	unsigned int percent = dph_worker_percent();
	u64 jiffy = NSEC_PER_SEC / HZ;

	if (percent)
		debt += (ran - seen) * (100 - percent) / percent;
	seen = ran;
	if (debt >= jiffy) {
		schedule_timeout_idle(debt / jiffy);
		debt %= jiffy;
	}
}

/* The pool's turn. As dph_pool_tend(). */
static long tend_pool(void)
{
	long wait = dph_pool_tend();

	if (!wait)
		rest();
	return wait;
}

/*
 * One block. False: it needs a folio, and none can be had, or I/O is in the
 * way. The address space is held no longer than that, as its process may want
 * to end.
 */
static bool tidy(struct dph_block *b)
{
	struct mm_struct *mm = dph_region_mm(b->region);
	struct dph_base *spare = NULL;
	struct mem_cgroup *memcg, *old;
	unsigned long addr = 0;
	enum dph_tidy tidied;
	bool unlocked;
	bool again = false;

	if (!mm)
		return true;
	/* What is allocated is the process's. */
	memcg = get_mem_cgroup_from_mm(mm);
	old = set_active_memcg(memcg);
	/* May compact: so it's done before locks are taken. */
	if (dph_block_wants_base(b)) {
		int nid;

		mutex_lock(&b->lock);
		nid = dph_block_node(b);
		mutex_unlock(&b->lock);
		if (dph_memory_state() == DPH_MEMORY_PLENTY)
			spare = dph_base_alloc_near(b->region->user, nid);
		again = !spare;
	}

	mmap_read_lock(mm);
	if (!READ_ONCE(b->region->gone)) {
		mutex_lock(&b->lock);
		tidied = dph_block_tidy(b, &spare);
		again |= tidied == DPH_TIDY_LATER;
		if (tidied == DPH_TIDY_MAP)
			addr = dph_region_address(b->region, b->idx);
		mutex_unlock(&b->lock);
		/*
		 * As a read of the process's own would. For a write the core
		 * lets go of the page's lock before it maps, and in between
		 * our reference would look like somebody else's: the process
		 * would copy or keep what is its own.
		 */
		if (addr)
			fixup_user_fault(mm, addr, 0, &unlocked);
	}
	mmap_read_unlock(mm);
	dph_base_put(spare);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	mmput(mm);
	return !again;
}

static void work_on(struct dph_region *r)
{
	struct dph_block *b;
	bool done = true;
	unsigned long idx;

	xa_for_each(&r->blocks, idx, b) {
		cond_resched();
		if (kthread_should_stop() || READ_ONCE(r->gone))
			return;
		if (!dph_block_untidy(b))
			continue;
		done &= tidy(b);
		rest();
		tend_pool();
	}
	if (done) {
		r->work_wait = 0;
		dph_fork_settle(r);
		return;
	}
	r->work_wait = clamp(r->work_wait * 2, WAIT_MIN, WAIT_MAX);
	dph_worker_add(r, r->work_wait);
}

static int worker(void *unused)
{
	struct dph_region *r;
	long wait, pool_wait;

	set_user_nice(current, MAX_NICE);
	while (!kthread_should_stop()) {
		WRITE_ONCE(kicked, false);
		wait = MAX_SCHEDULE_TIMEOUT;
		if (dph_worker_percent()) {
			pool_wait = tend_pool();
			r = next_region(&wait);
			if (r) {
				work_on(r);
				dph_region_put(r);
				continue;
			}
			if (!pool_wait)
				continue;
			wait = min(wait, pool_wait);
		}
		wait_event_interruptible_timeout(wake, READ_ONCE(kicked) ||
						 kthread_should_stop(), wait);
	}
	return 0;
}

int dph_worker_init(void)
{
	thread = kthread_run(worker, NULL, "dphuge");
	return PTR_ERR_OR_ZERO(thread);
}

void dph_worker_exit(void)
{
	kthread_stop(thread);
	WARN_ON(!list_empty(&queue));
}
