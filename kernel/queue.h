/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the background thread is to look at, and when.
 *
 * The queue knows nothing of what it queues but a struct dph_work. While it
 * has one, it has a reference to what the work is embedded in; whoever adds
 * the work takes that reference first, and whoever takes the work out of the
 * queue gets it.
 */
#ifndef DPH_QUEUE_H
#define DPH_QUEUE_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct dph_work - something to look at later
 * @link:	in the queue, or empty; the queue's lock
 * @at:		when to look at it; jiffies; the queue's lock
 * @closed:	it is never queued again; the queue's lock
 * @backoff:	how long the worker waited the last time that it found no
 *		memory, or a lock held; jiffies; the worker's own
 */
struct dph_work {
	struct list_head link;
	unsigned long at;
	bool closed;
	unsigned long backoff;
};

/**
 * dph_queue_init_work() - prepare a work
 * @work:	all zero
 */
void dph_queue_init_work(struct dph_work *work);

/**
 * dph_queue_add() - look at @work in @delay jiffies
 * @work:	what to look at. The caller has taken a reference for the queue
 * @delay:	in jiffies. If it is queued already, the earlier time counts
 *
 * Context: any process context; spinlocks may be held.
 * Return: true if the queue has the reference now; false if it had @work
 * already or @work is closed, so that the caller must drop the reference
 */
bool dph_queue_add(struct dph_work *work, unsigned long delay);

/**
 * dph_queue_close() - take @work out of the queue for good
 * @work:	what nobody is to look at any more
 *
 * Return: true if it was queued: the caller must drop the queue's reference
 */
bool dph_queue_close(struct dph_work *work);

/**
 * dph_queue_next() - take the first work whose time has come
 * @wait:	if there is none, set to how long to wait; jiffies
 *
 * Return: the work with the queue's reference, or NULL
 */
struct dph_work *dph_queue_next(long *wait);

/**
 * dph_queue_wake() - wake the thread, so that it looks at everything again
 *
 * Context: any, even before the module's init function has run.
 */
void dph_queue_wake(void);

/**
 * dph_queue_rearm() - the thread is about to look at everything
 *
 * A dph_queue_wake() from here on keeps the next dph_queue_sleep() short.
 */
void dph_queue_rearm(void);

/**
 * dph_queue_sleep() - the thread sleeps until somebody wakes or stops it
 * @timeout:	at most so long; jiffies
 */
void dph_queue_sleep(long timeout);

/**
 * dph_queue_exit() - check that the queue is empty
 *
 * The thread has ended, and all mappings are gone.
 */
void dph_queue_exit(void);

#endif /* DPH_QUEUE_H */
