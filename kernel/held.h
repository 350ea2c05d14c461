/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that the driver has let go of, and that a pipe or I/O still holds.
 */
#ifndef DPH_HELD_H
#define DPH_HELD_H

#include <linux/mm_types.h>

#include "user.h"

/* For dph_held_look(): look at everything. */
#define DPH_HELD_ALL	ULONG_MAX

/**
 * dph_held_init() - start
 * @give:	called when memory that was counted for a user is free, with the
 *		number of 4 KiB pages. A spinlock may be held
 *
 * Return: 0 or -ENOMEM
 */
int dph_held_init(void (*give)(struct dph_user *user, unsigned long pages));

/**
 * dph_held_exit() - let go of everything
 *
 * All mappings and the pool are gone. What a pipe still has is the pipe's alone
 * from here on.
 */
void dph_held_exit(void);

/**
 * dph_held_put() - let go of a folio, and of its charge when it is free
 * @user:	for whom it is counted
 * @folio:	of any order; in no block any more, and unmapped, or about to
 *		be. The caller's reference goes. Its private is used
 *
 * If nobody else has a reference it is free at once.
 *
 * Context: process context; a block's lock may be held.
 */
void dph_held_put(struct dph_user *user, struct folio *folio);

/**
 * dph_held_let_go() - give a folio back to the page allocator
 * @folio:	of any order, which counts for nobody. The caller's reference goes.
 *		If it is large and a memory error was found in it, it is kept for
 *		ever
 */
void dph_held_let_go(struct folio *folio);

/**
 * dph_held_poisoned() - has the folio a page that the hardware can't read?
 * @folio:	of any order
 *
 * Return: true if a memory error was found in it
 */
bool dph_held_poisoned(struct folio *folio);

/**
 * dph_held_look() - free what nobody else has any more
 * @user:	only what is counted for him, to whom the caller has a
 *		reference; or NULL: for anybody
 * @max:	look at so many folios at most; or DPH_HELD_ALL
 *
 * Context: process context; a block's lock may be held. Allocates nothing and
 * waits for nobody; with DPH_HELD_ALL it may reschedule.
 * Return: how many 4 KiB pages that freed
 */
unsigned long dph_held_look(struct dph_user *user, unsigned long max);

/**
 * dph_held_bytes() - what others hold now
 *
 * Return: bytes
 */
unsigned long dph_held_bytes(void);

#endif /* DPH_HELD_H */
