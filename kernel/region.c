// SPDX-License-Identifier: GPL-2.0
/*
 * One process's mapping: VMA operations, its blocks, and what fork, munmap and
 * mremap mean for them.
 *
 * File offsets are addresses at the time of mmap (as anonymous memory numbers
 * its pages), so blocks are 2 MiB-aligned in both. mremap moves addresses and
 * leaves offsets alone.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/interval_tree_generic.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dphuge.h"
#include "compat.h"

static struct kmem_cache *block_cache;

struct dph_region *dph_region_of(struct vm_area_struct *vma)
{
	if (vma->vm_ops != &dph_plain_ops && vma->vm_ops != &dph_forked_ops)
		return NULL;
	return vma->vm_private_data;
}

/*
 * The VMAs of a file by offset, as mm/interval_tree.c keeps them in i_mmap;
 * its iterators aren't exported.
 */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, DPH_VMA_FIRST, DPH_VMA_LAST,
		     static __maybe_unused, file_vma)

#define for_each_file_vma(vma, mapping, first, last)			\
	for (vma = file_vma_iter_first(&(mapping)->i_mmap, first, last);\
	     vma; vma = file_vma_iter_next(vma, first, last))

static struct address_space *region_mapping(struct dph_region *r)
{
	return r->family->mapping;
}

/*
 * Drop the region's page-table entries for @n pages from offset @first, in
 * all its VMAs (mremap with an old size of 0 makes a second one), and in no
 * relative's. A fault may hold only its own VMA's lock: as for a truncated
 * file, i_mmap_rwsem keeps the others and their page tables in place.
 */
void dph_region_zap(struct dph_region *r, pgoff_t first, unsigned long n)
{
	struct address_space *mapping = region_mapping(r);
	struct vm_area_struct *vma;
	pgoff_t end = first + n;

	i_mmap_lock_read(mapping);
	for_each_file_vma(vma, mapping, first, end - 1) {
		pgoff_t from = max(first, DPH_VMA_FIRST(vma));
		pgoff_t to = min(end, DPH_VMA_LAST(vma) + 1);

		if (vma->vm_private_data != r)
			continue;
		dph_zap_vma(vma, vma->vm_start +
				 ((from - vma->vm_pgoff) << PAGE_SHIFT),
			    (to - from) << PAGE_SHIFT);
	}
	i_mmap_unlock_read(mapping);
}

/* The region of @mm's first VMA of @family, or NULL. */
struct dph_region *dph_region_alloc(struct dph_family *family,
				    struct dph_user *user, struct mm_struct *mm,
				    unsigned int percent, bool adaptive,
				    gfp_t gfp)
{
	struct dph_region *r = kzalloc(sizeof(*r), gfp | __GFP_ACCOUNT);

	if (!r)
		return NULL;
	kref_init(&r->ref);
	r->family = family;
	r->user = dph_user_get(user);
	r->mm = mm;
	r->vmas = 1;
	r->percent = percent;
	r->adaptive = adaptive;
	spin_lock_init(&r->pin);
	INIT_LIST_HEAD(&r->work);
	xa_init_flags(&r->blocks, XA_FLAGS_ACCOUNT);
	spin_lock(&family->lock);
	list_add(&r->link, &family->regions);
	spin_unlock(&family->lock);
	return r;
}

static void region_free(struct kref *ref)
{
	struct dph_region *r = container_of(ref, struct dph_region, ref);
	struct dph_block *b;
	unsigned long idx;

	xa_for_each(&r->blocks, idx, b) {
		dph_reclaim_forget(b);
		kmem_cache_free(block_cache, b);
		cond_resched();
	}
	xa_destroy(&r->blocks);
	dph_user_put(r->user);
	kfree(r);
}

/* The region that @mm has of @family, with a reference, or NULL. */
struct dph_region *dph_region_find(struct dph_family *family,
				   struct mm_struct *mm)
{
	struct dph_region *r, *found = NULL;

	spin_lock(&family->lock);
	list_for_each_entry(r, &family->regions, link) {
		if (r->mm == mm) {
			kref_get(&r->ref);
			found = r;
			break;
		}
	}
	spin_unlock(&family->lock);
	return found;
}

/* False: it is on its way out. */
bool dph_region_get(struct dph_region *r)
{
	return kref_get_unless_zero(&r->ref);
}

void dph_region_put(struct dph_region *r)
{
	kref_put(&r->ref, region_free);
}

/* The family's file, with a reference; NULL: the last VMA is gone. */
struct file *dph_region_file(struct dph_region *r)
{
	struct file *file = NULL;

	spin_lock(&r->pin);
	if (!r->gone)
		file = get_file(r->family->file);
	spin_unlock(&r->pin);
	return file;
}

/* The process's address space, to be given back by mmput(); NULL: it's gone. */
struct mm_struct *dph_region_mm(struct dph_region *r)
{
	struct mm_struct *mm = NULL;

