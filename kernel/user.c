// SPDX-License-Identifier: GPL-2.0
/*
 * What each user holds, so that none can take the whole device for itself. The
 * user is who made the mapping (real UID at mmap); what forks make of it is
 * his too, whatever UID the child takes on.
 */
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/slab.h>

#include "dphuge.h"

static DEFINE_HASHTABLE(users, 6);
static DEFINE_SPINLOCK(users_lock);	/* guards the table and its links */

struct dph_user *dph_user_get(struct dph_user *user)
{
	refcount_inc(&user->ref);
	return user;
}

static struct dph_user *find(kuid_t uid)
{
	struct dph_user *user;

	hash_for_each_possible(users, user, link, __kuid_val(uid))
		if (uid_eq(user->uid, uid))
			return dph_user_get(user);
	return NULL;
}

/* The current user, with a reference, or NULL: no memory. */
struct dph_user *dph_user_current(void)
{
	struct dph_user *user, *fresh;
	kuid_t uid = current_uid();

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return NULL;
	refcount_set(&fresh->ref, 1);
	fresh->uid = uid;

	spin_lock(&users_lock);
	user = find(uid);
	if (!user) {
		user = fresh;
		fresh = NULL;
		hash_add(users, &user->link, __kuid_val(uid));
	}
	spin_unlock(&users_lock);
	kfree(fresh);
	return user;
}

void dph_user_put(struct dph_user *user)
{
	spin_lock(&users_lock);
	if (refcount_dec_and_test(&user->ref)) {
		hash_del(&user->link);
		kfree(user);
	}
	spin_unlock(&users_lock);
}
