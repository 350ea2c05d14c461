// SPDX-License-Identifier: MIT
/* Descriptors of spans, the map from pages to them, and the owner of each block. */
#include "window/span.h"

#include "window/reserve.h"

#include <pthread.h>
#include <sys/mman.h>

#define PAGES_PER_DESCRIPTOR 16 /* enough for the smallest large request */

static _Atomic uint8_t *owners;
static uint32_t *map;
static struct span *spans;
static uint32_t spans_max;
static _Atomic uint32_t spans_used; /* ever handed out; 0 is no descriptor */
static uint32_t free_spans;         /* recycled descriptors, linked by next */
static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;

void span_prefork(void)
{
	pthread_mutex_lock(&free_lock);
}

void span_postfork_parent(void)
{
	pthread_mutex_unlock(&free_lock);
}

/* The child has one thread, which is not the one that glibc thinks holds it. */
void span_postfork_child(void)
{
	pthread_mutex_init(&free_lock, NULL);
}

bool span_init(uint32_t pages)
{
	size_t owners_len = round_up(pages / BLOCK_PAGES, PAGE_BYTES);
	size_t map_len = round_up((size_t)pages * sizeof(*map), PAGE_BYTES);
	size_t spans_len = (size_t)pages / PAGES_PER_DESCRIPTOR * sizeof(*spans);
	char *all = reserve_anywhere(owners_len + map_len + round_up(spans_len, PAGE_BYTES), PROT_READ | PROT_WRITE);

	if (!all)
		return false;
	owners = (_Atomic uint8_t *)all;
	map = (uint32_t *)(all + owners_len);
	spans = (struct span *)(all + owners_len + map_len);
	spans_max = pages / PAGES_PER_DESCRIPTOR;
	span_set_owner(0, pages, OWNER_WINDOW);
	return true;
}

static void unmap_between(void *from, void *to)
{
	char *first = (char *)round_up((uintptr_t)from, PAGE_BYTES);
	char *last = (char *)round_down((uintptr_t)to, PAGE_BYTES);

	if (first < last)
		munmap(first, (size_t)(last - first));
}

void span_trim(uint32_t keep, uint32_t pages)
{
	uint32_t max;

	unmap_between(&map[keep], &map[pages]);
	pthread_mutex_lock(&free_lock);
	max = atomic_load(&spans_used) + 1 + keep / PAGES_PER_DESCRIPTOR;
	if (max < spans_max) {
		unmap_between(&spans[max], &spans[spans_max]);
		spans_max = max;
	}
	pthread_mutex_unlock(&free_lock);
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

struct span *span_by_id(uint32_t id)
{
	return id ? &spans[id] : NULL;
}

uint32_t span_id(const struct span *span)
{
	return span ? (uint32_t)(span - spans) : 0;
}

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

/* For free(), where the block begins on a later page. Nobody else looks there; at the
 * first page others may, with the arena's lock held. */
void span_map_block(struct span *span)
{
	uint32_t page = page_of(span_block(span));

	if (page != span->first)
		map[page] = span_id(span);
}

unsigned int span_owner(uint32_t page)
{
	return atomic_load_explicit(&owners[page / BLOCK_PAGES], memory_order_acquire);
}

void span_set_owner(uint32_t first, uint32_t pages, uint8_t owner)
{
	for (uint32_t b = first / BLOCK_PAGES; b < (first + pages) / BLOCK_PAGES; b++)
		atomic_store_explicit(&owners[b], owner, memory_order_release);
}
