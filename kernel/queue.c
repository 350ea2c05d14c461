// SPDX-License-Identifier: GPL-2.0
/*
 * What the background thread is to look at, each with the time from which on
 * it is worth a look; and where the thread sleeps.
 */
#include <linux/bug.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "queue.h"

static DECLARE_WAIT_QUEUE_HEAD(queue_waiters);
static DEFINE_SPINLOCK(queue_lock);	/* guards the list and its works */
static LIST_HEAD(queue_list);
static bool queue_woken;	/* look at everything again */

void dph_queue_init_work(struct dph_work *work)
{
	INIT_LIST_HEAD(&work->link);
}

void dph_queue_wake(void)
{
	WRITE_ONCE(queue_woken, true);
	wake_up(&queue_waiters);
}

bool dph_queue_add(struct dph_work *work, unsigned long delay)
{
	unsigned long at = jiffies + delay;
	bool added, earlier;

	spin_lock(&queue_lock);
	if (work->closed) {
		spin_unlock(&queue_lock);
		return false;
	}
	added = list_empty(&work->link);
	earlier = added || time_before(at, work->at);
	if (added)
		list_add_tail(&work->link, &queue_list);
	if (earlier)
		work->at = at;
	spin_unlock(&queue_lock);
	if (earlier)
		dph_queue_wake();
	return added;
}

bool dph_queue_close(struct dph_work *work)
{
	bool queued;

	spin_lock(&queue_lock);
	queued = !list_empty(&work->link);
	list_del_init(&work->link);
	work->closed = true;
	spin_unlock(&queue_lock);
	return queued;
}

struct dph_work *dph_queue_next(long *wait)
{
	struct dph_work *work, *found = NULL;

	*wait = MAX_SCHEDULE_TIMEOUT;
	spin_lock(&queue_lock);
	list_for_each_entry(work, &queue_list, link) {
		long left = (long)(work->at - jiffies);

		if (left <= 0) {
			list_del_init(&work->link);
			found = work;
			break;
		}
		*wait = min(*wait, left);
	}
	spin_unlock(&queue_lock);
	return found;
}

void dph_queue_rearm(void)
{
	/* What is looked at afterwards is as new as the last wake-up. */
	smp_store_mb(queue_woken, false);
}

void dph_queue_sleep(long timeout)
{
	wait_event_interruptible_timeout(queue_waiters,
					 READ_ONCE(queue_woken) ||
					 kthread_should_stop(), timeout);
}

void dph_queue_exit(void)
{
	WARN_ON(!list_empty(&queue_list));
}
