/* SPDX-License-Identifier: MIT */
/*
 * What a running process shows of its large heap to whoever may read its memory
 * (process_vm_readv(2)). It stands at the start of a page of the library's data, and
 * is known by its first bytes. Nothing is counted for it: it says where the figures
 * lie that the heap keeps anyway.
 */
#ifndef DPHUGE_BEACON_H
#define DPHUGE_BEACON_H

#include <stdint.h>

#define DPHUGE_BEACON_MAGIC "dphuge beacon 1" /* the layout; fields are only added */

struct dphuge_beacon {
	char magic[16];      /* DPHUGE_BEACON_MAGIC */
	uint32_t size;       /* of this structure */
	uint32_t ready;      /* 1: start-up is over, and what follows is final */
	char version[16];    /* the library's */
	char backend[16];    /* "": there is no large heap */
	char no_backend[96]; /* why */
	uint64_t threshold;  /* bytes; requests of at least this size are large */
	uint64_t window;     /* where the large heap's addresses begin */
	uint64_t window_len; /* and how many bytes they span */
	/* The arenas: an array of @arenas structures, each @arena_size bytes. In each
	 * there are 64-bit figures at these places, in bytes: */
	uint64_t arena;
	uint32_t arenas, arena_size;
	uint32_t live;   /* in use, or kept by a thread for reuse */
	uint32_t dirty;  /* freed and not yet given back */
	uint32_t served; /* since the start, but for what threads reused */
	uint32_t purged; /* given back since the start */
};

#endif
