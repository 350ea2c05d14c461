/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One user's account: what the driver holds on the user's behalf.
 */
#ifndef DPH_USER_H
#define DPH_USER_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

/**
 * struct dph_user - what one user holds
 * @link:	its link in the table of user.c; guarded by that table's lock
 * @uid:	constant
 * @ref:	one for each region of the user's and for each stock in limit.c,
 *		and one for the list in held.c
 * @pages:	held by the driver on the user's behalf, or in stock; limit.c's
 * @stocked:	CPUs that have a stock for the user; limit.c's
 * @held:	what the user's regions have let go of and others still have;
 *		held.c's
 * @held_folios: how many of them; held.c's
 * @held_link:	in the list of users who have any; held.c's
 * @reserved:	how many of the user's folios are on the list of reservations;
 *		block.c counts
 */
struct dph_user {
	struct hlist_node link;
	kuid_t uid;
	refcount_t ref;
	unsigned long pages;
	unsigned int stocked;
	struct list_head held;
	unsigned long held_folios;
	struct list_head held_link;
	atomic_long_t reserved;
};

/**
 * dph_user_current() - the account of the calling task's real UID
 *
 * Return: the user with a reference, or NULL if there is no memory
 */
struct dph_user *dph_user_current(void);

/**
 * dph_user_get() - take one more reference
 * @user:	to which the caller has a reference
 *
 * Return: @user
 */
struct dph_user *dph_user_get(struct dph_user *user);

/**
 * dph_user_put() - drop a reference
 * @user:	gone afterwards if it was the last
 */
void dph_user_put(struct dph_user *user);

#endif /* DPH_USER_H */
