/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A table of single pages: what lies on top of a shared folio, or stands in
 * for one.
 */
#ifndef DPH_OVERLAY_H
#define DPH_OVERLAY_H

#include <linux/mm_types.h>
#include <linux/refcount.h>

#include "user.h"

/**
 * struct dph_overlay - a table of single pages
 * @users:	blocks that share the table
 * @user:	as in struct dph_folio
 * @nr:		entries that are pages
 * @holes:	entries that are DPH_OVERLAY_HOLE or DPH_OVERLAY_POISON
 * @slot:	a page's worth of entries: NULL, a page, or one of these
 *
 * Guarded by the block's lock while users is 1, constant while it is more. A
 * page may be in several tables: its page_private() counts them (atomically),
 * and the last one frees it.
 */
struct dph_overlay {
	refcount_t users;
	struct dph_user *user;
	unsigned int nr;
	unsigned int holes;
	struct page **slot;
};

/* Discarded, although the (shared, so unchangeable) folio has it. */
#define DPH_OVERLAY_HOLE	((struct page *)1)
/* Lost to a memory error that was found when the page was to be copied. */
#define DPH_OVERLAY_POISON	((struct page *)2)

/**
 * dph_overlay_entry() - what the table says of a page
 * @over:	the table, or NULL
 * @i:		0 to 511
 *
 * Return: a page, DPH_OVERLAY_HOLE, DPH_OVERLAY_POISON, or NULL: the folio's
 * page shows, if there is one
 */
static inline struct page *dph_overlay_entry(const struct dph_overlay *over,
					     unsigned int i)
{
	return over ? READ_ONCE(over->slot[i]) : NULL;
}

/* dph_overlay_is_page() - is an entry a page, and not NULL or a mark? */
static inline bool dph_overlay_is_page(const struct page *entry)
{
	return entry > DPH_OVERLAY_POISON;
}

/**
 * dph_overlay_page() - the page that the table has
 * @over:	the table, or NULL
 * @i:		0 to 511
 *
 * Return: a page, or NULL if it has none or a mark
 */
static inline struct page *dph_overlay_page(const struct dph_overlay *over,
					    unsigned int i)
{
	struct page *page = dph_overlay_entry(over, i);

	return dph_overlay_is_page(page) ? page : NULL;
}

/**
 * dph_overlay_shared() - do several blocks have the table?
 * @over:	the table
 *
 * Return: true if it is shared, so that it must not be changed
 */
static inline bool dph_overlay_shared(const struct dph_overlay *over)
{
	return refcount_read(&over->users) > 1;
}

/**
 * dph_overlay_alloc() - make an empty table
 * @user:	for whom its pages are counted
 * @gfp:	how
 *
 * Return: the table with one user, or NULL
 */
struct dph_overlay *dph_overlay_alloc(struct dph_user *user, gfp_t gfp);

/**
 * dph_overlay_clone() - make a second table with the same pages
 * @from:	the first
 * @gfp:	how
 *
 * Return: the table with one user, or NULL
 */
struct dph_overlay *dph_overlay_clone(struct dph_overlay *from, gfp_t gfp);

/**
 * dph_overlay_put() - one user less
 * @over:	freed with its last user, and so are pages that are in no other
 *		table; or NULL
 *
 * Return: true if the table, or one of its pages, may have one user left now
 */
bool dph_overlay_put(struct dph_overlay *over);

/**
 * dph_overlay_set() - replace an entry
 * @over:	a table that isn't shared
 * @i:		0 to 511
 * @page:	the new entry, as in @slot. The old page is let go
 */
void dph_overlay_set(struct dph_overlay *over, unsigned int i,
		     struct page *page);

/**
 * dph_overlay_page_sole() - is a page in one table only?
 * @page:	of a table
 *
 * Return: true if it is; somebody else may still have references to it
 */
bool dph_overlay_page_sole(struct page *page);

/**
 * dph_overlay_page_was_shared() - has a page been in a shared table?
 * @page:	of a table
 *
 * Return: true if it has, and nobody has claimed it since
 */
bool dph_overlay_page_was_shared(struct page *page);

/**
 * dph_overlay_page_claim() - a page belongs to one process alone again
 * @page:	of a table. The caller has made sure that nobody else has a
 *		reference to it
 */
void dph_overlay_page_claim(struct page *page);

/**
 * dph_overlay_page_mark_shared() - a page's table is about to be shared whole
 * @page:	of that table
 */
void dph_overlay_page_mark_shared(struct page *page);

/**
 * dph_overlay_page_share() - a page is about to be in one more table
 * @page:	of a table
 */
void dph_overlay_page_share(struct page *page);

#endif /* DPH_OVERLAY_H */