	spin_lock(&r->pin);
	if (!r->gone && mmget_not_zero(r->mm))
		mm = r->mm;
	spin_unlock(&r->pin);
	return mm;
}

/* Block @idx of the region, made if it is new; NULL if @gfp gives no memory. */
struct dph_block *dph_region_block(struct dph_region *r, unsigned long idx,
				   gfp_t gfp)
{
	struct dph_block *b = xa_load(&r->blocks, idx);
	struct dph_block *other;

	if (b)
		return b;
	b = dph_reclaim_block_alloc(block_cache, gfp);
	if (!b)
		return NULL;
	mutex_init(&b->lock);
	b->region = r;
	b->idx = idx;
	other = xa_cmpxchg(&r->blocks, idx, NULL, b, gfp);
	if (other) {
		kmem_cache_free(block_cache, b);
		return xa_is_err(other) ? NULL : other;
	}
	return b;
}

static void block_unlock_and_count(struct dph_region *r, struct dph_block *b)
{
	mutex_unlock(&b->lock);
	dph_count(r, DPH_FAULTS, 1);
}

static vm_fault_t fault_error(long err)
{
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/* May a PMD map the block around @addr: does @vma cover it, well aligned? */
bool dph_vma_pmd_possible(struct vm_area_struct *vma, unsigned long addr)
{
	unsigned long haddr = addr & PMD_MASK;

	return !dph_pmd_refused(vma) &&
	       haddr >= vma->vm_start && haddr + PMD_SIZE <= vma->vm_end &&
	       IS_ALIGNED((vma->vm_start >> PAGE_SHIFT) - vma->vm_pgoff,
			  DPH_BLOCK_PAGES);
}

/* Where @vma shows, or would show, the start of block @idx. */
unsigned long dph_vma_block_address(struct vm_area_struct *vma,
				    unsigned long idx)
{
	return vma->vm_start +
	       (((idx << DPH_BLOCK_SHIFT) - vma->vm_pgoff) << PAGE_SHIFT);
}

/* Where a PMD could map block @idx, or 0. mmap_lock is held. */
unsigned long dph_region_address(struct dph_region *r, unsigned long idx)
{
	struct address_space *mapping = region_mapping(r);
	pgoff_t first = idx << DPH_BLOCK_SHIFT;
	struct vm_area_struct *vma;
	unsigned long found = 0;

	i_mmap_lock_read(mapping);
	for_each_file_vma(vma, mapping, first, first) {
		unsigned long addr = dph_vma_block_address(vma, idx);

		if (vma->vm_private_data == r && dph_vma_pmd_possible(vma, addr)) {
			found = addr;
			break;
		}
	}
	i_mmap_unlock_read(mapping);
	return found;
}

/*
 * Take the page table of a block that has become full away, so that the next
 * fault maps a PMD. Called without locks.
 */
static void promote(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	struct dph_region *r;
	struct dph_block *b;
	pgoff_t pgoff;

	if (mmap_write_lock_killable(mm))
		return;
	vma = find_vma(mm, addr);
	if (!vma || addr < vma->vm_start || !dph_vma_pmd_possible(vma, addr))
		goto unlock;
	r = dph_region_of(vma);
	if (!r)
		goto unlock;
	pgoff = vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
	b = xa_load(&r->blocks, pgoff >> DPH_BLOCK_SHIFT);
	if (!b)
		goto unlock;
	vma_start_write(vma);
	mutex_lock(&b->lock);
	if (dph_block_huge(b) && !b->retracted) {
		b->retracted = true;
		if (!dph_pt_retract(vma, addr & PMD_MASK))
			dph_count(r, DPH_PROMOTE_ABORTS, 1);
	}
	mutex_unlock(&b->lock);
unlock:
	mmap_write_unlock(mm);
}

/*
 * A VMA that has not been forked itself (MADV_DONTFORK) can share a block with
 * one that has. Its entries are writable even for a read, so each of its
 * faults counts as a write.
 */
static bool fault_is_write(struct vm_fault *vmf)
{
	return (vmf->flags & FAULT_FLAG_WRITE) ||
	       vmf->vma->vm_ops == &dph_plain_ops;
}

static bool may_drop_lock(struct vm_fault *vmf)
{
	return fault_flag_allow_retry_first(vmf->flags) &&
	       !(vmf->flags & FAULT_FLAG_RETRY_NOWAIT);
}

static vm_fault_t region_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct dph_region *r = vma->vm_private_data;
	bool whole = dph_vma_pmd_possible(vma, vmf->address);
	struct dph_block *b;
	struct page *page;

	if (!r)
		return VM_FAULT_SIGBUS;
	b = dph_region_block(r, vmf->pgoff >> DPH_BLOCK_SHIFT, GFP_KERNEL);
	if (!b)
		return VM_FAULT_OOM;

	mutex_lock(&b->lock);
	page = dph_block_touch(b, vmf, fault_is_write(vmf), whole);
	if (IS_ERR(page)) {
		block_unlock_and_count(r, b);
		return fault_error(PTR_ERR(page));
	}
	if (dph_block_huge(b)) {
		if (whole && !b->retracted && dph_pt_retractable(vmf) &&
		    may_drop_lock(vmf)) {
			struct mm_struct *mm = vma->vm_mm;
			unsigned long addr = vmf->address;

			block_unlock_and_count(r, b);
			release_fault_lock(vmf);
			promote(mm, addr);
			return VM_FAULT_RETRY;
		}
	} else if (!dph_pt_force_small(vmf)) {
		block_unlock_and_count(r, b);
		return VM_FAULT_NOPAGE;
	}
	if (dph_block_huge(b) && refcount_read(&b->base->users) == 1)
		b->remap = false;
	get_page(page);
	lock_page(page);
	dph_block_allow_huge(b, page);
	vmf->page = page;
	block_unlock_and_count(r, b);
	return VM_FAULT_LOCKED;
}

