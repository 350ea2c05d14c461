/* SPDX-License-Identifier: MIT */
/* Blocks grow by moving page tables, instead of copying bytes. */
#ifndef DPHUGE_GROW_H
#define DPHUGE_GROW_H

#include "window/span.h"

/**
 * grow_mapping() - grow a block that has a mapping of its own
 * @s: a used span of ARENA_HUGE, whose lock is held
 * @pages: its new length, whole blocks, more than it has
 *
 * Return: false if it stays as it was. The block may have moved with its descriptor.
 */
bool grow_mapping(struct span *s, uint32_t pages);

/**
 * grow_away() - move a block out of a mapping that it shares with others
 * @s: a used span of another arena; no arena's lock is held. It is freed
 * @size: the block's new size in bytes
 *
 * Return: the block's new span, of ARENA_HUGE; NULL: nothing has changed.
 */
struct span *grow_away(struct span *s, size_t size);

#endif /* DPHUGE_GROW_H */
