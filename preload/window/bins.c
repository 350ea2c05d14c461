// SPDX-License-Identifier: MIT
/* Free spans by size. The newest of a size comes first, as it is likely still in the
 * processor's cache. */
#include "window/bins.h"

#define STEPS_SHIFT 2
#define STEPS (1u << STEPS_SHIFT)
#define EXACT_TRIES 16 /* spans of the request's own class that are looked at */

unsigned int bins_class(uint32_t pages)
{
	unsigned int log;

	if (pages < 2 * STEPS)
		return pages;
	log = 31 - (unsigned int)__builtin_clz(pages);
	return STEPS + (log - STEPS_SHIFT) * STEPS + ((pages >> (log - STEPS_SHIFT)) & (STEPS - 1));
}

void bins_insert(struct bins *bins, struct span *span)
{
	unsigned int c = bins_class(span->pages);
	uint32_t id = span_id(span);

	span->prev = 0;
	span->next = bins->head[c];
	if (span->next)
		span_by_id(span->next)->prev = id;
	bins->head[c] = id;
	bins->nonempty[c / 64] |= 1ull << (c % 64);
}

void bins_remove(struct bins *bins, struct span *span)
{
	unsigned int c = bins_class(span->pages);

	if (span->prev)
		span_by_id(span->prev)->next = span->next;
	else
		bins->head[c] = span->next;
	if (span->next)
		span_by_id(span->next)->prev = span->prev;
	if (!bins->head[c])
		bins->nonempty[c / 64] &= ~(1ull << (c % 64));
	span->prev = 0;
	span->next = 0;
}

static bool part_fits(const struct span *span, uint32_t pages, uint32_t align, uint32_t *start)
{
	uint64_t at = ((uint64_t)span->first + align - 1) & ~((uint64_t)align - 1);

	*start = (uint32_t)at;
	return at + pages <= (uint64_t)span->first + span->pages;
}

struct span *bins_fit(struct bins *bins, uint32_t pages, uint32_t align, uint32_t *start)
{
	unsigned int c = bins_class(pages);

	while (c < BINS) {
		uint64_t word = bins->nonempty[c / 64] & (~0ull << (c % 64));
		unsigned int tries = 0;

		if (!word) {
			c = (c / 64 + 1) * 64;
			continue;
		}
		c = c / 64 * 64 + (unsigned int)__builtin_ctzll(word);
		for (uint32_t id = bins->head[c]; id && tries < EXACT_TRIES; tries++) {
			struct span *span = span_by_id(id);

			if (part_fits(span, pages, align, start))
				return span;
			id = span->next;
		}
		c++;
	}
	return NULL;
}
