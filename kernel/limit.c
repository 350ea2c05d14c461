// SPDX-License-Identifier: GPL-2.0
/*
 * The limits of the device and of each user, so that nobody can take all
 * memory through the device.
 *
 * What counts is what the driver holds. A page that I/O still references
 * after we let go of it is the business of whoever holds that reference.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "count.h"
#include "limit.h"

static atomic_long_t limit_held_pages;
static unsigned long (*limit_make_room)(void) __ro_after_init;

/* The two parameters, read and written whole. */
static unsigned long limit_mib;
static unsigned long user_limit_mib;

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

	if (!mib)
		return ram - ram / 16;
	return mib << (20 - PAGE_SHIFT);
}

/* In pages. Root is limited by the device's limit only. */
static unsigned long limit_of_user(const struct dph_user *user)
{
	unsigned long mib = READ_ONCE(user_limit_mib);

	return mib && !uid_eq(user->uid, GLOBAL_ROOT_UID) ?
	       mib << (20 - PAGE_SHIFT) : LONG_MAX;
}

void dph_limit_give(struct dph_user *user, unsigned long pages)
{
	atomic_long_sub(pages, &user->pages);
	atomic_long_sub(pages, &limit_held_pages);
}

void dph_limit_force(struct dph_user *user, unsigned long pages)
{
	atomic_long_add(pages, &limit_held_pages);
	atomic_long_add(pages, &user->pages);
}

bool dph_limit_take(struct dph_user *user, unsigned long pages)
{
	bool fits = atomic_long_add_return(pages, &limit_held_pages) <=
		    limit_of_device();

	fits &= atomic_long_add_return(pages, &user->pages) <=
		limit_of_user(user);
	if (!fits)
		dph_limit_give(user, pages);
	return fits;
}

/* Nobody is refused what he needs while others only reserve it. */
bool dph_limit_take_needed(struct dph_user *user)
{
	while (!dph_limit_take(user, 1)) {
		if (limit_make_room())
			continue;
		dph_count(NULL, DPH_LIMIT_HITS, 1);
		return false;
	}
	return true;
}

int dph_limit_room(void)
{
	struct dph_user *user = dph_user_current();
	bool room;

	if (!user)
		return -ENOMEM;
	room = atomic_long_read(&limit_held_pages) + 1 <= limit_of_device() &&
	       atomic_long_read(&user->pages) + 1 <= limit_of_user(user);
	dph_user_put(user);
	if (room)
		return 0;
	dph_count(NULL, DPH_LIMIT_HITS, 1);
	return -ENOMEM;
}

unsigned long dph_limit_held(void)
{
	return (unsigned long)atomic_long_read(&limit_held_pages) << PAGE_SHIFT;
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

void __init dph_limit_init(unsigned long (*make_room)(void))
{
	limit_make_room = make_room;
}

void dph_limit_exit(void)
{
	WARN(atomic_long_read(&limit_held_pages), "dphuge: %ld pages leaked\n",
	     atomic_long_read(&limit_held_pages));
}
