// SPDX-License-Identifier: MIT
/*
 * The window: one range of reserved addresses that holds the whole large heap,
 * and the metadata that says whose each page is.
 *
 *   owners   one byte for each 2 MiB block: the arena that has it
 *   map      one descriptor number for each page; right at the first and last
 *            page of every span, so that neighbours are found
 *   spans    the descriptors
 *
 * All are virtual arrays: the kernel backs only what is written.
 *
 * Ranges that no arena has are spans too, SPAN_RESERVED, in the window's own
 * bins, guarded by its lock. An arena reads a neighbour's descriptor only if
 * the owner byte says that the block is its own; that byte changes to or from
 * an arena only with the arena's lock held.
 */
#include "internal.h"

#include <sys/mman.h>
#include <sys/resource.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define WINDOW_ALIGN GIB /* the largest alignment that large_alloc() serves */
#define GUARD_PAGES BLOCK_PAGES
#define SPAN_PAGES_PER_DESCRIPTOR 16 /* enough for the smallest large request */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bins reserved;
static _Atomic uint8_t *owners;
static uint32_t *map;
static struct span *spans;
static uint32_t spans_max;
static _Atomic uint32_t spans_used; /* ever handed out; 0 is no descriptor */
static uint32_t free_spans;         /* recycled descriptors, linked by next */
static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t top; /* pages from here on were never taken */

void window_lock(void)
{
	pthread_mutex_lock(&lock);
	pthread_mutex_lock(&free_lock);
}

void window_unlock(void)
{
	pthread_mutex_unlock(&free_lock);
	pthread_mutex_unlock(&lock);
}

/* The child has one thread, which is not the one glibc thinks holds them. */
void window_fork_child(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_mutex_init(&free_lock, NULL);
}

uint32_t window_pages(void)
{
	return (uint32_t)(atomic_load(&fixed->window_bytes) >> PAGE_SHIFT);
}

struct span *window_span(uint32_t id)
{
	return id ? &spans[id] : NULL;
}

uint32_t span_id(const struct span *span)
{
	return span ? (uint32_t)(span - spans) : 0;
}

struct span *span_new(void)
{
	struct span *span = NULL;
	uint32_t id;

	pthread_mutex_lock(&free_lock);
	if (free_spans) {
		span = &spans[free_spans];
		free_spans = span->next;
	} else if ((id = atomic_load(&spans_used)) + 1 < spans_max) {
		atomic_store(&spans_used, ++id);
		span = &spans[id];
	}
	pthread_mutex_unlock(&free_lock);
	if (span)
		*span = (struct span){0};
	return span;
}

void span_recycle(struct span *span)
{
	span->state = SPAN_UNUSED;
	pthread_mutex_lock(&free_lock);
	span->next = free_spans;
	free_spans = span_id(span);
	pthread_mutex_unlock(&free_lock);
}

/* What the map says of @page; to be checked against the span's own bounds. */
struct span *span_at(uint32_t page)
{
	uint32_t id = map[page];

	return id && id <= atomic_load(&spans_used) ? &spans[id] : NULL;
}

void span_map(struct span *span)
{
	map[span->first] = span_id(span);
	map[span->first + span->pages - 1] = span_id(span);
}

/* And for free(), where the block begins on a later page. Nobody else looks there;
 * at the first page others may, with the arena's lock held. */
void span_map_block(struct span *span)
{
	uint32_t page = page_of(span_block(span));

	if (page != span->first)
		map[page] = span_id(span);
}

unsigned int owner_of(uint32_t page)
{
	return atomic_load_explicit(&owners[page / BLOCK_PAGES], memory_order_acquire);
}

static void set_owner(uint32_t first, uint32_t pages, uint8_t owner)
{
	for (uint32_t b = first / BLOCK_PAGES; b < (first + pages) / BLOCK_PAGES; b++)
		atomic_store_explicit(&owners[b], owner, memory_order_release);
}

static struct span *reserved_at(uint32_t page)
{
	struct span *span;

	if (page >= window_pages() || owner_of(page) != OWNER_WINDOW)
		return NULL;
	span = span_at(page);
	return span && span->state == SPAN_RESERVED ? span : NULL;
}

static void insert_reserved(struct span *span)
{
	span->state = SPAN_RESERVED;
	span_map(span);
	bin_insert(&reserved, span);
}

