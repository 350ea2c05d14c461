// SPDX-License-Identifier: GPL-2.0
/*
 * The users' accounts, so that no user can take the whole device for himself.
 * A mapping belongs to the user who made it (his real UID at mmap). What forks
 * make of it is his too, whatever UID the child takes on.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "user.h"

static DEFINE_HASHTABLE(user_table, 6);
static DEFINE_SPINLOCK(user_lock);	/* guards the table and its links */
/*
 * Guards all users' lists of reservations, and the list of users who have any.
 * Inside it nobody waits for a lock. Who is on that list has a region, and so a
 * reference.
 */
static DEFINE_SPINLOCK(user_reserved_lock);
static LIST_HEAD(user_reservers);
static unsigned long user_nr_reservers;

struct dph_user *dph_user_get(struct dph_user *user)
{
	refcount_inc(&user->ref);
	return user;
}

static struct dph_user *user_find(kuid_t uid)
{
	struct dph_user *user;

	hash_for_each_possible(user_table, user, link, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return dph_user_get(user);
	return NULL;
}

struct dph_user *dph_user_current(void)
{
	struct dph_user *user, *fresh;
	kuid_t uid = current_uid();

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	refcount_set(&fresh->ref, 1);
	fresh->uid = uid;
	INIT_LIST_HEAD(&fresh->held_link);
	INIT_LIST_HEAD(&fresh->reserved);
	INIT_LIST_HEAD(&fresh->reserver);

	spin_lock(&user_lock);
	user = user_find(uid);
	if (!user) {
		user = fresh;
		fresh = NULL;
		hash_add(user_table, &user->link, __kuid_val(uid));
	}
	spin_unlock(&user_lock);
	kfree(fresh);
	return user;
}

void dph_user_put(struct dph_user *user)
{
	spin_lock(&user_lock);
	if (refcount_dec_and_test(&user->ref)) {
		WARN_ON_ONCE(!list_empty(&user->reserved));
		hash_del(&user->link);
		kfree(user);
	}
	spin_unlock(&user_lock);
}

void dph_user_reserve(struct dph_user *user, struct list_head *item)
{
	spin_lock(&user_reserved_lock);
	if (list_empty(&user->reserved)) {
		list_add_tail(&user->reserver, &user_reservers);
		WRITE_ONCE(user_nr_reservers, user_nr_reservers + 1);
	}
	list_add_tail(item, &user->reserved);
	WRITE_ONCE(user->nr_reserved, user->nr_reserved + 1);
	spin_unlock(&user_reserved_lock);
}

void dph_user_unreserve(struct dph_user *user, struct list_head *item)
{
	/* Only the caller adds and removes it. Who moves it leaves it linked. */
	if (list_empty(item))
		return;
	spin_lock(&user_reserved_lock);
	list_del_init(item);
	WRITE_ONCE(user->nr_reserved, user->nr_reserved - 1);
	if (list_empty(&user->reserved)) {
		list_del_init(&user->reserver);
		WRITE_ONCE(user_nr_reservers, user_nr_reservers - 1);
	}
	spin_unlock(&user_reserved_lock);
}

unsigned long dph_user_reserved(const struct dph_user *user)
{
	return READ_ONCE(user->nr_reserved);
}

struct list_head *
dph_user_next_reserved(struct dph_user *user,
		       bool (*take)(struct list_head *item))
{
	struct list_head *item = NULL;

	spin_lock(&user_reserved_lock);
	if (!list_empty(&user->reserved)) {
		item = user->reserved.next;
		list_move_tail(item, &user->reserved);
		if (!take(item))
			item = NULL;
	}
	spin_unlock(&user_reserved_lock);
	return item;
}

unsigned long dph_user_reservers(void)
{
	return READ_ONCE(user_nr_reservers);
}

struct dph_user *dph_user_next_reserver(struct dph_user *prev)
{
	struct list_head *at = &user_reservers;
	struct dph_user *user = NULL;

	spin_lock(&user_reserved_lock);
	if (prev && !list_empty(&prev->reserver))
		at = &prev->reserver;
	if (!list_is_last(at, &user_reservers))
		user = dph_user_get(list_entry(at->next, struct dph_user,
					       reserver));
	spin_unlock(&user_reserved_lock);
	if (prev)
		dph_user_put(prev);
	return user;
}

void dph_user_reserver_last(struct dph_user *user)
{
	spin_lock(&user_reserved_lock);
	if (!list_empty(&user->reserver))
		list_move_tail(&user->reserver, &user_reservers);
	spin_unlock(&user_reserved_lock);
}
