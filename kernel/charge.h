/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Folios that are charged to a memory cgroup as the page cache's are.
 */
#ifndef DPH_CHARGE_H
#define DPH_CHARGE_H

#include <linux/fs.h>
#include <linux/gfp.h>

/**
 * dph_charge() - charge a folio, and put it on the kernel's LRU lists
 * @mapping:	the pseudo file's, of whose process it will be
 * @core:	fresh from the page allocator, without __GFP_ACCOUNT; the caller has
 *		its only reference
 * @gfp:	whether to wait for memory, and how
 *
 * It is charged to the memory cgroup of the current task's process, or to the one
 * that set_active_memcg() has named. The charge goes with its last reference. It has no
 * place in @mapping afterwards, see dph_page_place().
 *
 * Context: process context; a block's lock may be held.
 * Return: 0; -ENOMEM: there is no memory, or the cgroup is at its limit
 */
int dph_charge(struct address_space *mapping, struct folio *core, gfp_t gfp);

#endif /* DPH_CHARGE_H */
