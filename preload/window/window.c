// SPDX-License-Identifier: MIT
/*
 * The window: one range of reserved addresses that holds the whole large heap. Ranges
 * that no arena has are spans too, SPAN_RESERVED, in the window's own bins.
 */
#include "window/window.h"

#include "window/bins.h"
#include "window/reserve.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Before each range that an arena takes, so many pages stay reserved: a program that
 * runs over the end of a mapping faults. */
#define GUARD_PAGES BLOCK_PAGES

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct bins reserved; /* what no arena has */

void window_prefork(void)
{
	pthread_mutex_lock(&lock);
}

void window_postfork_parent(void)
{
	pthread_mutex_unlock(&lock);
}

/* The child has one thread, which is not the one that glibc thinks holds it. */
void window_postfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

uint32_t window_pages(void)
{
	return (uint32_t)(atomic_load(&fixed->window_bytes) >> PAGE_SHIFT);
}

static struct span *reserved_at(uint32_t page)
{
	struct span *span;

	if (page >= window_pages() || span_owner(page) != OWNER_WINDOW)
		return NULL;
	span = span_at(page);
	return span && span->state == SPAN_RESERVED ? span : NULL;
}

static void insert_reserved(struct span *span)
{
	span->state = SPAN_RESERVED;
	span_map(span);
	bins_insert(&reserved, span);
}

/* Give back a range, merged with its neighbours. With the lock held. */
static void give_locked(struct span *span)
{
	struct span *before = span->first ? reserved_at(span->first - 1) : NULL;
	struct span *after = reserved_at(span->first + span->pages);

	span_set_owner(span->first, span->pages, OWNER_WINDOW);
	if (before) {
		bins_remove(&reserved, before);
		span->first = before->first;
		span->pages += before->pages;
		span_recycle(before);
	}
	if (after) {
		bins_remove(&reserved, after);
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

/* Cut [start, start + pages) out of a reserved span, for an arena. */
static struct span *carve_reserved(struct span *span, uint32_t start, uint32_t pages, unsigned int arena)
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
	bins_remove(&reserved, span);
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
	span_set_owner(start, pages, (uint8_t)arena);
	return span;
}

struct span *window_take(uint32_t pages, unsigned int arena)
{
	struct span *span;
	uint32_t start;

	pthread_mutex_lock(&lock);
	span = bins_fit(&reserved, GUARD_PAGES + pages, BLOCK_PAGES, &start);
	if (span)
		span = carve_reserved(span, start + GUARD_PAGES, pages, arena);
	pthread_mutex_unlock(&lock);
	return span;
}

bool window_take_after(struct span *span, uint32_t pages)
{
	uint32_t start = span->first + span->pages;
	struct span *after;
	bool taken = false;

	pthread_mutex_lock(&lock);
	after = reserved_at(start);
	if (after && after->pages >= pages + GUARD_PAGES && carve_reserved(after, start, pages, span->arena)) {
		span_recycle(after);
		taken = true;
	}
	pthread_mutex_unlock(&lock);
	return taken;
}

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
		span_set_owner(first, pages, OWNER_LOST);
	}
	pthread_mutex_unlock(&lock);
}

void window_emptied(uint32_t first, uint32_t pages)
{
	window_untake(first, pages, !reserve_if_free(page_address(first), (size_t)pages << PAGE_SHIFT));
}

/*
 * How many addresses to reserve: plenty, as they cost nothing; except where the
 * program's addresses (ulimit -v) or data (ulimit -d) are limited.
 */
static size_t limit_wanted(size_t wanted)
{
	struct rlimit as, data;

	if (!getrlimit(RLIMIT_AS, &as) && as.rlim_cur != RLIM_INFINITY && wanted > as.rlim_cur / 4)
		wanted = as.rlim_cur < 64 * GIB ? 0 : as.rlim_cur / 4;
	if (!getrlimit(RLIMIT_DATA, &data) && data.rlim_cur != RLIM_INFINITY && wanted > data.rlim_cur)
		wanted = data.rlim_cur < GIB ? 0 : data.rlim_cur;
	return round_down(wanted, BLOCK_BYTES);
}

/* Addresses for a window of @bytes and all its metadata. NULL: there are too few. */
static char *reserve_window(size_t bytes)
{
	char *p = reserve_anywhere(bytes + WINDOW_ALIGN, PROT_NONE), *start;

	if (!p)
		return NULL;
	if (!span_init((uint32_t)(bytes >> PAGE_SHIFT))) {
		munmap(p, bytes + WINDOW_ALIGN);
		return NULL;
	}
	start = (char *)round_up((uintptr_t)p, WINDOW_ALIGN);
	if (start > p)
		munmap(p, (size_t)(start - p));
	if (p + WINDOW_ALIGN > start)
		munmap(start + bytes, (size_t)(p + WINDOW_ALIGN - start));
	return start;
}

bool window_init(struct state *state, size_t wanted)
{
	struct span *all;
	char *start;

	for (wanted = limit_wanted(wanted); wanted >= GIB; wanted = round_down(wanted / 2, BLOCK_BYTES)) {
		start = reserve_window(wanted);
		if (!start)
			continue;
		state->window = (uintptr_t)start;
		atomic_store(&state->window_bytes, wanted);
		all = span_new();
		all->first = 0;
		all->pages = (uint32_t)(wanted >> PAGE_SHIFT);
		insert_reserved(all);
		return true;
	}
	return false;
}

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

		bins_remove(&reserved, last);
		/* First the compare of window_has(), then others may map there. */
		state_shrink_window((size_t)keep << PAGE_SHIFT);
		munmap(page_address(keep), (size_t)(pages - keep) << PAGE_SHIFT);
		span_trim(keep, pages);
		if (keep > last->first) {
			last->pages = keep - last->first;
			insert_reserved(last);
		} else {
			span_recycle(last);
		}
	}
	pthread_mutex_unlock(&lock);
}