/* A write to a page that was mapped read-only, as it may be shared. */
static vm_fault_t region_mkwrite(struct vm_fault *vmf)
{
	struct dph_region *r = vmf->vma->vm_private_data;
	unsigned long idx = vmf->pgoff >> DPH_BLOCK_SHIFT;
	unsigned int i = vmf->pgoff & DPH_BLOCK_MASK;
	vm_fault_t ret = VM_FAULT_NOPAGE;
	struct dph_block *b;

	if (!r)
		return VM_FAULT_SIGBUS;
	b = xa_load(&r->blocks, idx);
	if (!b)
		return VM_FAULT_NOPAGE;
	mutex_lock(&b->lock);
	if (dph_block_page(b, i) != vmf->page) {
		/* Replaced or discarded since; its entry is gone as well. */
	} else if (dph_cow_writable(b, i, vmf->page)) {
		lock_page(vmf->page);
		ret = VM_FAULT_LOCKED;
	} else {
		int err = dph_cow_break(b, vmf, i);

		if (err)
			ret = fault_error(err);
	}
	block_unlock_and_count(r, b);
	return ret;
}

#ifdef DPH_FAULTS_NEED_MAP_PAGES
/*
 * Maps nothing around a fault: a page is populated when it is touched. That
 * there is such a call tells the core that ->fault() may be called with only
 * the VMA's lock held, without which each fault is begun twice.
 */
static vm_fault_t region_map_pages(struct vm_fault *vmf, pgoff_t first,
				   pgoff_t last)
{
	return 0;
}
#endif

/* A VMA was split, moved by mremap, or copied by fork. */
static void region_open(struct vm_area_struct *vma)
{
	struct dph_region *r = vma->vm_private_data;

	if (vma->vm_mm != r->mm) {
		dph_fork(r, vma);
		return;
	}
	spin_lock(&r->family->lock);
	r->vmas++;
	spin_unlock(&r->family->lock);
}

static void discard_range(struct dph_region *r, pgoff_t first, pgoff_t end)
{
	unsigned long idx = first >> DPH_BLOCK_SHIFT;
	struct dph_block *b;

	xa_for_each_range(&r->blocks, idx, b, idx, (end - 1) >> DPH_BLOCK_SHIFT) {
		pgoff_t start = idx << DPH_BLOCK_SHIFT;
		unsigned int from = max(first, start) - start;
		unsigned int to = min(end - start, (pgoff_t)DPH_BLOCK_PAGES);

		mutex_lock(&b->lock);
		dph_block_discard(b, from, to - from);
		mutex_unlock(&b->lock);
		cond_resched();
	}
}

/*
 * The first stretch of [first, end) that no VMA of the region maps: true, and
 * its bounds.
 */
static bool uncovered(struct dph_region *r, pgoff_t first, pgoff_t end,
		      pgoff_t *gap_first, pgoff_t *gap_end)
{
	struct address_space *mapping = region_mapping(r);
	struct vm_area_struct *vma;

	*gap_end = end;
	i_mmap_lock_read(mapping);
	for_each_file_vma(vma, mapping, first, end - 1) {	/* by offset */
		if (vma->vm_private_data != r)
			continue;
		if (DPH_VMA_FIRST(vma) > first) {
			*gap_end = DPH_VMA_FIRST(vma);
			break;
		}
		first = max(first, DPH_VMA_LAST(vma) + 1);
	}
	i_mmap_unlock_read(mapping);
	*gap_first = first;
	return first < *gap_end;
}

/*
 * The last VMA goes. The memory goes with it, even if the worker or the
 * shrinker still has a reference to the region.
 */
