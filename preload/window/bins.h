/* SPDX-License-Identifier: MIT */
/*
 * Free spans by size: lists for each power of two in four steps, as in TLSF (Masmano et
 * al., 2004) and jemalloc's size classes, and a bitmap of those that aren't empty.
 *
 * These functions take no lock: the caller holds the one that guards the bins.
 */
#ifndef DPHUGE_BINS_H
#define DPHUGE_BINS_H

#include "window/span.h"

#define BINS 160 /* classes, enough for 2^32 pages */

/**
 * struct bins - free spans by size
 * @head: for each class the number of its newest span, 0 is none
 * @nonempty: one bit for each class
 *
 * All zero is empty.
 */
struct bins {
	uint32_t head[BINS];
	uint64_t nonempty[(BINS + 63) / 64];
};

/**
 * bins_class() - which list a span is on
 * @pages: its length
 *
 * Return: a number below BINS; longer spans have higher numbers, or the same.
 */
unsigned int bins_class(uint32_t pages);

/**
 * bins_insert() - put a span in
 * @bins: where
 * @span: on no list
 */
void bins_insert(struct bins *bins, struct span *span);

/**
 * bins_remove() - take a span out
 * @bins: where it is
 * @span: whose length is as it was when it was put in
 */
void bins_remove(struct bins *bins, struct span *span);

/**
 * bins_fit() - find a span with room for an aligned part
 * @bins: where
 * @pages: the part's length
 * @align: pages, a power of two; the part's first page is to be a multiple of it
 * @start: the part's first page
 *
 * Return: the span, which stays in its bin, or NULL. Of the first few dozen spans of
 * fitting classes, small ones first, it is the first that fits.
 */
struct span *bins_fit(struct bins *bins, uint32_t pages, uint32_t align, uint32_t *start);

#endif /* DPHUGE_BINS_H */
