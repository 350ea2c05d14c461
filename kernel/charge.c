// SPDX-License-Identifier: GPL-2.0
/*
 * Folios that are charged to a memory cgroup as the page cache's are.
 *
 * What __GFP_ACCOUNT charges is the kernel's own memory to the core: nobody may
 * migrate it, and a folio that exists already can't be charged so. What an LRU
 * list has can be migrated, and is charged when it gets there. But of the calls
 * that do this only one is exported: filemap_add_folio(), which puts the folio
 * into the page cache as well. So it comes out of there again at once. (In the
 * page cache it would have 512 references more, and a memory error, or whoever
 * drops caches, would think that there is a file to read it from again.)
 *
 * The mapping is unevictable (pseudofs.c), so the folio goes to the list of those
 * that are never reclaimed, where only its number counts.
 */
#include <linux/pagemap.h>

#include "charge.h"
#include "compat_lru.h"

/*
 * All processes of a family may do this at once, so each folio has a place in the
 * page cache that no other can have. A lock might be held by a process that has no
 * processor for a while, or by the worker.
 */
int dph_charge(struct address_space *mapping, struct folio *core, gfp_t gfp)
{
	pgoff_t index = folio_pfn(core);

	if (filemap_add_folio(mapping, core, index, gfp))
		return -ENOMEM;
	WARN_ON_ONCE(dph_compat_cache_remove(mapping, core));
	folio_mark_uptodate(core);
	folio_unlock(core);
	return 0;
}
