// SPDX-License-Identifier: GPL-2.0
/*
 * dphuge: anonymous-like memory whose page size is decided for each 2 MiB
 * block while the program runs. This file is the order in which the parts start
 * and end, and says what is handed to whom.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/module.h>
#include <linux/printk.h>

#include "blocks.h"
#include "device.h"
#include "folio.h"
#include "held.h"
#include "limit.h"
#include "pagetable.h"
#include "pool.h"
#include "reclaim.h"
#include "worker.h"

static int __init main_init(void)
{
	int err;

	/* A Xen PV guest, for one, has no 2 MiB pages. */
	if (!has_transparent_hugepage()) {
		pr_err("this processor or its hypervisor does not support 2 MiB pages\n");
		return -ENODEV;
	}
	dph_limit_init(dph_reclaim_make_room);
	err = dph_held_init(dph_limit_give);
	if (err)
		return err;
	err = dph_folio_init();
	if (err)
		goto held;
	err = dph_blocks_init();
	if (err)
		goto folio;
	/* Its shrinker comes before those of reclaim.c. */
	err = dph_pool_init();
	if (err)
		goto blocks;
	err = dph_reclaim_init();
	if (err)
		goto pool;
	err = dph_worker_init();
	if (err)
		goto reclaim;
	err = dph_device_init();
	if (err)
		goto worker;
	pr_info("ready, threshold %u %%\n", dph_device_threshold());
	return 0;

worker:
	dph_worker_exit();
reclaim:
	dph_reclaim_exit();
pool:
	dph_pool_exit();
blocks:
	dph_blocks_exit();
folio:
	dph_folio_exit();
held:
	dph_held_exit();
	return err;
}

static void __exit main_exit(void)
{
	dph_device_exit();
	dph_worker_exit();
	dph_reclaim_exit();
	dph_pool_exit();
	/* After the last mapping, and before the caches go. */
	dph_pagetable_exit();
	dph_blocks_exit();
	dph_folio_exit();
	dph_held_exit();
	dph_limit_exit();
}

module_init(main_init);
module_exit(main_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Memory with a page size decided for each 2 MiB block at run time");
