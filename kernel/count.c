// SPDX-License-Identifier: GPL-2.0
/*
 * Events are counted per CPU for the whole module, so that faults on many CPUs
 * don't fight for one cache line, and in the mapping that they concern: there
 * per CPU too, once it is a busy one.
 */
#include <linux/percpu.h>
#include <linux/sched.h>

#include "count.h"

/* struct dph_count_cpu - how often each event happened on one CPU */
struct dph_count_cpu {
	unsigned long event[DPH_NR_EVENTS];
};

static DEFINE_PER_CPU(struct dph_count_cpu, count_all);

void dph_count(struct dph_counts *counts, enum dph_event event, unsigned long n)
{
	struct dph_count_cpu __percpu *spread;

	this_cpu_add(count_all.event[event], n);
	if (!counts)
		return;
	spread = READ_ONCE(counts->spread);
	if (spread)
		this_cpu_add(spread->event[event], n);
	else
		atomic_long_add(n, &counts->event[event]);
}

/* A mapping is busy after so many faults, 16 MiB of single pages. */
#define COUNT_SPREAD_AT	4096

void dph_count_spread(struct dph_counts *counts)
{
	struct dph_count_cpu __percpu *spread;
	long faults;

	/* The worker must not wait for memory with mmap_lock held. */
	if (READ_ONCE(counts->spread) || num_online_cpus() == 1 ||
	    (current->flags & PF_KTHREAD))
		return;
	/* If there is no memory for it, it is tried again after as many. */
	faults = atomic_long_read(&counts->event[DPH_FAULTS]);
	if (!faults || faults % COUNT_SPREAD_AT)
		return;
	spread = alloc_percpu_gfp(struct dph_count_cpu,
				  GFP_KERNEL_ACCOUNT | __GFP_NORETRY |
				  __GFP_NOWARN);
	if (spread && cmpxchg(&counts->spread, NULL, spread))
		free_percpu(spread);
}

void dph_count_free(struct dph_counts *counts)
{
	free_percpu(counts->spread);
}

unsigned long dph_count_of(const struct dph_counts *counts,
			   enum dph_event event)
{
	struct dph_count_cpu __percpu *spread = READ_ONCE(counts->spread);
	unsigned long sum = atomic_long_read(&counts->event[event]);
	int cpu;

	if (!spread)
		return sum;
	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(spread, cpu)->event[event];
	return sum;
}

unsigned long dph_count_total(enum dph_event event)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(count_all, cpu).event[event];
	return sum;
}