static void region_end(struct dph_region *r)
{
	struct dph_block *b;
	unsigned long idx;

	spin_lock(&r->pin);
	WRITE_ONCE(r->gone, true);
	spin_unlock(&r->pin);
	dph_worker_remove(r);
	xa_for_each(&r->blocks, idx, b) {
		mutex_lock(&b->lock);
		dph_block_release(b);
		mutex_unlock(&b->lock);
		cond_resched();
	}
	dph_region_put(r);
}

/* One of the family has let go of its memory: what it shared may be theirs alone. */
static void relatives_may_have_more(struct dph_family *family)
{
	struct dph_region *r;

	spin_lock(&family->lock);
	list_for_each_entry(r, &family->regions, link)
		dph_worker_add(r, 0);
	spin_unlock(&family->lock);
}

/*
 * A VMA goes: by munmap of all or some of the mapping, after mremap has moved
 * it, or with its process. mmap_lock is held (in exit_mmap() nobody is left to
 * care), and the VMA is no longer in i_mmap: what no other VMA maps is freed.
 */
static void region_close(struct vm_area_struct *vma)
{
	struct dph_region *r = vma->vm_private_data;
	pgoff_t first = DPH_VMA_FIRST(vma), end = DPH_VMA_LAST(vma) + 1;
	struct dph_family *family = r->family;
	pgoff_t gap_end;
	bool last;

	spin_lock(&family->lock);
	last = !--r->vmas;
	if (last)
		list_del(&r->link);
	spin_unlock(&family->lock);
	if (last) {
		region_end(r);
		relatives_may_have_more(family);
		return;
	}
	if (!atomic_read(&vma->vm_mm->mm_users))
		return;
	while (first < end && uncovered(r, first, end, &first, &gap_end)) {
		discard_range(r, first, gap_end);
		first = gap_end;
	}
}

const struct vm_operations_struct dph_plain_ops = {
	.open = region_open,
	.close = region_close,
	.fault = region_fault,
#ifdef DPH_FAULTS_NEED_MAP_PAGES
	.map_pages = region_map_pages,
#endif
};

/*
 * With page_mkwrite a long-term pin for writing (io_uring fixed buffers, RDMA)
 * is refused since 6.5 (writable_file_mapping_allowed()), so only VMAs that
 * have been forked have it.
 */
const struct vm_operations_struct dph_forked_ops = {
	.open = region_open,
	.close = region_close,
	.fault = region_fault,
	.page_mkwrite = region_mkwrite,
#ifdef DPH_FAULTS_NEED_MAP_PAGES
	.map_pages = region_map_pages,
#endif
};

/* MADV_REMOVE by the calling process, pages [first, end) of the file. */
int dph_region_discard(struct dph_family *family, pgoff_t first, pgoff_t end)
{
	struct mm_struct *mm = current->mm;
	struct dph_region *r;
	int err = -ENXIO;

	if (first >= end)
		return 0;
	if (!mm)
		return -EINVAL;
	/* Keeps the VMAs in place while their entries are dropped. */
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	r = dph_region_find(family, mm);
	if (r) {
		discard_range(r, first, end);
		err = 0;
		dph_region_put(r);
	}
	mmap_read_unlock(mm);
	return err;
}

/* Do the limits let the current user have more? 0 or -ENOMEM. */
int dph_region_room(void)
{
	struct dph_user *user = dph_user_current();
	bool room;

	if (!user)
		return -ENOMEM;
	room = dph_memory_room(user, 1);
	dph_user_put(user);
	if (room)
		return 0;
	dph_count(NULL, DPH_LIMIT_HITS, 1);
	return -ENOMEM;
}

int dph_region_mmap(struct vm_area_struct *vma, unsigned int percent,
		    bool adaptive)
{
	struct dph_family *family;
	struct dph_user *user;
	struct dph_region *r;
	struct file *file;
	int err;

	user = dph_user_current();
	if (!user)
		return -ENOMEM;
	file = dph_family_file();
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto put_user;
	}
	family = file_inode(file)->i_private;
	r = dph_region_alloc(family, user, vma->vm_mm, percent, adaptive,
			     GFP_KERNEL);
	if (!r) {
		err = -ENOMEM;
		goto put_file;
	}
	vma_set_file(vma, file);
	vma->vm_private_data = r;
	vma->vm_ops = &dph_plain_ops;
	vma->vm_pgoff = vma->vm_start >> PAGE_SHIFT;
	vm_flags_clear(vma, VM_MAYEXEC);
	err = 0;
put_file:
	fput(file);
put_user:
	dph_user_put(user);
	return err;
}

int dph_region_init(void)
{
	block_cache = KMEM_CACHE(dph_block, SLAB_ACCOUNT);
	return block_cache ? 0 : -ENOMEM;
}

void dph_region_exit(void)
{
	kmem_cache_destroy(block_cache);
}
