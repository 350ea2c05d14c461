/* SPDX-License-Identifier: MIT */
/* DPHUGE_SMALL=huge: the memory that jemalloc cuts small blocks from is our backend's. */
#ifndef DPHUGE_EXTENTS_H
#define DPHUGE_EXTENTS_H

#include <stdbool.h>

/**
 * extents_install() - hand our memory to every arena that jemalloc gives threads
 *
 * For start-up only, after the backend is chosen.
 *
 * Return: false if jemalloc doesn't take it.
 */
bool extents_install(void);

#endif /* DPHUGE_EXTENTS_H */
