/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's own types, and which lock guards what.
 *
 *   family   one mmap of the device and what forks made of it: a pseudo file.
 *   region   what one process holds of a family: its blocks.
 *   block    2 MiB of a region, aligned in the file's offsets: an optional
 *            base (one order-9 folio) under an optional overlay (a table of
 *            single pages). An overlay entry hides the base's page.
 *
 * Bases and overlays are shared by the regions of a family after a fork. A
 * shared one is never written: whoever writes puts a page of its own into its
 * own overlay.
 *
 * Lock order:
 *
 *   mmap_lock (or the VMA's lock)
 *     block->lock (a parent's before its child's)
 *       family->lock, the worker's queue lock, i_mmap_rwsem
 *         folio lock
 *           page-table locks
 *
 * The shrinker comes in wherever memory is allocated and only tries block and
 * folio locks, see reclaim.c.
 *
 * A page fault returns its page with the folio lock held, and the core maps
 * it before it unlocks: so whoever holds block->lock and then takes and drops
 * the folio lock (dph_block_quiesce()) knows that no mapping of an old page is
 * still on its way. Nobody waits for block->lock with a folio lock held.
 */
#ifndef DPHUGE_H
#define DPHUGE_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>

#include "policy.h"

#define DPH_BLOCK_SHIFT		(PMD_SHIFT - PAGE_SHIFT)
#define DPH_BLOCK_MASK		(DPH_BLOCK_PAGES - 1)

/* --- user.c: who holds how much --------------------------------------- */

/*
 * struct dph_user - what one user holds
 * @link:	in user.c's table; its lock
 * @uid:	constant
 * @ref:	one for each of his regions
 * @pages:	held by the driver on his behalf
 */
struct dph_user {
	struct hlist_node link;
	kuid_t uid;
	refcount_t ref;
	atomic_long_t pages;
};

struct dph_user *dph_user_current(void);
struct dph_user *dph_user_get(struct dph_user *user);
void dph_user_put(struct dph_user *user);

/* --- memory.c: where pages come from, and the limit ------------------- */

/*
 * struct dph_base - an order-9 folio that backs a block
 * @users:	blocks that share it
 * @lru:	in reclaim.c's list of full blocks; that list's own lock
 * @owner:	the block that has it alone, while it is on that list
 * @zeroed:	the allocator, or the pool, has cleared it; constant
 * @promoted:	became a 2 MiB page, and still is complete; guarded as @populated
 * @user:	whose it is; NULL in the pool, then constant. All who share it
 *		are of one family, so their regions keep him
 * @folio:	constant
 * @populated:	pages that hold the process's data. Full: may be mapped by a
 *		PMD. Guarded by the block's lock while users is 1, constant
 *		while it is more
 */
struct dph_base {
	refcount_t users;
	struct list_head lru;
	struct dph_block *owner;
	bool zeroed;
	bool promoted;
	struct dph_user *user;
	struct folio *folio;
	DECLARE_BITMAP(populated, DPH_BLOCK_PAGES);
};

/*
 * From 6.12.59 on the core maps a folio by a PMD only if its index lies inside
 * the file. A base that isn't full must never be, so it has this one, see
 * dph_block_allow_huge(): a second lock on the door that dph_pt_force_small()
 * closes.
 */
#define DPH_INDEX_OUTSIDE	(ULONG_MAX - 2 * DPH_BLOCK_PAGES)

/* A page of user memory: reclaims, and calls the OOM killer, as any may. */
#define DPH_GFP_PAGE		(GFP_HIGHUSER | __GFP_ACCOUNT)
/* The same from within reclaim. */
#define DPH_GFP_RECLAIM		(GFP_NOWAIT | __GFP_HIGHMEM | __GFP_ACCOUNT | \
				 __GFP_NOWARN)

int dph_memory_init(void);
void dph_memory_exit(void);
struct dph_base *dph_base_alloc(struct dph_user *user, struct vm_fault *vmf);
struct dph_base *dph_base_alloc_near(struct dph_user *user, int nid);
struct dph_base *dph_base_alloc_zeroed(int nid);
bool dph_base_adopt(struct dph_base *base, struct dph_user *user);
void dph_base_clear(struct dph_base *base, unsigned int from, unsigned int to);
void dph_base_put(struct dph_base *base);
struct page *dph_page_alloc(struct dph_user *user, struct vm_fault *vmf,
			    gfp_t gfp);
