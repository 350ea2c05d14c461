// SPDX-License-Identifier: GPL-2.0
/*
 * The limits of the device and of each user, so that nobody can take all
 * memory through the device.
 *
 * What counts is what the driver holds for a user, and what others still hold
 * of it after it let go (held.c).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>

#include "count.h"
#include "held.h"
#include "limit.h"

/*
 * Guards limit_pages, limit_stocked and each user's pages and stocked. So a
 * request is compared with both limits and counted in one step: nobody sees
 * half of it, and one that is refused was never counted.
 */
static DEFINE_SPINLOCK(limit_lock);
static unsigned long limit_pages;	/* of all users, with the stocks */
static unsigned int limit_stocked;	/* CPUs that have a stock */
static unsigned long (*limit_make_room)(struct dph_user *user) __ro_after_init;

/*
 * struct limit_stock - pages that a CPU has counted ahead for one user
 * @lock:	guards the others; taken within limit_lock, or alone
 * @user:	whose, with a reference; NULL: nobody's
 * @pages:	how many, 0 if @user is NULL
 *
 * The fault path takes single pages from here, so that faults on many CPUs
 * don't all write to one cache line. Without limit_lock only @pages changes,
 * and only on behalf of @user. So a stock that was emptied under limit_lock,
 * and is nobody's, stays so until that lock is dropped: once all are emptied,
 * the counts are exact.
 */
struct limit_stock {
	spinlock_t lock;
	struct dph_user *user;
	unsigned int pages;
};

static DEFINE_PER_CPU(struct limit_stock, limit_stocks) = {
	.lock = __SPIN_LOCK_UNLOCKED(limit_stocks.lock),
};

/* Pages that are put in stock at once; it may grow to twice as many. */
#define LIMIT_STOCK	32U

/* Which limit refuses? */
enum limit_answer {
	LIMIT_FITS,
	LIMIT_OF_USER,
	LIMIT_OF_DEVICE,
};

/* The two parameters, read and written whole. */
static unsigned long limit_mib, user_limit_mib;

static int limit_set(const char *val, const struct kernel_param *kp)
{
	unsigned long max = ULONG_MAX >> 21;
	unsigned long mib;
	int err = kstrtoul(val, 0, &mib);

	if (err || mib > max) {
		pr_err("%s must be a number of MiB from 0 to %lu\n", kp->name,
		       max);
		return -EINVAL;
	}
	WRITE_ONCE(*(unsigned long *)kp->arg, mib);
	return 0;
}

static const struct kernel_param_ops limit_ops = {
	.set = limit_set,
	.get = param_get_ulong,
};
module_param_cb(limit_mib, &limit_ops, &limit_mib, 0644);
MODULE_PARM_DESC(limit_mib,
		 "MiB that all users of the device may hold together; 0 = 15/16 of RAM (default 0)");
module_param_cb(user_limit_mib, &limit_ops, &user_limit_mib, 0644);
MODULE_PARM_DESC(user_limit_mib,
		 "MiB that each user but root may hold; 0 = no limit but limit_mib (default 0)");

/* In pages. By default 15/16 of RAM: the OOM killer comes before SIGBUS. */
static unsigned long limit_of_device(void)
{
	unsigned long mib = READ_ONCE(limit_mib);
	unsigned long ram = totalram_pages();

	return mib ? mib << (20 - PAGE_SHIFT) : ram - ram / 16;
}

/* In pages. Root is limited by the device's limit only. */
static unsigned long limit_of_user(const struct dph_user *user)
{
	unsigned long mib = READ_ONCE(user_limit_mib);

	return mib && !uid_eq(user->uid, GLOBAL_ROOT_UID) ?
	       mib << (20 - PAGE_SHIFT) : LONG_MAX;
}

static void limit_add(struct dph_user *user, unsigned long pages)
{
	user->pages += pages;
	limit_pages += pages;
}

static void limit_sub(struct dph_user *user, unsigned long pages)
{
	user->pages -= pages;
	limit_pages -= pages;
}

