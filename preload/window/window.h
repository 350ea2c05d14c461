/* SPDX-License-Identifier: MIT */
/*
 * The window: one range of reserved addresses that holds the whole large heap, so that
 * "is this pointer ours?" is one comparison. Arenas take ranges of it and give them back.
 *
 * All functions take the window's lock by themselves.
 */
#ifndef DPHUGE_WINDOW_H
#define DPHUGE_WINDOW_H

#include "window/span.h"

/* Where the window begins; also the largest alignment that can be had in it. */
#define WINDOW_ALIGN GIB

/**
 * window_init() - reserve the window's addresses
 * @state: is told where the window is
 * @wanted: bytes; less is reserved where addresses are limited, but at least 1 GiB
 *
 * Return: false if there is none.
 */
bool window_init(struct state *state, size_t wanted);

/**
 * window_trim() - give up the addresses at the end that no arena has taken
 *
 * For when the program has limited its addresses after start, and ours stand in the way
 * of all further mappings, jemalloc's too. Nothing happens if there is no limit.
 */
void window_trim(void);

/**
 * window_take() - addresses for an arena
 * @pages: how many, a multiple of BLOCK_PAGES
 * @arena: its number; its lock is held
 *
 * Return: a span of reserved addresses at a multiple of 2 MiB, or NULL.
 */
struct span *window_take(uint32_t pages, unsigned int arena);

/**
 * window_take_after() - addresses behind an arena's span
 * @span: a span of whole blocks; its arena's lock is held
 * @pages: how many, a multiple of BLOCK_PAGES
 *
 * The arena owns them then, but they are in no span.
 *
 * Return: false if they aren't reserved, or too few.
 */
bool window_take_after(struct span *span, uint32_t pages);

/**
 * window_give() - an arena's addresses belong to the window again
 * @span: reserved addresses, on no list; the arena's lock is held
 */
void window_give(struct span *span);

/**
 * window_untake() - pages belong to no arena any more
 * @first: the first; they are whole blocks, in no span
 * @pages: how many
 * @lost: whether somebody else's mapping is there. If not they are reserved addresses
 */
void window_untake(uint32_t first, uint32_t pages, bool lost);

/**
 * window_emptied() - mremap(2) has left nothing mapped at these pages
 * @first: the first; they are whole blocks, in no span
 * @pages: how many
 *
 * They are reserved again; or else they are lost to us, and free() of a pointer into
 * them goes to jemalloc.
 */
void window_emptied(uint32_t first, uint32_t pages);

/**
 * window_pages() - how many pages the window has
 *
 * Return: that number; it falls when the program limits its addresses.
 */
uint32_t window_pages(void);

/** window_prefork() - take the window's lock for a fork, after the arenas' */
void window_prefork(void);
/** window_postfork_parent() - release it in the parent */
void window_postfork_parent(void);
/** window_postfork_child() - make it anew in the child */
void window_postfork_child(void);

/**
 * window_has() - is this address in the window?
 * @p: any pointer
 *
 * Return: true if it is a large block's, or lies where other mappings have come in since.
 */
static inline bool window_has(const void *p)
{
	return (uintptr_t)p - fixed->window < atomic_load_explicit(&fixed->window_bytes, memory_order_relaxed);
}

#endif /* DPHUGE_WINDOW_H */
