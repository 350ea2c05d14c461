/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Folios that are zeroed before they are needed.
 */
#ifndef DPH_POOL_H
#define DPH_POOL_H

#include "folio.h"

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
 * dph_pool_take() - get a zeroed folio for a fault
 * @owner:	for whom it is from now on
 * @vmf:	the fault
 *
 * Return: a folio from the node where the task runs, charged to its cgroup;
 * NULL if there is none for it, or if the task or the mapping has a memory
 * policy, which may want another node
 */
struct dph_folio *dph_pool_take(const struct dph_folio_owner *owner,
				struct vm_fault *vmf);

/**
 * dph_pool_maintain() - fill or empty the pool by one step; for the worker
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
