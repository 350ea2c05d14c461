/* SPDX-License-Identifier: MIT */
/* Memory that has been free for long enough goes back to the kernel. */
#ifndef DPHUGE_PURGE_H
#define DPHUGE_PURGE_H

#include "base/units.h"

/**
 * purge_arena() - give back what an arena has had free for some time
 * @arena: the arena's number
 * @min_age_ms: for how long; 0: all of it, and what clean spans hold
 *
 * Takes the purge lock, and the arena's for moments.
 *
 * Return: how many bytes have gone back.
 */
size_t purge_arena(unsigned int arena, uint32_t min_age_ms);

/**
 * purge_lock() - keep forks out while spans are on their way from caches to arenas
 *
 * It is the first of the heap's locks. A fork takes it, so that no child inherits a span
 * that nobody brings to its end.
 */
void purge_lock(void);
/** purge_unlock() - let them in again */
void purge_unlock(void);

/** purge_postfork_child() - make the lock anew in a fork's child */
void purge_postfork_child(void);

#endif /* DPHUGE_PURGE_H */
