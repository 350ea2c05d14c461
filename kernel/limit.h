/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The limits of the device and of each user. Only limit.c changes the counters
 * of what they hold, that in struct dph_user included.
 */
#ifndef DPH_LIMIT_H
#define DPH_LIMIT_H

#include <linux/types.h>

#include "policy.h"
#include "user.h"

/**
 * dph_limit_init() - start
 * @make_room:	called when a limit is reached: gives back what is only
 *		reserved, by @user if that isn't NULL, else by anybody; stops
 *		at the first reservation that gives something back, and returns
 *		how many pages it was. It may be called with a block's lock
 *		held, so it must not wait for one, and when memory is short, so
 *		it must not wait for memory either
 */
void dph_limit_init(unsigned long (*make_room)(struct dph_user *user));

/**
 * dph_limit_exit() - complain if pages are still counted
 *
 * All mappings and the pool are gone.
 */
void dph_limit_exit(void);

/**
 * dph_limit_take() - count pages for a user, if the limits permit it
 * @user:	for whom
 * @pages:	how many
 *
 * Return: true if they are counted, to be given back by dph_limit_give();
 * false if his limit or the device's doesn't permit it
 */
bool dph_limit_take(struct dph_user *user, unsigned long pages);

/**
 * dph_limit_take_needed() - count a page that a user can't do without
 * @user:	for whom
 *
 * At his limit, room is made of what he has himself, and nobody else's memory
 * is touched. At the device's limit it is made of what he has, and only then
 * of what others have. A refusal is counted as an event.
 *
 * Context: process context; see dph_limit_init() on locks.
 * Return: as dph_limit_take()
 */
bool dph_limit_take_needed(struct dph_user *user);

/**
 * dph_limit_force() - count pages whatever the limits are
 * @user:	for whom
 * @pages:	how many
 */
void dph_limit_force(struct dph_user *user, unsigned long pages);

/**
 * dph_limit_give() - pages are no longer held
 * @user:	for whom they were counted
 * @pages:	how many
 */
void dph_limit_give(struct dph_user *user, unsigned long pages);

/**
 * dph_limit_room() - may the calling user have more at all?
 *
 * A refusal is counted as an event.
 *
 * Context: process context.
 * Return: 0, or -ENOMEM: no
 */
int dph_limit_room(void);

/**
 * dph_limit_held() - what all users hold now
 *
 * Return: bytes
 */
unsigned long dph_limit_held(void);

/**
 * dph_limit_bytes() - the device's limit now
 *
 * Return: bytes
 */
unsigned long dph_limit_bytes(void);

/**
 * dph_limit_memory() - how much memory does the machine have left?
 *
 * Return: see enum dph_policy_memory
 */
enum dph_policy_memory dph_limit_memory(void);

#endif /* DPH_LIMIT_H */