void dph_page_free(struct dph_user *user, struct page *page);
bool dph_memory_room(struct dph_user *user, unsigned long pages);
enum dph_policy_memory dph_memory_state(void);
unsigned long dph_memory_bytes(void);
unsigned long dph_memory_limit(void);

/* --- overlay.c: single pages on top of (or instead of) a base ---------- */

/*
 * struct dph_overlay - a table of single pages
 * @users:	blocks that share the table
 * @user:	as in dph_base
 * @nr:		entries that are pages
 * @holes:	entries that are DPH_HOLE
 * @slot:	a page's worth of entries: NULL, a page, or DPH_HOLE
 *
 * Guarded as dph_base is. A page may be in several tables: its page_private()
 * counts them (atomically), and the last one frees it.
 */
struct dph_overlay {
	refcount_t users;
	struct dph_user *user;
	unsigned int nr;
	unsigned int holes;
	struct page **slot;
};

/* Discarded, although the (shared, so unchangeable) base has it. */
#define DPH_HOLE	((struct page *)1)

struct dph_overlay *dph_overlay_alloc(struct dph_user *user, gfp_t gfp);
struct dph_overlay *dph_overlay_clone(struct dph_overlay *from, gfp_t gfp);
void dph_overlay_put(struct dph_overlay *over);
struct page *dph_overlay_page(struct dph_overlay *over, unsigned int i);
void dph_overlay_set(struct dph_overlay *over, unsigned int i,
		     struct page *page);
bool dph_overlay_page_sole(struct page *page);
bool dph_overlay_page_was_shared(struct page *page);
void dph_overlay_page_claim(struct page *page);
void dph_overlay_page_mark_shared(struct page *page);
void dph_overlay_page_share(struct page *page);

/* --- block.c ------------------------------------------------------------ */

/*
 * struct dph_block - 2 MiB of a region
 * @lock:	guards all that isn't constant
 * @region:	constant
 * @idx:	file offset / 2 MiB; constant
 * @lru:	in the list of reclaim.c that @list names; that list's own lock
 * @list:	changes with @lock held
 * @referenced:	populated since reclaim last looked
 * @nr:		pages touched: populated in base or overlay, and not a hole
 * @was_shared:	the base has been shared since it was last known to be ours
 *		alone: others may still hold references to its pages
 * @retracted:	the page table was taken away once since the block became full.
 *		Should the core put a table there again instead of a PMD, it has
 *		its reasons, and to take it away for each fault would never end
 * @remap:	a fork took a full block's mapping away: the worker brings it back
 * @given:	a 2 MiB page from its first touch on, on a guess
 * @lost:	memory ran out while it was copied for a child: SIGBUS
 * @scanned:	when reclaim last looked for zeroes in it; jiffies
 */
struct dph_block {
	struct mutex lock;
	struct dph_region *region;
	unsigned long idx;
	struct list_head lru;
	u8 list;
	bool referenced;
	struct dph_base *base;
	struct dph_overlay *over;
	unsigned short nr;
	bool was_shared;
	bool retracted;
	bool remap;
	bool given;
	bool lost;
	unsigned long scanned;
};

enum dph_event {
	DPH_FAULTS,		/* page faults answered */
	DPH_PROMOTIONS,		/* blocks that became a 2 MiB page */
	DPH_PROMOTE_COPIES,	/* 4 KiB pages copied by promotions of blocks
				 * that had begun without a folio, and by folds
				 */
	DPH_PROMOTE_ABORTS,	/* promotions given up: I/O holds a page, or
				 * an entry of the page table can't go
				 */
	DPH_GIVEN,		/* blocks that began as a 2 MiB page on a guess */
	DPH_POOL_HITS,		/* of these and threshold 0's: had from the pool */
	DPH_DEMOTIONS,		/* 2 MiB folios given up for single pages */
	DPH_FALLBACKS,		/* no 2 MiB folio could be had */
	DPH_FOLDS,		/* overlays copied back into their own base */
	DPH_REPAIRS,		/* blocks of single pages promoted by the worker */
	DPH_RECLAIMS,		/* blocks broken up by the shrinker */
	DPH_RECLAIMED,		/* 4 KiB pages given back by the shrinker */
	DPH_COPIES,		/* 4 KiB pages copied on write */
	DPH_FORK_COPIES,	/* 4 KiB pages copied at fork as they were pinned */
	DPH_DISCARDS,		/* 4 KiB pages given back by MADV_REMOVE, munmap */
	DPH_LIMIT_HITS,		/* requests refused by the device-wide limit */
	DPH_NR_EVENTS
};

