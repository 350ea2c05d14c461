// SPDX-License-Identifier: GPL-2.0
/*
 * The counters in /sys/class/misc/dphuge/stats/, one file each. They count from
 * the moment the module was loaded; those in bytes are what they are now. Enum
 * dph_event (count.h) says what each of the others means.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "count.h"
#include "held.h"
#include "limit.h"
#include "pool.h"
#include "stats.h"

#define STATS_EVENT(_name, _event)					\
static ssize_t _name##_show(struct device *dev,				\
			    struct device_attribute *attr, char *buf)	\
{									\
	return sysfs_emit(buf, "%lu\n", dph_count_total(_event));	\
}									\
static DEVICE_ATTR_RO(_name)

STATS_EVENT(faults, DPH_FAULTS);
STATS_EVENT(promotions, DPH_PROMOTIONS);
STATS_EVENT(promote_copies, DPH_PROMOTE_COPIES);
STATS_EVENT(promote_aborts, DPH_PROMOTE_ABORTS);
STATS_EVENT(given, DPH_GIVEN);
STATS_EVENT(pool_hits, DPH_POOL_HITS);
STATS_EVENT(demotions, DPH_DEMOTIONS);
STATS_EVENT(fallbacks, DPH_FALLBACKS);
STATS_EVENT(folds, DPH_FOLDS);
STATS_EVENT(repairs, DPH_REPAIRS);
STATS_EVENT(reclaims, DPH_RECLAIMS);
STATS_EVENT(reclaimed, DPH_RECLAIMED);
STATS_EVENT(copies, DPH_COPIES);
STATS_EVENT(fork_copies, DPH_FORK_COPIES);
STATS_EVENT(migrations, DPH_MIGRATIONS);
STATS_EVENT(discards, DPH_DISCARDS);
STATS_EVENT(limit_hits, DPH_LIMIT_HITS);

static ssize_t bytes_show(struct device *dev, struct device_attribute *attr,
			  char *buf)
{
	return sysfs_emit(buf, "%lu\n", dph_limit_held());
}
static DEVICE_ATTR_RO(bytes);

static ssize_t held_bytes_show(struct device *dev,
			       struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", dph_held_bytes());
}
static DEVICE_ATTR_RO(held_bytes);

static ssize_t limit_bytes_show(struct device *dev,
				struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", dph_limit_bytes());
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
	&dev_attr_migrations.attr,
	&dev_attr_discards.attr,
	&dev_attr_limit_hits.attr,
	&dev_attr_bytes.attr,
	&dev_attr_held_bytes.attr,
	&dev_attr_limit_bytes.attr,
	&dev_attr_pool_bytes.attr,
	NULL
};

static const struct attribute_group stats_group = {
	.name = "stats",
	.attrs = stats_attrs,
};

const struct attribute_group *dph_stats_groups[] = { &stats_group, NULL };
