// SPDX-License-Identifier: GPL-2.0
/*
 * How a folio moves to other memory: by move_pages() and migrate_pages(), by a
 * change of a cpuset, by compaction, when memory goes offline.
 *
 * The core isolates the folio from its LRU list, locks it, unmaps it in all
 * processes whose VMAs show its place in the file, and calls us if that found all
 * of its mappings. So what a process has alone must have its place where its own
 * VMAs show the file. That is so for the process that made the mapping, and for one
 * that has settled (dph_vma_settle()). Their descendants have their own pages in
 * ranges of their own (dph_block_place()), which the core leaves alone, and which
 * don't come from movable memory. What is shared has the place that it had before
 * the fork.
 *
 * All blocks that have the folio are locked, so nobody can map it, share it or
 * change it. These locks, which stand above the folio's, are only tried.
 */
#include <linux/highmem.h>
#include <linux/migrate.h>
#include <linux/sched.h>

#include "backing.h"
#include "held.h"
#include "migrate.h"
#include "page.h"
#include "region.h"

/* So many processes may share a folio that migrates. */
#define MIGRATE_SHARERS	16U

/*
 * struct migrate_blocks - all blocks that have a folio
 * @nr:		how many
 * @block:	each locked, and its region held
 */
struct migrate_blocks {
	unsigned int nr;
	struct dph_block *block[MIGRATE_SHARERS];
};

static void migrate_unlock(struct migrate_blocks *all)
{
	unsigned int i;

	for (i = 0; i < all->nr; i++)
		mutex_unlock(&all->block[i]->lock);
	for (i = 0; i < all->nr; i++)
		dph_region_put(dph_region_of_space(all->block[i]->space));
}

/* A block stays, and its region has a reference, while it is on the list. */
static int migrate_lock_one(struct migrate_blocks *all, struct dph_block *b)
{
	struct dph_region *r = dph_region_of_space(b->space);

	if (all->nr == MIGRATE_SHARERS)
		return -EBUSY;
	if (!dph_region_get(r))
		return -EAGAIN;
	if (!mutex_trylock(&b->lock)) {
		dph_region_put(r);
		return -EAGAIN;
	}
	all->block[all->nr++] = b;
	return 0;
}

static int migrate_lock(struct migrate_blocks *all, struct dph_folio *folio)
{
	struct dph_block *b;
	int err = 0;

	all->nr = 0;
	spin_lock(&folio->lock);
	/* It has just come, or it is about to go. */
	if (list_empty(&folio->blocks))
		err = -EAGAIN;
	list_for_each_entry(b, &folio->blocks, sharer) {
		err = migrate_lock_one(all, b);
		if (err)
			break;
	}
	spin_unlock(&folio->lock);
	if (err)
		migrate_unlock(all);
	return err;
}

/* What isn't populated is zero, or what it is doesn't matter. */
static int migrate_copy(struct dph_folio *folio, struct folio *dst)
{
	unsigned int i;

	for (i = 0; i < DPH_BLOCK_PAGES; i++) {
		if (test_bit(i, folio->populated)) {
			int err = dph_page_copy(folio_page(dst, i),
						dph_folio_page(folio, i));

			if (err)
				return err;
		} else if (folio->zeroed) {
			clear_highpage(folio_page(dst, i));
		}
		if (i % 32 == 31)
			cond_resched();
	}
	return 0;
}

/* Ours, and that of whoever migrates it. */
#define MIGRATE_REFERENCES	2

/* The blocks are locked. 0: @twin is what they have now. */
static int migrate_move(struct address_space *mapping, struct dph_folio *folio,
			struct dph_folio *twin)
{
	struct folio *src = folio->core, *dst = twin->core;
	pgoff_t index = src->index;
	int err;

	/* It would go back to the page allocator as it is, see held.c. */
	if (dph_held_poisoned(src))
		return -EHWPOISON;
	/*
	 * I/O or a pipe may have it. Nobody maps it, so nobody who doesn't have it
	 * yet can write to it from here on.
	 */
	if (folio_ref_count(src) != MIGRATE_REFERENCES)
		return -EAGAIN;
	err = migrate_copy(folio, dst);
	if (err)
		return err;
	if (!folio_ref_freeze(src, MIGRATE_REFERENCES))
		return -EAGAIN;
	folio_get(dst);
	dph_backing_move(folio, twin);
	src->private = NULL;
	dst->private = twin;
	dph_page_place(dst, mapping, index);
	folio_ref_unfreeze(src, MIGRATE_REFERENCES - 1);
	/* The charge moves along. */
	folio_migrate_flags(dst, src);
	return 0;
}

/*
 * What nothing maps at the moment can't tell whether the core would find what maps
 * it. If it wouldn't, it must not get into movable memory.
 */
static bool migrate_findable(const struct dph_block *b, const struct folio *src)
{
	return src->index - dph_view_offset(src->index) == b->space->vmas.range;
}

static int migrate_locked(struct address_space *mapping,
			  struct dph_folio *folio, struct folio *dst,
			  struct dph_block *b)
{
	struct dph_folio *twin;
	int err;

	if (!migrate_findable(b, folio->core))
		return -EBUSY;
	twin = dph_folio_twin(folio, dst);
	if (!twin)
		return -EAGAIN;
	err = migrate_move(mapping, folio, twin);
	dph_folio_free(err ? twin : folio);
	if (!err) {
		dph_backing_relist(b);
		dph_count(&b->space->counts, DPH_MIGRATIONS, 1);
	}
	return err;
}

int dph_migrate_folio(struct address_space *mapping, struct folio *dst,
		      struct folio *src, enum migrate_mode mode)
{
	struct dph_folio *folio = src->private;
	struct migrate_blocks all;
	int err;

	/* Single pages are on no LRU list. */
	if (!folio_test_large(src) || WARN_ON_ONCE(!folio))
		return -EBUSY;
	/* It stays: before it goes it is displaced, for which it is locked. */
	err = migrate_lock(&all, folio);
	if (err)
		return err;
	err = migrate_locked(mapping, folio, dst, all.block[0]);
	migrate_unlock(&all);
	return err;
}