/* Give back a range whose pages are reserved addresses again. */
static void give_locked(struct span *span)
{
	struct span *before = span->first ? reserved_at(span->first - 1) : NULL;
	struct span *after = reserved_at(span->first + span->pages);

	set_owner(span->first, span->pages, OWNER_WINDOW);
	if (before) {
		bin_remove(&reserved, before);
		span->first = before->first;
		span->pages += before->pages;
		span_recycle(before);
	}
	if (after) {
		bin_remove(&reserved, after);
		span->pages += after->pages;
		span_recycle(after);
	}
	insert_reserved(span);
}

void window_give(struct span *span)
{
	pthread_mutex_lock(&lock);
	give_locked(span);
	pthread_mutex_unlock(&lock);
}

/* Cut [start, start + pages) out of a reserved span. */
static struct span *carve(struct span *span, uint32_t start, uint32_t pages, unsigned int arena)
{
	uint32_t end = start + pages, span_end = span->first + span->pages;
	struct span *front = NULL, *back = NULL;

	if (span->first < start && !(front = span_new()))
		return NULL;
	if (end < span_end && !(back = span_new())) {
		if (front)
			span_recycle(front);
		return NULL;
	}
	bin_remove(&reserved, span);
	if (front) {
		front->first = span->first;
		front->pages = start - span->first;
		insert_reserved(front);
	}
	if (back) {
		back->first = end;
		back->pages = span_end - end;
		insert_reserved(back);
	}
	span->first = start;
	span->pages = pages;
	span->arena = (uint8_t)arena;
	span_map(span);
	set_owner(start, pages, (uint8_t)arena);
	if (end > top)
		top = end;
	return span;
}

/*
 * @pages, a multiple of BLOCK_PAGES, for @arena, whose lock is held. A block of
 * addresses before it stays reserved: who runs over the end of a mapping faults.
 */
struct span *window_take(uint32_t pages, unsigned int arena)
{
	struct span *span;
	uint32_t start;

	pthread_mutex_lock(&lock);
	span = bin_fit(&reserved, GUARD_PAGES + pages, BLOCK_PAGES, &start);
	if (span)
		span = carve(span, start + GUARD_PAGES, pages, arena);
	pthread_mutex_unlock(&lock);
	return span;
}

/* Are the @pages behind @span reserved? Then they are its arena's now. */
bool window_take_after(struct span *span, uint32_t pages)
{
	uint32_t start = span->first + span->pages;
	struct span *after;
	bool taken = false;

	pthread_mutex_lock(&lock);
	after = reserved_at(start);
	if (after && after->pages >= pages + GUARD_PAGES && carve(after, start, pages, span->arena)) {
		span_recycle(after);
		taken = true;
	}
	pthread_mutex_unlock(&lock);
	return taken;
}

