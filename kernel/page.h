/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Single 4 KiB pages.
 */
#ifndef DPH_PAGE_H
#define DPH_PAGE_H

#include <linux/gfp.h>
#include <linux/mm.h>

#include "user.h"

/* For a page of user memory: may reclaim and call the OOM killer, as usual. */
#define DPH_PAGE_GFP		(GFP_HIGHUSER | __GFP_ACCOUNT)
/* For a page that reclaim itself needs. */
#define DPH_PAGE_GFP_RECLAIM	(GFP_NOWAIT | __GFP_HIGHMEM | __GFP_ACCOUNT | \
				 __GFP_NOWARN)

/**
 * dph_page_raw() - memory from the page allocator, counted in no limit
 * @vmf:	the fault that it is for, so that the VMA's or the task's
 *		memory policy decides on the node; or NULL
 * @gfp:	how
 * @order:	how much: 2^@order pages
 *
 * Return: a folio, or NULL
 */
struct folio *dph_page_raw(struct vm_fault *vmf, gfp_t gfp, unsigned int order);

/**
 * dph_page_alloc() - a page that one overlay holds
 * @user:	for whom
 * @vmf:	as for dph_page_raw()
 * @gfp:	DPH_PAGE_GFP, perhaps with __GFP_ZERO
 *
 * Return: the page; or an error: ENOSPC, the device's or the user's limit;
 * ENOMEM
 */
struct page *dph_page_alloc(struct dph_user *user, struct vm_fault *vmf,
			    gfp_t gfp);

/**
 * dph_page_alloc_near() - the same for reclaim, which applies no limits
 * @user:	for whom
 * @nid:	the node it should lie on
 * @gfp:	DPH_PAGE_GFP_RECLAIM, perhaps without __GFP_ACCOUNT
 *
 * Return: the page, or ENOMEM
 */
struct page *dph_page_alloc_near(struct dph_user *user, int nid, gfp_t gfp);

/**
 * dph_page_place() - say where the core finds memory of a process
 * @core:	a folio of one process alone, mapped nowhere for writing
 * @mapping:	its file's
 * @index:	its offset in that file, in pages
 *
 * The futexes in it have their names by that (get_futex_key()).
 */
void dph_page_place(struct folio *core, struct address_space *mapping,
		    pgoff_t index);

/**
 * dph_page_displace() - the core finds it nowhere any more
 * @core:	a folio; nothing happens if it has no place
 *
 * Memory that has a place must not go back to the page allocator.
 *
 * Context: process context; waits for the folio's lock, which who maps it may
 * have: it must be unmapped and quiesced, or go with its last VMA. Not in reclaim,
 * unless it has no place any more: who migrates it may wait for memory.
 */
void dph_page_displace(struct folio *core);

/**
 * dph_page_displace_locked() - the same by one who has the folio's lock
 * @core:	the folio
 */
void dph_page_displace_locked(struct folio *core);

/**
 * dph_page_free() - let go of a page that dph_page_alloc() gave
 * @user:	for whom it was allocated
 * @page:	in no overlay any more. If others still have references to it, it
 *		counts until they have none, see held.c
 */
void dph_page_free(struct dph_user *user, struct page *page);

/**
 * dph_page_copy() - copy a page that may have a memory error
 * @to:		a page that nobody else has yet
 * @from:	any page
 *
 * Return: 0; or -EHWPOISON: the hardware can't read @from, which is marked now
 * or soon, and @to is as it was or zero
 */
int dph_page_copy(struct page *to, struct page *from);

/**
 * dph_page_is_zero() - are all bytes of the page 0?
 * @page:	any page. If others write to it meanwhile, the answer may be
 *		out of date at once
 *
 * Return: true if all of its bytes are 0; false, without a look, for one that
 * is known to have a memory error
 */
bool dph_page_is_zero(struct page *page);

#endif /* DPH_PAGE_H */
