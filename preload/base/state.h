/* SPDX-License-Identifier: MIT */
/*
 * What is fixed after start, on a page of its own that is read-only from then on: among
 * it are the functions of jemalloc that malloc() and free() call, and an attacker who
 * can write anywhere shall not write here.
 *
 * Everybody reads it as fixed->...; only this module's functions make it writable.
 * Before start is over (see front/start.h) the page says that there is no large heap,
 * and everything works without one: the threshold is 0, which sends all requests to the
 * slow path, where it turns out that the library isn't ready; the window is empty; jemalloc
 * is called by its own API.
 */
#ifndef DPHUGE_STATE_H
#define DPHUGE_STATE_H

#include "base/config.h"
#include "base/units.h"
#include "beacon.h"

struct backend;

/**
 * struct small_heap - jemalloc's functions for small requests
 * @malloc: malloc(3)
 * @calloc: calloc(3)
 * @realloc: realloc(3)
 * @free: free(3)
 * @usable: malloc_usable_size(3)
 */
struct small_heap {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	size_t (*usable)(void *);
};

/**
 * struct state - what is fixed after start
 * @beacon: what all this looks like from outside; first on its page
 * @threshold: bytes; requests of at least this size are large. 0 until start is over,
 *	SIZE_MAX if there is no large heap
 * @window: the address at which the window begins
 * @window_bytes: its length; it shrinks when the program limits its addresses
 * @small: jemalloc's functions
 * @dlopen: libc's
 * @before_purge: called, if it is not NULL, before memory goes back to the kernel. No
 *	lock is held but the one that keeps other purges and forks out
 * @backend: where large memory comes from; NULL: there is no large heap
 * @choice: the backend's number
 * @no_backend: why there is no backend
 * @config: the settings
 * @memory_bytes: RAM and swap; larger requests fail. SIZE_MAX: none is too large
 * @arenas: how many arenas threads share, from 1 to ARENAS_MAX
 */
struct state {
	struct dphuge_beacon beacon;
	size_t threshold;
	uintptr_t window;
	_Atomic size_t window_bytes;
	struct small_heap small;
	void *(*dlopen)(const char *, int);
	void (*before_purge)(void);
	const struct backend *backend;
	enum backend_choice choice;
	const char *no_backend;
	struct config config;
	size_t memory_bytes;
	unsigned int arenas;
};

union state_page {
	struct state s;
	char page[4096];
};

extern union state_page state_page;
#define fixed ((const struct state *)&state_page.s)

/**
 * state_open() - the page, to fill it in
 *
 * For start-up only, before state_seal() and from one thread.
 *
 * Return: what fixed-> reads.
 */
struct state *state_open(void);

/**
 * state_seal() - from now on the page is read-only
 */
void state_seal(void);

/**
 * state_shrink_window() - the window has become shorter
 * @bytes: its new length
 *
 * The page is writable for as long as this takes, and no longer. Called after
 * state_seal(), with the window's lock held, so that there is one writer at a time.
 */
void state_shrink_window(size_t bytes);

#endif /* DPHUGE_STATE_H */
