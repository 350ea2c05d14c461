/* SPDX-License-Identifier: MIT */
/* fork(2) and the heap's locks. */
#ifndef DPHUGE_FORK_H
#define DPHUGE_FORK_H

/**
 * fork_register() - have all locks taken for each fork; for start-up only
 *
 * jemalloc must have registered its handlers before: then they run after ours.
 */
void fork_register(void);

#endif /* DPHUGE_FORK_H */
