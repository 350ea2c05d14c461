/* SPDX-License-Identifier: MIT */
/* `dphuge doctor`: the kernel, its settings, limits, and the processor's counters. */
#ifndef DPHUGE_COMMAND_DOCTOR_SYSTEM_H
#define DPHUGE_COMMAND_DOCTOR_SYSTEM_H

#include "finding.h"

/**
 * doctor_kernel() - check that the machine is one that the library is made for
 * @finding:	the result
 */
void doctor_kernel(struct finding *finding);

/**
 * doctor_thp() - check that programs can have transparent huge pages
 * @finding:	the result
 */
void doctor_thp(struct finding *finding);

/**
 * doctor_defrag() - check whether the kernel makes 2 MiB pages when programs need them
 * @finding:	the result
 */
void doctor_defrag(struct finding *finding);

/**
 * doctor_pool() - check whether memory lies idle in the hugetlb pool
 * @finding:	the result
 */
void doctor_pool(struct finding *finding);

/**
 * doctor_overcommit() - check that freed memory does not count against a limit
 * @finding:	the result
 */
void doctor_overcommit(struct finding *finding);

/**
 * doctor_cgroup() - check the memory limit of this process's own cgroup (version 2)
 * @finding:	the result
 */
void doctor_cgroup(struct finding *finding);

/**
 * doctor_addresses() - check that the large heap can reserve addresses
 * @finding:	the result
 */
void doctor_addresses(struct finding *finding);

/**
 * doctor_counters() - check that misses of the data TLB can be counted
 * @finding:	the result
 */
void doctor_counters(struct finding *finding);

#endif
