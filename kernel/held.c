// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the driver has let go of, and that somebody else still has a
 * reference to: a pipe (vmsplice), or I/O. If it counted no longer, a user could
 * take any amount of memory by way of pipes, and 4 KiB in a pipe can hold 2 MiB.
 *
 * The core doesn't tell a driver when the last reference to a page goes. So we
 * keep one of our own, and the charge, and look again from time to time: when
 * ours is the last, the folio is freed. It is in no page table then. Who finds it
 * by its page frame (compaction, a memory error) may have a reference for a
 * moment, as to any page that is being freed, and drops it. We look
 *
 * - soon after it came, and then less and less often, down to once a second;
 * - at once when a limit would refuse a request (limit.c), or no 2 MiB folio
 *   can be had (folio.c);
 * - when memory is short (a shrinker).
 *
 * A reference that is only taken for a moment, by get_user_pages_fast() or by
 * somebody who walks all page frames, puts a folio here until the next look.
 *
 * The folios stand in a queue for each user, linked by their own private, which
 * is ours: the core asks for it only if PG_private is set, and doesn't migrate
 * what has no mapping and a reference of somebody else's (folio->lru may be the
 * kernel's). So nothing is allocated, and a user who is refused looks at his own
 * folios only. While there are any, the queue has a reference to the user: he
 * stays in debt when his last process has ended.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat_lru.h"
#include "compat_shrinker.h"
#include "held.h"

#define HELD_DELAY_MIN	max(HZ / 50UL, 1UL)
#define HELD_DELAY_MAX	(1UL * HZ)

/* How many folios the work looks at, and of one user before it is another's turn. */
#define HELD_LOOK_MAX	1024UL
#define HELD_LOOK_USER	128UL

/* So many are looked at before others get the lock. */
#define HELD_LOOK_BATCH	32U

/* Guards the list and the queues, the three counters, and held_delay. */
static DEFINE_SPINLOCK(held_lock);
static LIST_HEAD(held_users);		/* who have any, by their held_link */
static unsigned long held_folios;
static unsigned long held_pages;
static unsigned long held_delay;	/* until the work's next look; jiffies */

static void held_look_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(held_work, held_look_again);

static struct shrinker *held_shrinker;
static void (*held_give)(struct dph_user *user, unsigned long pages);

/* The last reference is ours. */
static bool held_free(struct folio *folio)
{
	return folio_ref_count(folio) == 1;
}

bool dph_held_poisoned(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);
	struct page *end = page + folio_nr_pages(folio);

	while (page < end && !PageHWPoison(page))
		page++;
	return page < end;
}

/*
 * What is poisoned must reach nobody again. The page allocator sees to that for a
 * single page (free_pages_prepare()). A larger folio is kept for ever.
 */
void dph_held_let_go(struct folio *folio)
{
	if (folio_test_large(folio) && dph_held_poisoned(folio))
		pr_warn_ratelimited("2 MiB at pfn %lx are not used again after a memory error\n",
				    folio_pfn(folio));
	else
		folio_put(folio);
}

/* To the end of a queue. */
static void held_enqueue(struct dph_held_queue *queue, struct folio *folio)
{
	folio->private = NULL;
	if (queue->first)
		queue->last->private = folio;
	else
		queue->first = folio;
	queue->last = folio;
}

/* The first of a queue that isn't empty. */
static struct folio *held_dequeue(struct dph_held_queue *queue)
{
	struct folio *folio = queue->first;

	queue->first = folio->private;
	folio->private = NULL;
	return folio;
}

static void held_add(struct dph_user *user, struct folio *folio)
{
	lockdep_assert_held(&held_lock);
	if (!user->held_folios++) {
		dph_user_get(user);
		list_add_tail(&user->held_link, &held_users);
	}
	held_enqueue(&user->held, folio);
	held_folios++;
	held_pages += folio_nr_pages(folio);
}

/*
 * It is out of the user's queue; take it out of the counts as well, which nobody
 * sees half done: who doesn't find it in the queue any more may have its pages.
 * Returns true if it was the user's last: the queue's reference to him is the
 * caller's then.
 */
static bool held_del(struct dph_user *user, struct folio *folio)
{
	unsigned long pages = folio_nr_pages(folio);

	lockdep_assert_held(&held_lock);
	held_folios--;
	held_pages -= pages;
	held_give(user, pages);
	if (--user->held_folios)
		return false;
	list_del_init(&user->held_link);
	return true;
}

/* Free folios that nobody knows any more. Returns how many pages these were. */
static unsigned long held_dispose(struct dph_held_queue *queue)
{
	unsigned long freed = 0;

	while (queue->first) {
		struct folio *folio = held_dequeue(queue);

		freed += folio_nr_pages(folio);
		dph_held_let_go(folio);
	}
	return freed;
}

