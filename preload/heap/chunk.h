/* SPDX-License-Identifier: MIT */
/* Chunks: addresses of the window with memory of a backend behind them. */
#ifndef DPHUGE_CHUNK_H
#define DPHUGE_CHUNK_H

#include "window/span.h"

/**
 * chunk_map() - map fresh memory for an arena
 * @arena: the arena's number; its lock is held
 * @pages: how many, whole blocks
 * @like: a span whose backend it is to have, or NULL: that of the process
 *
 * Return: a span on no list that reads as zero, or NULL: no addresses or no memory.
 */
struct span *chunk_map(unsigned int arena, uint32_t pages, const struct span *like);

/**
 * chunk_unmap() - unmap whatever is mapped at a span, and give its addresses back
 * @s: whole blocks, on no list; the arena's lock is held. It is gone then
 *
 * Return: false if the kernel refuses; the span is as it was.
 */
bool chunk_unmap(struct span *s);

#endif /* DPHUGE_CHUNK_H */
