/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Folios zeroed ahead of need.
 */
#ifndef DPH_POOL_H
#define DPH_POOL_H

#include <linux/mm_types.h>

#include "folio.h"
#include "user.h"

struct vm_fault;

/**
 * dph_pool_init() - start
 *
 * Return: 0 or -ENOMEM
 */
int dph_pool_init(void);

/**
 * dph_pool_exit() - free the pool
 *
 * The worker is gone, and so are all mappings.
 */
void dph_pool_exit(void);

/**
 * dph_pool_take() - have a zeroed folio for a fault
 * @user:	whose it is then
 * @vmf:	the fault
 *
 * Return: a folio from the node where the task runs, charged to its cgroup;
 * NULL if there is none for it. A memory policy that names nodes isn't
 * second-guessed: it gets none
 */
struct dph_folio *dph_pool_take(struct dph_user *user, struct vm_fault *vmf);

/**
 * dph_pool_maintain() - fill or empty the pool by one step; the worker's part
 *
 * Context: the worker thread.
 * Return: 0 if something was done; else when to look again, in jiffies
 */
long dph_pool_maintain(void);

/**
 * dph_pool_bytes() - what the pool has now
 *
 * Return: bytes
 */
unsigned long dph_pool_bytes(void);

#endif /* DPH_POOL_H */