/* Empty a stock, whose lock is held too. Returns how many pages it had. */
static unsigned int limit_stock_empty(struct limit_stock *stock)
{
	struct dph_user *user = stock->user;
	unsigned int pages = stock->pages;

	if (!user)
		return 0;
	limit_sub(user, pages);
	user->stocked--;
	limit_stocked--;
	stock->user = NULL;
	stock->pages = 0;
	dph_user_put(user);
	return pages;
}

/*
 * Empty all stocks of @user, to whom the caller has a reference, or NULL:
 * everybody's. False: there was nothing in them.
 */
static bool limit_drain(struct dph_user *user)
{
	unsigned int pages = 0;
	int cpu;

	lockdep_assert_held(&limit_lock);
	if (!(user ? user->stocked : limit_stocked))
		return false;
	for_each_possible_cpu(cpu) {
		struct limit_stock *stock = per_cpu_ptr(&limit_stocks, cpu);

		spin_lock(&stock->lock);
		if (!user || stock->user == user)
			pages += limit_stock_empty(stock);
		spin_unlock(&stock->lock);
	}
	return pages;
}

static enum limit_answer limit_compare(const struct dph_user *user,
				       unsigned long pages)
{
	if (user->pages + pages > limit_of_user(user))
		return LIMIT_OF_USER;
	if (limit_pages + pages > limit_of_device())
		return LIMIT_OF_DEVICE;
	return LIMIT_FITS;
}

/* Nobody is refused for what is only in stock. */
static enum limit_answer limit_ask(struct dph_user *user, unsigned long pages)
{
	enum limit_answer answer;

	lockdep_assert_held(&limit_lock);
	do {
		answer = limit_compare(user, pages);
	} while (answer != LIMIT_FITS &&
		 limit_drain(answer == LIMIT_OF_USER ? user : NULL));
	return answer;
}

/*
 * Fill this CPU's stock for @user. Near a limit there are no stocks: what is
 * left there is counted page by page, and no request drains them in vain.
 */
static void limit_stock_fill(struct dph_user *user)
{
	struct limit_stock *stock = raw_cpu_ptr(&limit_stocks);

	if (limit_compare(user, 4UL * LIMIT_STOCK * num_possible_cpus()))
		return;
	spin_lock(&stock->lock);
	if (stock->user != user) {
		limit_stock_empty(stock);
		stock->user = dph_user_get(user);
		user->stocked++;
		limit_stocked++;
	}
	if (stock->pages < LIMIT_STOCK) {
		limit_add(user, LIMIT_STOCK - stock->pages);
		stock->pages = LIMIT_STOCK;
	}
	spin_unlock(&stock->lock);
}

/* Count a page from this CPU's stock, if it has one for @user. */
static bool limit_stock_take(struct dph_user *user)
{
	struct limit_stock *stock = raw_cpu_ptr(&limit_stocks);
	bool taken;

	spin_lock(&stock->lock);
	taken = stock->user == user && stock->pages;
	stock->pages -= taken;
	spin_unlock(&stock->lock);
	return taken;
}

/* Put a page into this CPU's stock, if it is @user's and has room. */
static bool limit_stock_give(struct dph_user *user)
{
	struct limit_stock *stock = raw_cpu_ptr(&limit_stocks);
	bool given;

	spin_lock(&stock->lock);
	given = stock->user == user && stock->pages < 2 * LIMIT_STOCK;
	stock->pages += given;
	spin_unlock(&stock->lock);
	return given;
}

/* The stock is full: leave as much there as it began with. */
static void limit_stock_trim(struct dph_user *user)
{
	struct limit_stock *stock = raw_cpu_ptr(&limit_stocks);

	spin_lock(&stock->lock);
	if (stock->user == user && stock->pages > LIMIT_STOCK) {
		limit_sub(user, stock->pages - LIMIT_STOCK);
		stock->pages = LIMIT_STOCK;
	}
	spin_unlock(&stock->lock);
}

void dph_limit_give(struct dph_user *user, unsigned long pages)
{
	if (pages == 1 && limit_stock_give(user))
		return;
	spin_lock(&limit_lock);
	limit_sub(user, pages);
	if (pages == 1)
		limit_stock_trim(user);
	spin_unlock(&limit_lock);
}

