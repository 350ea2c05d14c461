/* SPDX-License-Identifier: MIT */
/*
 * Spans, runs of 4 KiB pages in the window, and the metadata that says whose each page
 * is:
 *
 *   owners   one byte for each 2 MiB block: the arena that has it
 *   map      one descriptor number for each page; right at the first and last
 *            page of every span, so that neighbours are found
 *   spans    the descriptors
 *
 * All are virtual arrays: the kernel backs only what is written. They lie apart from the
 * window, so that a program that writes past its blocks does not reach them.
 *
 * An arena reads a neighbour's descriptor only if the owner byte says that the block is
 * its own; that byte changes to or from an arena only with the arena's lock held.
 *
 * A page's number counts from the start of the window.
 */
#ifndef DPHUGE_SPAN_H
#define DPHUGE_SPAN_H

#include "base/state.h"
#include "base/units.h"

/**
 * enum span_state - what a span's pages are
 * @SPAN_UNUSED: no pages; the descriptor can be used again
 * @SPAN_RESERVED: addresses only; they belong to the window
 * @SPAN_CLEAN: free, and reads as zero
 * @SPAN_DIRTY: free, with old bytes
 * @SPAN_PURGING: was dirty; its memory is being given back
 * @SPAN_USED: a block of the program's
 * @SPAN_CACHED: free, but kept by a thread or in quarantine, or on its way to its arena
 */
enum span_state {
	SPAN_UNUSED,
	SPAN_RESERVED,
	SPAN_CLEAN,
	SPAN_DIRTY,
	SPAN_PURGING,
	SPAN_USED,
	SPAN_CACHED,
};

/**
 * struct span - a descriptor
 * @first: its first page
 * @pages: how many it has
 * @prev: in its bin, the one before; descriptors' numbers, 0 is none
 * @next: in its bin, or in any other list that it is on, the next one
 * @age_prev: in the list of dirty ones by age, the next older one
 * @age_next: the next younger one
 * @offset: used: bytes from the first page to the program's block
 * @spare: used: bytes behind the block that weren't asked for
 * @freed_ms: by clock_ms(), since when it is free
 * @state: enum span_state
 * @arena: its owner
 * @backend: enum backend_choice: whose memory it is
 * @aged: whether it is on the list by age
 *
 * A used or cached span belongs to the thread that holds its pointer, which reads and
 * writes @offset, @spare and @freed_ms without a lock. The rest changes only with the
 * arena's lock held, except @state between used and cached.
 */
struct span {
	uint32_t first, pages;
	uint32_t prev, next;
	uint32_t age_prev, age_next;
	uint32_t offset;
	uint32_t spare;
	_Atomic uint32_t freed_ms;
	_Atomic uint8_t state;
	uint8_t arena;
	uint8_t backend;
	bool aged;
} __attribute__((aligned(64))); /* threads that use neighbours don't share a line */

/* Owners that are no arena. */
#define OWNER_WINDOW 0xff /* reserved addresses */
#define OWNER_LOST 0xfe   /* somebody else's mapping came in */

/**
 * span_init() - make the arrays
 * @pages: how many pages the window has
 *
 * All blocks are owned by the window then. For start-up only.
 *
 * Return: false if there are no addresses for them.
 */
bool span_init(uint32_t pages);

/**
 * span_trim() - the window has become shorter; shorten the arrays
 * @keep: how many pages it has now
 * @pages: how many it had. No arena owns one of those between
 */
void span_trim(uint32_t keep, uint32_t pages);

/**
 * span_new() - a descriptor, all zero
 *
 * Takes a lock of its own, which may be taken last.
 *
 * Return: NULL if all are in use.
 */
struct span *span_new(void);

/**
 * span_recycle() - a descriptor isn't needed any more
 * @span: on no list
 */
void span_recycle(struct span *span);

/**
 * span_by_id() - a descriptor by its number
 * @id: the number
 *
 * Return: NULL for 0.
 */
struct span *span_by_id(uint32_t id);

/**
 * span_id() - a descriptor's number
 * @span: the descriptor, or NULL
 *
 * Return: 0 for NULL.
 */
uint32_t span_id(const struct span *span);

/**
 * span_at() - what the map says of a page
 * @page: a page of the window
 *
 * Return: a descriptor, whose own bounds must be compared with @page, or NULL.
 */
struct span *span_at(uint32_t page);

/**
 * span_map() - write a span's number to its first and last page
 * @span: the span
 */
void span_map(struct span *span);

/**
 * span_map_block() - write a span's number to the page that the program's block begins in
 * @span: a used span
 */
void span_map_block(struct span *span);

/**
 * span_owner() - who owns the 2 MiB block around a page
 * @page: a page of the window
 *
 * Return: an arena's number, OWNER_WINDOW or OWNER_LOST.
 */
unsigned int span_owner(uint32_t page);

/**
 * span_set_owner() - write the owner of whole blocks
 * @first: their first page
 * @pages: how many pages, a multiple of BLOCK_PAGES
 * @owner: the new owner
 *
 * With the window's lock held; from or to an arena with the arena's lock held, too.
 */
void span_set_owner(uint32_t first, uint32_t pages, uint8_t owner);

/** span_prefork() - take the descriptors' lock for a fork, as the last one but the backend's */
void span_prefork(void);
/** span_postfork_parent() - release it in the parent */
void span_postfork_parent(void);
/** span_postfork_child() - make it anew in the child */
void span_postfork_child(void);

/** span_bytes() - the length of a span */
static inline size_t span_bytes(const struct span *span)
{
	return (size_t)span->pages << PAGE_SHIFT;
}

/** page_address() - where a page of the window is */
static inline char *page_address(uint32_t page)
{
	return (char *)fixed->window + ((size_t)page << PAGE_SHIFT);
}

/** page_of() - the number of the page that an address of the window is in */
static inline uint32_t page_of(const void *p)
{
	return (uint32_t)(((uintptr_t)p - fixed->window) >> PAGE_SHIFT);
}

/** span_block() - the program's block in a used span */
static inline char *span_block(const struct span *span)
{
	return page_address(span->first) + span->offset;
}

#endif /* DPHUGE_SPAN_H */