void dph_held_put(struct dph_user *user, struct folio *folio)
{
	unsigned long pages = folio_nr_pages(folio);

	if (held_free(folio)) {
		dph_held_let_go(folio);
		held_give(user, pages);
		return;
	}
	spin_lock(&held_lock);
	held_add(user, folio);
	if (held_delay != HELD_DELAY_MIN) {
		held_delay = HELD_DELAY_MIN;
		cancel_delayed_work(&held_work);
	}
	schedule_delayed_work(&held_work, held_delay);
	spin_unlock(&held_lock);
}

/*
 * Look at the first @max folios of @user, to whom the caller has a reference;
 * what stays goes to the end of his queue. Others may do the same meanwhile.
 */
static unsigned long held_look_user(struct dph_user *user, unsigned long max)
{
	struct dph_held_queue dispose = { 0 };
	unsigned int emptied = 0;
	unsigned long freed;
	unsigned long i;

	spin_lock(&held_lock);
	for (i = 1; i <= max && user->held_folios; i++) {
		struct folio *folio = held_dequeue(&user->held);

		if (held_free(folio)) {
			emptied += held_del(user, folio);
			held_enqueue(&dispose, folio);
		} else {
			held_enqueue(&user->held, folio);
		}
		if (i % HELD_LOOK_BATCH == 0)
			cond_resched_lock(&held_lock);
	}
	spin_unlock(&held_lock);
	freed = held_dispose(&dispose);
	/* More than once if something was added while the lock was free. */
	while (emptied--)
		dph_user_put(user);
	return freed;
}

/* The user whose turn it is, with a reference; or NULL: nobody has any. */
static struct dph_user *held_next_user(unsigned long *folios)
{
	struct dph_user *user;

	spin_lock(&held_lock);
	user = list_first_entry_or_null(&held_users, struct dph_user,
					held_link);
	if (user) {
		dph_user_get(user);
		list_move_tail(&user->held_link, &held_users);
		*folios = user->held_folios;
	}
	spin_unlock(&held_lock);
	return user;
}

/* Of one user @each, then of the next, until it was @max. */
static unsigned long held_look(unsigned long max, unsigned long each)
{
	unsigned long freed = 0;
	unsigned long folios;
	struct dph_user *user;

	while (max && (user = held_next_user(&folios))) {
		folios = min3(folios, each, max);
		freed += held_look_user(user, folios);
		dph_user_put(user);
		max -= folios;
	}
	return freed;
}

unsigned long dph_held_look(struct dph_user *user, unsigned long max)
{
	unsigned long folios = user ? READ_ONCE(user->held_folios) :
				      READ_ONCE(held_folios);

	max = min(max, folios);
	if (!max)
		return 0;
	return user ? held_look_user(user, max) :
		      held_look(max, max == folios ? max : HELD_LOOK_USER);
}

static void held_look_again(struct work_struct *work)
{
	bool freed = dph_held_look(NULL, HELD_LOOK_MAX);

	spin_lock(&held_lock);
	/* As soon as it can, while not all have been looked at. */
	held_delay = freed || held_folios > HELD_LOOK_MAX ?
		     HELD_DELAY_MIN : min(2 * held_delay, HELD_DELAY_MAX);
	if (held_folios)
		schedule_delayed_work(&held_work, held_delay);
	spin_unlock(&held_lock);
}

unsigned long dph_held_bytes(void)
{
	return READ_ONCE(held_pages) << PAGE_SHIFT;
}

static unsigned long held_count(struct shrinker *s, struct shrink_control *sc)
{
	return READ_ONCE(held_folios);
}

static unsigned long held_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long freed = dph_held_look(NULL, sc->nr_to_scan);

	dph_compat_account_reclaimed(freed);
	return freed ?: SHRINK_STOP;
}

int dph_held_init(void (*give)(struct dph_user *user, unsigned long pages))
{
	held_give = give;
	held_delay = HELD_DELAY_MIN;
	held_shrinker = dph_compat_shrinker_alloc_plain("dphuge-held",
							held_count, held_scan);
	if (!held_shrinker)
		return -ENOMEM;
	dph_compat_shrinker_register(held_shrinker);
	return 0;
}

/*
 * The pages that somebody still has are ordinary ones of the page allocator:
 * no mapping, no private data, no function of ours is behind them. So the core
 * frees them with their last reference without us.
 */
void dph_held_exit(void)
{
	struct dph_user *user;
	unsigned long unused;

	cancel_delayed_work_sync(&held_work);
	dph_compat_shrinker_free(held_shrinker);
	while ((user = held_next_user(&unused))) {
		struct folio *folio;
		bool last;

		spin_lock(&held_lock);
		folio = held_dequeue(&user->held);
		last = held_del(user, folio);
		spin_unlock(&held_lock);
		dph_held_let_go(folio);
		if (last)
			dph_user_put(user);
		dph_user_put(user);
	}
}
