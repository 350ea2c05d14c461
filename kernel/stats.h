/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The counters in sysfs.
 */
#ifndef DPH_STATS_H
#define DPH_STATS_H

struct attribute_group;

/* For the device's groups: the folder "stats". NULL-terminated. */
extern const struct attribute_group *dph_stats_groups[];

#endif /* DPH_STATS_H */
