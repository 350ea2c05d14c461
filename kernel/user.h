/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One user's account: what the driver holds on the user's behalf.
 */
#ifndef DPH_USER_H
#define DPH_USER_H

#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/uidgid.h>

struct folio;

/**
 * struct dph_held_queue - folios that others still have; held.c's
 * @first:	the first; NULL: there is none
 * @last:	the last, if there is any
 */
struct dph_held_queue {
	struct folio *first;
	struct folio *last;
};

/**
 * struct dph_user - what one user holds
 * @link:	its link in the table of user.c; guarded by that table's lock
 * @uid:	constant
 * @ref:	one for each region of the user's and for each stock in limit.c,
 *		and one for the queue in held.c
 * @pages:	held by the driver on the user's behalf, or in stock; limit.c's
 * @stocked:	CPUs that have a stock for the user; limit.c's
 * @held:	what the user's regions have let go of and others still have;
 *		held.c's
 * @held_folios: how many of them; held.c's
 * @held_link:	in the list of users who have any; held.c's
 * @reserved:	what backing.c lists as the user's reservations; user.c's lock
 * @nr_reserved: how many
 * @reserver:	in the list of users who have reservations; user.c's
 */
struct dph_user {
	struct hlist_node link;
	kuid_t uid;
	refcount_t ref;
	unsigned long pages;
	unsigned int stocked;
	struct dph_held_queue held;
	unsigned long held_folios;
	struct list_head held_link;
	struct list_head reserved;
	unsigned long nr_reserved;
	struct list_head reserver;
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

/**
 * dph_user_reserve() - a reservation of the user's has come
 * @user:	the user
 * @item:	its link; goes to the end of the list
 *
 * Context: any; takes the lists' lock.
 */
void dph_user_reserve(struct dph_user *user, struct list_head *item);

/**
 * dph_user_unreserve() - one has gone
 * @user:	the user
 * @item:	its link, which is empty afterwards. If it is before, nothing happens
 *
 * Context: as dph_user_reserve().
 */
void dph_user_unreserve(struct dph_user *user, struct list_head *item);

/**
 * dph_user_reserved() - how many reservations has the user?
 * @user:	the user
 *
 * Return: the number, which may be old
 */
unsigned long dph_user_reserved(const struct dph_user *user);

/**
 * dph_user_next_reserved() - take the first, which goes to the end of the list
 * @user:	the user
 * @take:	called for it with the lists' lock held
 *
 * Return: its link if @take said true; else NULL
 */
struct list_head *
dph_user_next_reserved(struct dph_user *user,
		       bool (*take)(struct list_head *item));

/**
 * dph_user_reservers() - how many users have reservations?
 *
 * Return: the number, which may be old
 */
unsigned long dph_user_reservers(void);

/**
 * dph_user_next_reserver() - walk through the users who have reservations
 * @prev:	NULL to begin, then what the last call returned, whose reference
 *		this drops. If that user has none left, the walk begins anew;
 *		if another walk made that user the last, it ends early
 *
 * Return: the next user, with a reference; NULL: that was the last
 */
struct dph_user *dph_user_next_reserver(struct dph_user *prev);

/**
 * dph_user_reserver_last() - let a walk come to all others first
 * @user:	to whom the caller has a reference
 */
void dph_user_reserver_last(struct dph_user *user);

#endif /* DPH_USER_H */
