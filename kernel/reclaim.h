/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What goes back when memory is short.
 */
#ifndef DPH_RECLAIM_H
#define DPH_RECLAIM_H

#include "user.h"

/**
 * dph_reclaim_init() - start: make the lists and register the shrinkers
 *
 * Called after the pool's start, so that its shrinker comes first.
 *
 * Return: 0 or -ENOMEM
 */
int dph_reclaim_init(void);

/**
 * dph_reclaim_exit() - end
 *
 * All mappings are gone.
 */
void dph_reclaim_exit(void);

/**
 * dph_reclaim_make_room() - break up reservations, as a limit is reached
 * @user:	only his; or NULL: whosever they are
 *
 * Handed to dph_limit_init(): the device's limit or a user's is reached. It
 * stops at the first reservation that gives something back.
 *
 * Context: process context; a block's lock may be held. It waits for nobody
 * but others in reclaim, who don't wait for memory.
 * Return: how many 4 KiB pages this gave back
 */
unsigned long dph_reclaim_make_room(struct dph_user *user);

#endif /* DPH_RECLAIM_H */
