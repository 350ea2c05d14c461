/* SPDX-License-Identifier: MIT */
/* The report at exit (DPHUGE_STATS=1). */
#ifndef DPHUGE_STATS_H
#define DPHUGE_STATS_H

/**
 * stats_init() - keep a copy of standard error for the report; for start-up only
 */
void stats_init(void);

/**
 * stats_sample() - see how much of the heap is in 2 MiB pages, and remember the fullest time
 *
 * Called before memory goes back, with the purge lock held; it takes a lock of its own.
 */
void stats_sample(void);

/**
 * stats_report() - write the report, at exit
 */
void stats_report(void);

/** stats_postfork_child() - make the lock anew in a fork's child */
void stats_postfork_child(void);

#endif /* DPHUGE_STATS_H */
