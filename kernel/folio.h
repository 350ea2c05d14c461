/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Order-9 folios: the 2 MiB of memory that back a block.
 */
#ifndef DPH_FOLIO_H
#define DPH_FOLIO_H

#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include "policy.h"
#include "user.h"

struct dph_block;

/**
 * struct dph_folio - an order-9 folio that backs a block
 * @users:	blocks that share it; changes with @lock held, but for the last
 * @lock:	guards @blocks; and @list and @owner while several share it
 * @blocks:	those blocks
 * @lru:	in the list @list; that list's own lock
 * @list:	the enum dph_lru_list it is on, see backing.c
 * @reserved:	in its user's list of reservations, see backing.c; user.c's lock.
 *		It comes and goes where @list does
 * @owner:	the block that has it alone, while @list is for reclaim
 * @zeroed:	the allocator, or the pool, has cleared it; constant
 * @promoted:	became a 2 MiB page, and still is complete; guarded as @populated
 * @user:	the user for whom it is counted; constant. All blocks that share it
 *		are of one family, whose regions hold references to the user
 * @core:	the kernel's folio, whose private points here; constant
 * @populated:	pages that hold the process's data. If all do, it is full, and
 *		may be mapped by a PMD. Guarded by the block's lock while users
 *		is 1, constant while it is more
 */
struct dph_folio {
	refcount_t users;
	spinlock_t lock;
	struct list_head blocks;
	struct list_head lru;
	struct list_head reserved;
	u8 list;
	struct dph_block *owner;
	bool zeroed;
	bool promoted;
	struct dph_user *user;
	struct folio *core;
	DECLARE_BITMAP(populated, DPH_BLOCK_PAGES);
};

/**
 * dph_folio_page() - one of the folio's pages
 * @folio:	the folio
 * @i:		0 to 511
 *
 * Return: the page
 */
static inline struct page *dph_folio_page(const struct dph_folio *folio,
					  unsigned int i)
{
	return folio_page(folio->core, i);
}

/**
 * dph_folio_shared() - do several blocks have it?
 * @folio:	the folio
 *
 * Return: true if it is shared, so that it must not be written
 */
static inline bool dph_folio_shared(const struct dph_folio *folio)
{
	return refcount_read(&folio->users) > 1;
}

/**
 * struct dph_folio_owner - for whom a folio is
 * @user:	for whom it counts
 * @mapping:	of the process's file
 * @movable:	the core finds all that maps what the process has alone, so that it
 *		can migrate that: it may come from movable memory
 */
struct dph_folio_owner {
	struct dph_user *user;
	struct address_space *mapping;
	bool movable;
};

/**
 * dph_folio_alloc() - an empty folio for a fault, or for a fork
 * @owner:	for whom
 * @vmf:	the fault, as for dph_page_raw(); NULL for a fork
 *
 * Return: the folio with one user; NULL if none can be had at once: this
 * neither compacts nor reclaims, as with GFP_TRANSHUGE_LIGHT
 */
struct dph_folio *dph_folio_alloc(const struct dph_folio_owner *owner,
				  struct vm_fault *vmf);

/**
 * dph_folio_alloc_near() - an empty folio for the worker; may compact
 * @owner:	for whom
 * @nid:	the node it must lie on
 *
 * Context: process context, without a block's lock.
 * Return: the folio with one user, or NULL
 */
struct dph_folio *dph_folio_alloc_near(const struct dph_folio_owner *owner,
				       int nid);

/**
 * dph_folio_zeroed() - 2 MiB for the pool, all zero, nobody's
 * @nid:	the node where it must lie
 *
 * It is counted and charged for nobody. Who doesn't adopt it lets it go by
 * dph_held_let_go().
 *
 * Return: the kernel's folio, or NULL
 */
struct folio *dph_folio_zeroed(int nid);

/**
 * dph_folio_adopt() - make a folio of what dph_folio_zeroed() gave
 * @owner:	for whom it is from now on
 * @spare:	the kernel's folio. NULL afterwards, unless a limit or the task's
 *		cgroup doesn't permit it: then it is the caller's as before
 *
 * Return: the folio with one user, or NULL
 */
struct dph_folio *dph_folio_adopt(const struct dph_folio_owner *owner,
				  struct folio **spare);

/**
 * dph_folio_clear() - clear some of its pages
 * @folio:	the folio
 * @from:	the first page
 * @to:		the page after the last
 *
 * Context: process context; may reschedule.
 */
void dph_folio_clear(struct dph_folio *folio, unsigned int from,
		     unsigned int to);

/**
 * dph_folio_put() - one user less
 * @folio:	that no block has; freed with its last user; or NULL. If others
 *		still have references to its memory, that counts until they have
 *		none, see held.c
 */
void dph_folio_put(struct dph_folio *folio);

/**
 * dph_folio_twin() - what stands for the same memory when it has moved
 * @folio:	the folio; the locks of all blocks that have it are held
 * @core:	where it moves to
 *
 * Context: any; doesn't wait for memory.
 * Return: the folio that is to take its place, in no block yet and with as many
 * users; or NULL
 */
struct dph_folio *dph_folio_twin(const struct dph_folio *folio,
				 struct folio *core);

/**
 * dph_folio_free() - free what stands for memory, and not the memory
 * @folio:	that has moved, or a twin that isn't needed. No block has it
 */
void dph_folio_free(struct dph_folio *folio);

/**
 * dph_folio_init() - start
 *
 * Return: 0 or -ENOMEM
 */
int dph_folio_init(void);

/**
 * dph_folio_exit() - end
 *
 * There are no folios any more.
 */
void dph_folio_exit(void);

#endif /* DPH_FOLIO_H */
