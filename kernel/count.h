/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events are counted twice: for the whole module, and for one mapping.
 */
#ifndef DPH_COUNT_H
#define DPH_COUNT_H

#include <linux/atomic.h>

/**
 * enum dph_event - what is counted; stats.c gives each its file in sysfs
 * @DPH_FAULTS:		page faults that were answered
 * @DPH_PROMOTIONS:	blocks that became a 2 MiB page
 * @DPH_PROMOTE_COPIES:	4 KiB pages copied by promotions of blocks that had
 *			begun without a folio, and by folds
 * @DPH_PROMOTE_ABORTS:	promotions that were given up, as I/O holds a page or
 *			an entry of the page table can't be removed
 * @DPH_GIVEN:		blocks that began as a 2 MiB page on a guess
 * @DPH_POOL_HITS:	blocks that began as a 2 MiB page, on a guess or because
 *			the threshold is 0, with a folio from the pool
 * @DPH_DEMOTIONS:	2 MiB folios given up for single pages
 * @DPH_FALLBACKS:	times when no 2 MiB folio could be had
 * @DPH_FOLDS:		overlays copied back into their own folio
 * @DPH_REPAIRS:	blocks of single pages that the worker promoted
 * @DPH_RECLAIMS:	blocks that the shrinker broke up
 * @DPH_RECLAIMED:	4 KiB pages that the shrinker gave back
 * @DPH_COPIES:		4 KiB pages copied on write
 * @DPH_FORK_COPIES:	4 KiB pages copied at fork, as they were pinned
 * @DPH_MIGRATIONS:	2 MiB folios that the kernel moved to other memory
 * @DPH_DISCARDS:	4 KiB pages given back by MADV_REMOVE and munmap
 * @DPH_LIMIT_HITS:	requests refused as a limit was reached
 * @DPH_NR_EVENTS:	the number of events
 */
enum dph_event {
	DPH_FAULTS,
	DPH_PROMOTIONS,
	DPH_PROMOTE_COPIES,
	DPH_PROMOTE_ABORTS,
	DPH_GIVEN,
	DPH_POOL_HITS,
	DPH_DEMOTIONS,
	DPH_FALLBACKS,
	DPH_FOLDS,
	DPH_REPAIRS,
	DPH_RECLAIMS,
	DPH_RECLAIMED,
	DPH_COPIES,
	DPH_FORK_COPIES,
	DPH_MIGRATIONS,
	DPH_DISCARDS,
	DPH_LIMIT_HITS,
	DPH_NR_EVENTS
};

/**
 * struct dph_counts - one mapping's counters; all zero at the start
 * @event:	how often each event happened, but for what @spread has
 * @spread:	for each CPU, how often it happened there since this was made; or
 *		NULL
 */
struct dph_counts {
	atomic_long_t event[DPH_NR_EVENTS];
	struct dph_count_cpu __percpu *spread;
};

/**
 * dph_count() - count an event
 * @counts:	the mapping's counters, or NULL if it concerns no mapping
 * @event:	what happened
 * @n:		how often
 *
 * Context: any.
 */
void dph_count(struct dph_counts *counts, enum dph_event event,
	       unsigned long n);

/**
 * dph_count_spread() - count per CPU from now on, if the mapping is a busy one
 * @counts:	its counters
 *
 * A process that faults on many CPUs would have them all write to one cache
 * line. Most mappings see few faults, and a server's idle children none, so
 * they don't pay for what each CPU would need.
 *
 * Context: process context; may allocate.
 */
void dph_count_spread(struct dph_counts *counts);

/**
 * dph_count_free() - free what a mapping's counters have
 * @counts:	which nobody uses any more
 */
void dph_count_free(struct dph_counts *counts);

/**
 * dph_count_of() - read one mapping's counter
 * @counts:	the mapping's counters
 * @event:	which one
 *
 * Return: how often it happened since the mapping was made
 */
unsigned long dph_count_of(const struct dph_counts *counts,
			   enum dph_event event);

/**
 * dph_count_total() - read the module's counter
 * @event:	which one
 *
 * Return: how often it happened since the module was loaded
 */
unsigned long dph_count_total(enum dph_event event);

#endif /* DPH_COUNT_H */
