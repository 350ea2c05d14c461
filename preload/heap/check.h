/* SPDX-License-Identifier: MIT */
/* Every invariant of an arena, checked in builds for debugging (-Ddebug_heap=true). */
#ifndef DPHUGE_CHECK_H
#define DPHUGE_CHECK_H

#include "heap/lists.h"

#ifdef DPHUGE_DEBUG
/**
 * check_arena() - walk every span and list of an arena: nothing overlaps, nothing is lost
 * @arena: its number
 * @lists: its free spans
 * @live: what its counter says is used or cached, in bytes
 * @mapped: what its counter says is mapped, in bytes
 *
 * With the arena's lock held. Ends the program if anything is wrong. Does nothing without
 * DPHUGE_DEBUG.
 */
void check_arena(unsigned int arena, const struct lists *lists, size_t live, size_t mapped);
#else
static inline void check_arena(unsigned int arena, const struct lists *lists, size_t live, size_t mapped)
{
	(void)arena;
	(void)lists;
	(void)live;
	(void)mapped;
}
#endif

#endif /* DPHUGE_CHECK_H */