struct dph_region;

enum dph_tidy {
	DPH_TIDY_DONE,		/* or left to a relative's end, or to a fault */
	DPH_TIDY_MAP,		/* full, and its mapping was lost: map it */
	DPH_TIDY_LATER,		/* I/O holds a page */
};

bool dph_block_huge(const struct dph_block *b);
bool dph_block_full(const struct dph_block *b);
bool dph_block_shared(const struct dph_block *b);
struct page *dph_block_page(const struct dph_block *b, unsigned int i);
bool dph_block_exclusive(struct dph_block *b, struct page *held);
struct page *dph_block_touch(struct dph_block *b, struct vm_fault *vmf,
			     bool write, bool whole);
void dph_block_discard(struct dph_block *b, unsigned int first, unsigned int n);
void dph_block_allow_huge(const struct dph_block *b, struct page *page);
void dph_block_quiesce(struct dph_block *b);
int dph_block_own_overlay(struct dph_block *b, gfp_t gfp);
void dph_block_drop_hidden_base(struct dph_block *b);
void dph_block_release(struct dph_block *b);
bool dph_block_untidy(const struct dph_block *b);
bool dph_block_wants_base(const struct dph_block *b);
int dph_block_node(const struct dph_block *b);
enum dph_tidy dph_block_tidy(struct dph_block *b, struct dph_base **spare);
bool dph_block_page_is_zero(struct page *page);
int dph_block_demote(struct dph_block *b, unsigned int first, unsigned int end,
		     gfp_t gfp);

/* --- cow.c: what fork, and writes afterwards, do to a block --------------- */

void dph_cow_fork_block(struct dph_block *pb, struct dph_block *cb,
			bool mapped);
bool dph_cow_writable(struct dph_block *b, unsigned int i, struct page *held);
int dph_cow_break(struct dph_block *b, struct vm_fault *vmf, unsigned int i);
bool dph_cow_settle(struct dph_block *b);

/* --- region.c ------------------------------------------------------------ */

/*
 * struct dph_region - what one process holds of a family
 * @ref:	its VMAs, and a discard that is under way
 * @family:	constant; lives as long as the file that any VMA holds
 * @user:	who made the mapping; constant, a reference
 * @mm:		whose it is; compared, never dereferenced through this
 * @link:	in family->regions; family->lock
 * @vmas:	VMAs that point here; family->lock
 * @blocks:	struct dph_block by file offset / 2 MiB; entries are added
 *		under its own lock and stay until the region goes
 * @percent:	threshold; read and written whole
 * @adaptive:	may guess, see policy.h; as @percent
 * @trust:	how right its guesses were; races lose a count at worst
 * @pin:	guards @gone
 * @gone:	its last VMA is: @family and @mm may be too
 * @forked:	has relatives, or had: pages may be shared. Set with
 *		mmap_lock held for write
 * @work:	in the worker's queue; its lock
 * @work_at:	when the worker is to look; jiffies; the queue's lock
 * @work_wait:	how long it waits when it has found no memory; jiffies; the
 *		worker's own
 * @events:	as in struct dphuge_info
 */
struct dph_region {
	struct kref ref;
	struct dph_family *family;
	struct dph_user *user;
	struct mm_struct *mm;
	struct list_head link;
	unsigned int vmas;
	struct xarray blocks;
	unsigned int percent;
	bool adaptive;
	int trust;
	spinlock_t pin;
	bool gone;
	bool forked;
	struct list_head work;
	unsigned long work_at;
	unsigned long work_wait;
	atomic_long_t events[DPH_NR_EVENTS];
};

int dph_region_init(void);
void dph_region_exit(void);
int dph_region_room(void);
int dph_region_mmap(struct vm_area_struct *vma, unsigned int percent,
		    bool adaptive);
