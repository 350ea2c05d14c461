// SPDX-License-Identifier: GPL-2.0
/*
 * Events are counted per CPU for the whole module, so that faults on many CPUs
 * don't fight for one cache line, and in the mapping that they concern.
 */
#include <linux/percpu.h>

#include "count.h"

static DEFINE_PER_CPU(unsigned long [DPH_NR_EVENTS], count_events);

void dph_count(struct dph_counts *counts, enum dph_event event, unsigned long n)
{
	this_cpu_add(count_events[event], n);
	if (counts)
		atomic_long_add(n, &counts->event[event]);
}

unsigned long dph_count_total(enum dph_event event)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(count_events, cpu)[event];
	return sum;
}