void dph_limit_force(struct dph_user *user, unsigned long pages)
{
	spin_lock(&limit_lock);
	limit_add(user, pages);
	spin_unlock(&limit_lock);
}

static enum limit_answer limit_take(struct dph_user *user, unsigned long pages)
{
	enum limit_answer answer;

	if (pages == 1 && limit_stock_take(user))
		return LIMIT_FITS;
	spin_lock(&limit_lock);
	answer = limit_ask(user, pages);
	if (answer == LIMIT_FITS) {
		limit_add(user, pages);
		if (pages == 1)
			limit_stock_fill(user);
	}
	spin_unlock(&limit_lock);
	return answer;
}

/* Is something free that others held, of his, or of anybody's? */
static bool limit_look(struct dph_user *user, enum limit_answer refused,
		       unsigned long max)
{
	return dph_held_look(refused == LIMIT_OF_USER ? user : NULL, max);
}

/* So many of the folios that others hold a request looks at that can fail. */
#define LIMIT_LOOK_MAX	1024UL

bool dph_limit_take(struct dph_user *user, unsigned long pages)
{
	enum limit_answer answer = limit_take(user, pages);

	if (answer != LIMIT_FITS && limit_look(user, answer, LIMIT_LOOK_MAX))
		answer = limit_take(user, pages);
	return answer == LIMIT_FITS;
}

static bool limit_free_some(struct dph_user *user, enum limit_answer refused)
{
	return !fatal_signal_pending(current) &&
	       (limit_look(user, refused, DPH_HELD_ALL) ||
		limit_make_room(user) ||
		(refused == LIMIT_OF_DEVICE && limit_make_room(NULL)));
}

/*
 * Nobody is refused what is only reserved: by the user, or, if it is the device's
 * limit that refuses, by others. At a user's own limit what others have is no
 * help, and must be safe.
 */
bool dph_limit_take_needed(struct dph_user *user)
{
	enum limit_answer answer;

	while ((answer = limit_take(user, 1)) != LIMIT_FITS) {
		if (limit_free_some(user, answer))
			continue;
		/* While we waited our turn, others may have made room. */
		if (limit_take(user, 1) == LIMIT_FITS)
			break;
		dph_count(NULL, DPH_LIMIT_HITS, 1);
		return false;
	}
	return true;
}

static enum limit_answer limit_room(struct dph_user *user)
{
	enum limit_answer answer;

	spin_lock(&limit_lock);
	answer = limit_ask(user, 1);
	spin_unlock(&limit_lock);
	return answer;
}

int dph_limit_room(void)
{
	struct dph_user *user = dph_user_current();
	enum limit_answer answer;

	if (!user)
		return -ENOMEM;
	answer = limit_room(user);
	if (answer != LIMIT_FITS) {
		limit_look(user, answer, DPH_HELD_ALL);
		answer = limit_room(user);
	}
	dph_user_put(user);
	if (answer != LIMIT_FITS)
		dph_count(NULL, DPH_LIMIT_HITS, 1);
	return answer == LIMIT_FITS ? 0 : -ENOMEM;
}

/* What is in stock is nobody's yet. */
unsigned long dph_limit_held(void)
{
	unsigned long pages;
	int cpu;

	spin_lock(&limit_lock);
	pages = limit_pages;
	for_each_possible_cpu(cpu) {
		struct limit_stock *stock = per_cpu_ptr(&limit_stocks, cpu);

		spin_lock(&stock->lock);
		pages -= stock->pages;
		spin_unlock(&stock->lock);
	}
	spin_unlock(&limit_lock);
	return pages << PAGE_SHIFT;
}

unsigned long dph_limit_bytes(void)
{
	return limit_of_device() << PAGE_SHIFT;
}

enum dph_policy_memory dph_limit_memory(void)
{
	return dph_policy_memory(max(si_mem_available(), 0L),
				 totalram_pages());
}

void __init dph_limit_init(unsigned long (*make_room)(struct dph_user *user))
{
	limit_make_room = make_room;
}

void dph_limit_exit(void)
{
	spin_lock(&limit_lock);
	limit_drain(NULL);
	spin_unlock(&limit_lock);
	WARN(limit_pages, "dphuge: %lu pages leaked\n", limit_pages);
}
