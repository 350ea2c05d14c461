// SPDX-License-Identifier: GPL-2.0
/*
 * Who holds a lock at the lowest priority holds it for as long as others keep
 * him from the processor, and neither mmap_lock nor a block's lock lends him
 * theirs. So the thread is a real-time thread of the lowest real-time priority
 * for as long as it has one of them: whoever waits for it, at any priority below
 * that, or as a real-time thread that sleeps, waits for one block's copy at most.
 * worker_percent bounds all that it runs, at whichever priority.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/deadline.h>
#include <linux/sched/rt.h>

#include "pace.h"
#include "param.h"
#include "queue.h"

static struct dph_param pace_percent = {
	50, 100, "percentage", dph_queue_wake
};
module_param_cb(worker_percent, &dph_param_ops, &pace_percent, 0644);
MODULE_PARM_DESC(worker_percent,
		 "share of one CPU that the background thread may take, 0 to 100; 0 = it does nothing (default 50)");

/*
 * Sleep as long as the share of a CPU demands. What counts is for how long we
 * had a CPU, not the time that passed: at this priority others come first. The
 * scheduler brings sum_exec_runtime up to date at each tick and when it
 * switches, which is often enough.
 */
void dph_pace_rest(void)
{
	static u64 seen, debt;	/* ns; the thread's own */
	u64 ran = current->se.sum_exec_runtime;
	unsigned int percent = dph_param_get(&pace_percent);
	u64 jiffy = NSEC_PER_SEC / HZ;

	if (percent)
		debt += (ran - seen) * (100 - percent) / percent;
	seen = ran;
	cond_resched();
	if (debt >= jiffy) {
		schedule_timeout_idle(debt / jiffy);
		debt %= jiffy;
	}
}

/* If an administrator made it a real-time thread, it stays as he made it. */
struct sched_attr dph_pace_hurry(void)
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

void dph_pace_calm(struct sched_attr was)
{
	if (was.size)
		sched_setattr_nocheck(current, &was);
}

bool dph_pace_stopped(void)
{
	return !dph_param_get(&pace_percent);
}
