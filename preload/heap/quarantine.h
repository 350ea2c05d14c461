/* SPDX-License-Identifier: MIT */
/* DPHUGE_QUARANTINE: memory that was freed last can't be touched. */
#ifndef DPHUGE_QUARANTINE_H
#define DPHUGE_QUARANTINE_H

#include "window/span.h"

/**
 * quarantine_add() - keep a span that was freed, and free the oldest beyond the limit
 * @s: in state SPAN_CACHED
 *
 * Takes the quarantine's lock, and arenas'.
 *
 * Return: false if it can't be protected; then it must be freed.
 */
bool quarantine_add(struct span *s);

/** quarantine_prefork() - take the lock for a fork, before the arenas' */
void quarantine_prefork(void);
/** quarantine_postfork_parent() - release it in the parent */
void quarantine_postfork_parent(void);
/** quarantine_postfork_child() - make it anew in the child */
void quarantine_postfork_child(void);

#endif /* DPHUGE_QUARANTINE_H */