int dph_region_discard(struct dph_family *family, pgoff_t first, pgoff_t end);
void dph_region_zap(struct dph_region *r, pgoff_t first, unsigned long n);
struct dph_region *dph_region_of(struct vm_area_struct *vma);
bool dph_region_get(struct dph_region *r);
void dph_region_put(struct dph_region *r);
struct file *dph_region_file(struct dph_region *r);
struct mm_struct *dph_region_mm(struct dph_region *r);
unsigned long dph_region_address(struct dph_region *r, unsigned long idx);
struct dph_region *dph_region_alloc(struct dph_family *family,
				    struct dph_user *user, struct mm_struct *mm,
				    unsigned int percent, bool adaptive,
				    gfp_t gfp);
struct dph_region *dph_region_find(struct dph_family *family,
				   struct mm_struct *mm);
struct dph_block *dph_region_block(struct dph_region *r, unsigned long idx,
				   gfp_t gfp);

/* The offsets that a VMA shows. */
#define DPH_VMA_FIRST(vma)	((vma)->vm_pgoff)
#define DPH_VMA_LAST(vma)	((vma)->vm_pgoff + vma_pages(vma) - 1)

bool dph_vma_pmd_possible(struct vm_area_struct *vma, unsigned long addr);
unsigned long dph_vma_block_address(struct vm_area_struct *vma,
				    unsigned long idx);
extern const struct vm_operations_struct dph_plain_ops;
extern const struct vm_operations_struct dph_forked_ops;

/* --- fork.c: a region and its relatives ------------------------------------ */

void dph_fork(struct dph_region *parent, struct vm_area_struct *vma);
void dph_fork_settle(struct dph_region *r);

/* --- family.c: the pseudo file behind a mapping --------------------------- */

/*
 * struct dph_family - one pseudo file
 * @file:	constant; each VMA holds a reference
 * @mapping:	the file's; constant
 * @lock:	guards @regions and their vmas
 * @regions:	one for each process that maps the file
 */
struct dph_family {
	struct file *file;
	struct address_space *mapping;
	spinlock_t lock;
	struct list_head regions;
};

struct file *dph_family_file(void);

/* --- pagetable.c: all that touches page tables by hand -------------------- */

bool dph_pt_force_small(struct vm_fault *vmf);
bool dph_pt_retractable(struct vm_fault *vmf);
bool dph_pt_huge(struct vm_area_struct *vma, unsigned long haddr);
bool dph_pt_protect(struct vm_area_struct *vma, unsigned long haddr);
bool dph_pt_retract(struct vm_area_struct *vma, unsigned long haddr);
void dph_pt_exit(void);

/* --- reclaim.c: what goes back when memory is short ----------------------- */

int dph_reclaim_init(void);
void dph_reclaim_exit(void);
struct dph_block *dph_reclaim_block_alloc(struct kmem_cache *cache, gfp_t gfp);
struct dph_base *dph_reclaim_base_alloc(struct kmem_cache *cache, gfp_t gfp);
void dph_reclaim_update(struct dph_block *b);
void dph_reclaim_forget(struct dph_block *b);
unsigned long dph_reclaim_reservations(void);

/* --- zeropool.c: 2 MiB pages zeroed ahead of need -------------------------- */

int dph_pool_init(void);
void dph_pool_exit(void);
struct dph_base *dph_pool_take(struct dph_user *user, struct vm_fault *vmf);
long dph_pool_tend(void);
unsigned long dph_pool_bytes(void);

/* --- worker.c: what is done in the background ------------------------------ */

int dph_worker_init(void);
void dph_worker_exit(void);
void dph_worker_add(struct dph_region *r, unsigned long delay);
void dph_worker_remove(struct dph_region *r);
void dph_worker_kick(void);
unsigned int dph_worker_percent(void);

/* --- stats.c, device.c ---------------------------------------------------- */

void dph_count(struct dph_region *r, enum dph_event event, unsigned long n);
extern const struct attribute_group *dph_stats_groups[];

extern const struct file_operations dph_device_fops;
unsigned int dph_threshold(void);
bool dph_adaptive(void);
unsigned long dph_limit_mib(void);
unsigned long dph_user_limit_mib(void);
unsigned int dph_pool_mib(void);

#endif /* DPHUGE_H */
