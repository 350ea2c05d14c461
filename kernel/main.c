// SPDX-License-Identifier: GPL-2.0
/*
 * dphuge: anonymous-like memory whose page size is decided for each 2 MiB
 * block while the program runs. This file is load, unload and parameters.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "dphuge.h"

/*
 * An unsigned parameter with bounds; some tell the worker to look again.
 * @value is read and written whole.
 */
struct bounded {
	unsigned int value;
	unsigned int max;
	const char *unit;
	bool kicks;
};

static int bounded_set(const char *val, const struct kernel_param *kp)
{
	struct bounded *b = kp->arg;
	unsigned int value;
	int err = kstrtouint(val, 0, &value);

	if (err || value > b->max) {
		pr_err("%s is a %s, 0 to %u\n", kp->name, b->unit, b->max);
		return -EINVAL;
	}
	WRITE_ONCE(b->value, value);
	if (b->kicks)
		dph_worker_kick();
	return 0;
}

static int bounded_get(char *buffer, const struct kernel_param *kp)
{
	struct bounded *b = kp->arg;

	return sysfs_emit(buffer, "%u\n", READ_ONCE(b->value));
}

static const struct kernel_param_ops bounded_ops = {
	.set = bounded_set,
	.get = bounded_get,
};

static struct bounded threshold = {
	DPHUGE_THRESHOLD, DPH_PERCENT_MAX, "percentage"
};
module_param_cb(threshold, &bounded_ops, &threshold, 0644);
MODULE_PARM_DESC(threshold,
		 "percent of a 2 MiB block that must be touched before it becomes one 2 MiB page, 0 to 100; 0 = at first touch (default "
		 __stringify(DPHUGE_THRESHOLD) ")");

static bool adaptive = true;
module_param(adaptive, bool, 0644);
MODULE_PARM_DESC(adaptive,
		 "blocks next to densely used ones may become a 2 MiB page at their first touch (default Y)");

static unsigned long limit_mib;

static unsigned long user_limit_mib;

/* For both limits. */
static int limit_set(const char *val, const struct kernel_param *kp)
{
	unsigned long max = ULONG_MAX >> 21;
	unsigned long mib;
	int err = kstrtoul(val, 0, &mib);

	if (err || mib > max) {
		pr_err("%s is a number of MiB, 0 to %lu\n", kp->name, max);
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

static struct bounded worker_percent = { 50, 100, "percentage", true };
module_param_cb(worker_percent, &bounded_ops, &worker_percent, 0644);
MODULE_PARM_DESC(worker_percent,
		 "share of one CPU that the background thread may take, 0 to 100; 0 = it does nothing (default 50)");

#define POOL_MAX	65536

static struct bounded pool_mib = { 16, POOL_MAX, "number of MiB", true };
module_param_cb(pool_mib, &bounded_ops, &pool_mib, 0644);
MODULE_PARM_DESC(pool_mib,
		 "MiB in 2 MiB pages that are kept zeroed on each memory node while programs there fault blocks in; 0 = none (default 16)");

unsigned int dph_pool_mib(void)
{
	return READ_ONCE(pool_mib.value);
}

unsigned int dph_worker_percent(void)
{
	return READ_ONCE(worker_percent.value);
}

unsigned int dph_threshold(void)
{
	return READ_ONCE(threshold.value);
}

bool dph_adaptive(void)
{
	return READ_ONCE(adaptive);
}

unsigned long dph_user_limit_mib(void)
{
	return READ_ONCE(user_limit_mib);
}

unsigned long dph_limit_mib(void)
{
	return READ_ONCE(limit_mib);
}

static struct miscdevice dph_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dphuge",
	.fops = &dph_device_fops,
	.mode = 0666,
	.groups = dph_stats_groups,
};

static int __init dph_init(void)
{
	int err;

	/* A Xen PV guest hasn't, for one. */
	if (!has_transparent_hugepage()) {
		pr_err("no 2 MiB pages: the processor or the hypervisor has none\n");
		return -ENODEV;
	}
	err = dph_memory_init();
	if (err)
		return err;
	err = dph_region_init();
	if (err)
		goto memory;
	/* Its shrinker comes before those of reclaim.c. */
	err = dph_pool_init();
	if (err)
		goto region;
	err = dph_reclaim_init();
	if (err)
		goto pool;
	err = dph_worker_init();
	if (err)
		goto reclaim;
	err = misc_register(&dph_misc);
	if (err)
		goto worker;
	pr_info("ready, threshold %u %%\n", dph_threshold());
	return 0;

worker:
	dph_worker_exit();
reclaim:
	dph_reclaim_exit();
pool:
	dph_pool_exit();
region:
	dph_region_exit();
memory:
	dph_memory_exit();
	return err;
}

static void __exit dph_exit(void)
{
	misc_deregister(&dph_misc);
	dph_worker_exit();
	dph_reclaim_exit();
	dph_pool_exit();
	dph_pt_exit();
	dph_region_exit();
	dph_memory_exit();
}

module_init(dph_init);
module_exit(dph_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Memory with a page size decided for each 2 MiB block at run time");
