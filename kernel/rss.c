// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a process has and doesn't map, in its resident set size.
 *
 * The OOM killer goes by what a process maps. MADV_DONTNEED, which the core does
 * by dropping entries, leaves our memory with its process, and then nothing maps
 * it: who does that with all of it would look harmless. So when memory is short,
 * and the shrinkers look at a block that nothing maps, it counts in the process's
 * RSS, until a fault maps it or it goes.
 */
#include <linux/pagemap.h>

#include "compat.h"
#include "rss.h"

static void rss_add(struct dph_block *b, long pages)
{
	dph_compat_rss_add(b->space->vmas.mm, pages);
}

void dph_rss_show(struct dph_block *b)
{
	struct folio *core;

	lockdep_assert_held(&b->lock);
	if (!b->folio || dph_folio_shared(b->folio))
		return;
	core = b->folio->core;
	/* While it migrates it isn't mapped, but counts as if it were. */
	if (b->in_rss || !folio_trylock(core))
		return;
	if (!folio_mapped(core)) {
		b->in_rss = true;
		rss_add(b, DPH_BLOCK_PAGES);
	}
	folio_unlock(core);
}

void dph_rss_hide(struct dph_block *b)
{
	lockdep_assert_held(&b->lock);
	if (!b->in_rss)
		return;
	b->in_rss = false;
	rss_add(b, -(long)DPH_BLOCK_PAGES);
}