/* Replace whatever is mapped at these pages by reserved addresses. */
bool window_reserve_again(uint32_t first, uint32_t pages)
{
	return mmap(page_address(first), (size_t)pages << PAGE_SHIFT, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/* These pages are no arena's any more: reserved addresses, or @lost. */
void window_untake(uint32_t first, uint32_t pages, bool lost)
{
	struct span *span;

	pthread_mutex_lock(&lock);
	span = lost ? NULL : span_new();
	if (span) {
		span->first = first;
		span->pages = pages;
		give_locked(span);
	} else {
		set_owner(first, pages, OWNER_LOST);
	}
	pthread_mutex_unlock(&lock);
}

/* Reserve addresses that are nobody's. False: another thread's mmap was faster. */
bool window_reserve_free(char *p, size_t len)
{
	char *got = mmap(p, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (got == p)
		return true;
	if (got != MAP_FAILED) /* before Linux 4.17 */
		munmap(got, len);
	return false;
}

/*
 * mremap has emptied these pages. Reserve them again, or else they are lost to
 * us, and free() of a pointer into them is jemalloc's business.
 */
void window_lost(uint32_t first, uint32_t pages)
{
	window_untake(first, pages, !window_reserve_free(page_address(first), (size_t)pages << PAGE_SHIFT));
}

static void *reserve(size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/*
 * How many addresses to reserve: plenty, as they cost nothing; except where the
 * program's addresses (ulimit -v) or data (ulimit -d) are limited.
 */
static size_t limited(size_t wanted)
{
	struct rlimit as, data;

	if (!getrlimit(RLIMIT_AS, &as) && as.rlim_cur != RLIM_INFINITY && wanted > as.rlim_cur / 4)
		wanted = as.rlim_cur < 64 * GIB ? 0 : as.rlim_cur / 4;
	if (!getrlimit(RLIMIT_DATA, &data) && data.rlim_cur != RLIM_INFINITY && wanted > data.rlim_cur)
		wanted = data.rlim_cur < GIB ? 0 : data.rlim_cur;
	return wanted & ~(BLOCK_BYTES - 1);
}

bool window_init(size_t wanted)
{
	for (wanted = limited(wanted); wanted >= GIB; wanted = wanted / 2 & ~(BLOCK_BYTES - 1)) {
		uint32_t pages = (uint32_t)(wanted >> PAGE_SHIFT);
		size_t owners_len = pages / BLOCK_PAGES + PAGE_BYTES;
		size_t map_len = (size_t)pages * sizeof(*map);
		size_t spans_len = (size_t)pages / SPAN_PAGES_PER_DESCRIPTOR * sizeof(*spans);
		char *meta = reserve(owners_len + map_len + spans_len + 3 * PAGE_BYTES, PROT_READ | PROT_WRITE);
		char *p = meta ? reserve(wanted + WINDOW_ALIGN, PROT_NONE) : NULL;
		struct span *all;
		char *start;

		if (!p) {
			if (meta)
				munmap(meta, owners_len + map_len + spans_len + 3 * PAGE_BYTES);
			continue;
		}
		start = (char *)(((uintptr_t)p + WINDOW_ALIGN - 1) & ~(WINDOW_ALIGN - 1));
		if (start > p)
			munmap(p, (size_t)(start - p));
		if (p + WINDOW_ALIGN > start)
			munmap(start + wanted, (size_t)(p + WINDOW_ALIGN - start));
		owners = (_Atomic uint8_t *)meta;
		owners_len = (owners_len + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
		map = (uint32_t *)(meta + owners_len);
		spans = (struct span *)(meta + owners_len + ((map_len + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1)));
		spans_max = pages / SPAN_PAGES_PER_DESCRIPTOR;
		state_open()->window = (uintptr_t)start;
		atomic_store(&state_open()->window_bytes, wanted);
		set_owner(0, pages, OWNER_WINDOW);
		all = span_new();
		all->first = 0;
		all->pages = pages;
		insert_reserved(all);
		return true;
	}
	return false;
}

static void unmap_between(void *from, void *to)
{
	char *first = (char *)(((uintptr_t)from + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
	char *last = (char *)((uintptr_t)to & ~(PAGE_BYTES - 1));

	if (first < last)
		munmap(first, (size_t)(last - first));
}

/* What described the pages from @keep on, of which no arena owns one. */
static void trim_metadata(uint32_t keep, uint32_t pages)
{
	uint32_t max;

	unmap_between(&map[keep], &map[pages]);
	pthread_mutex_lock(&free_lock);
	max = atomic_load(&spans_used) + 1 + keep / SPAN_PAGES_PER_DESCRIPTOR;
	if (max < spans_max) {
		unmap_between(&spans[max], &spans[spans_max]);
		spans_max = max;
	}
	pthread_mutex_unlock(&free_lock);
}

/*
 * The program has limited its addresses after start, and ours stand in the way
 * of all mmaps, jemalloc's too: give up what was never used.
 */
void window_trim(void)
{
	struct rlimit as;
	struct span *last;
	uint32_t pages;

	if (!fixed->window || getrlimit(RLIMIT_AS, &as) || as.rlim_cur == RLIM_INFINITY)
		return;
	pthread_mutex_lock(&lock);
	pages = window_pages();
	last = reserved_at(pages - 1);
	if (last && last->pages > BLOCK_PAGES) {
		uint32_t keep = last->first < BLOCK_PAGES ? BLOCK_PAGES : last->first;

		bin_remove(&reserved, last);
		/* First the compare of is_large(), then others may map there. */
		state_shrink_window((size_t)keep << PAGE_SHIFT);
		munmap(page_address(keep), (size_t)(pages - keep) << PAGE_SHIFT);
		trim_metadata(keep, pages);
		if (keep > last->first) {
			last->pages = keep - last->first;
			insert_reserved(last);
		} else {
			span_recycle(last);
		}
	}
	pthread_mutex_unlock(&lock);
}
