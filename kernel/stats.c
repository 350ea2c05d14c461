// SPDX-License-Identifier: GPL-2.0
/*
 * Counters: /sys/class/misc/dphuge/stats/, one file each, since the module was
 * loaded; bytes, limit_bytes and pool_bytes are of now. What each means is said where
 * enum dph_event is declared.
 */
#include <linux/device.h>
#include <linux/percpu.h>
#include <linux/sysfs.h>

#include "dphuge.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static DEFINE_PER_CPU(unsigned long [DPH_NR_EVENTS], events);

void dph_count(struct dph_region *r, enum dph_event event, unsigned long n)
{
	this_cpu_add(events[event], n);
	if (r)
		atomic_long_add(n, &r->events[event]);
}

static ssize_t event_show(enum dph_event event, char *buf)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu(events, cpu)[event];
	return sysfs_emit(buf, "%lu\n", sum);
}

#define DPH_EVENT_ATTR(_name, _event)					\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	return event_show(_event, buf);					\
}									\
static DEVICE_ATTR_RO(_name)

DPH_EVENT_ATTR(faults, DPH_FAULTS);
DPH_EVENT_ATTR(promotions, DPH_PROMOTIONS);
DPH_EVENT_ATTR(promote_copies, DPH_PROMOTE_COPIES);
DPH_EVENT_ATTR(promote_aborts, DPH_PROMOTE_ABORTS);
DPH_EVENT_ATTR(given, DPH_GIVEN);
DPH_EVENT_ATTR(pool_hits, DPH_POOL_HITS);
DPH_EVENT_ATTR(demotions, DPH_DEMOTIONS);
DPH_EVENT_ATTR(fallbacks, DPH_FALLBACKS);
DPH_EVENT_ATTR(folds, DPH_FOLDS);
DPH_EVENT_ATTR(repairs, DPH_REPAIRS);
DPH_EVENT_ATTR(reclaims, DPH_RECLAIMS);
DPH_EVENT_ATTR(reclaimed, DPH_RECLAIMED);
DPH_EVENT_ATTR(copies, DPH_COPIES);
DPH_EVENT_ATTR(fork_copies, DPH_FORK_COPIES);
DPH_EVENT_ATTR(discards, DPH_DISCARDS);
DPH_EVENT_ATTR(limit_hits, DPH_LIMIT_HITS);

static ssize_t bytes_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%lu\n", dph_memory_bytes());
}
static DEVICE_ATTR_RO(bytes);

static ssize_t limit_bytes_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", dph_memory_limit() << PAGE_SHIFT);
}
static DEVICE_ATTR_RO(limit_bytes);

static ssize_t pool_bytes_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", dph_pool_bytes());
}
static DEVICE_ATTR_RO(pool_bytes);

static struct attribute *stats_attrs[] = {
	&dev_attr_faults.attr,
	&dev_attr_promotions.attr,
	&dev_attr_promote_copies.attr,
	&dev_attr_promote_aborts.attr,
	&dev_attr_given.attr,
	&dev_attr_pool_hits.attr,
	&dev_attr_demotions.attr,
	&dev_attr_fallbacks.attr,
	&dev_attr_folds.attr,
	&dev_attr_repairs.attr,
	&dev_attr_reclaims.attr,
	&dev_attr_reclaimed.attr,
	&dev_attr_copies.attr,
	&dev_attr_fork_copies.attr,
	&dev_attr_discards.attr,
	&dev_attr_limit_hits.attr,
	&dev_attr_bytes.attr,
	&dev_attr_limit_bytes.attr,
	&dev_attr_pool_bytes.attr,
	NULL
};

static const struct attribute_group stats_group = {
	.name = "stats",
	.attrs = stats_attrs,
};

const struct attribute_group *dph_stats_groups[] = { &stats_group, NULL };
