/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One user's account: what the driver holds on the user's behalf.
 */
#ifndef DPH_USER_H
#define DPH_USER_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

/**
 * struct dph_user - what one user holds
 * @link:	its link in the table of user.c; guarded by that table's lock
 * @uid:	constant
 * @ref:	one for each region of the user's
 * @pages:	held by the driver on the user's behalf; only limit.c changes it
 */
struct dph_user {
	struct hlist_node link;
	kuid_t uid;
	refcount_t ref;
	atomic_long_t pages;
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
