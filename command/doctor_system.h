/* SPDX-License-Identifier: MIT */
/* `dphuge doctor`: the kernel, its settings, limits, and the processor's counters. */
#ifndef DPHUGE_COMMAND_DOCTOR_SYSTEM_H
#define DPHUGE_COMMAND_DOCTOR_SYSTEM_H

#include "finding.h"

/**
 * doctor_system_kernel() - check that the machine is one that the library is made for
 * @finding:	the result
 */
void doctor_system_kernel(struct finding *finding);

/**
 * doctor_system_thp() - check that programs can have transparent huge pages
 * @finding:	the result
 */
void doctor_system_thp(struct finding *finding);

/**
 * doctor_system_defrag() - check whether the kernel makes 2 MiB pages when programs need them
 * @finding:	the result
 */
void doctor_system_defrag(struct finding *finding);

/**
 * doctor_system_pool() - check whether memory lies idle in the hugetlb pool
 * @finding:	the result
 */
void doctor_system_pool(struct finding *finding);

/**
 * doctor_system_overcommit() - check that freed memory does not count against a limit
 * @finding:	the result
 */
void doctor_system_overcommit(struct finding *finding);

/**
 * doctor_system_cgroup() - check the memory limit of this process's own cgroup (version 2)
 * @finding:	the result
 */
void doctor_system_cgroup(struct finding *finding);

/**
 * doctor_system_addresses() - check that the large heap can reserve addresses
 * @finding:	the result
 */
void doctor_system_addresses(struct finding *finding);

/**
 * doctor_system_counters() - check that misses of the data TLB can be counted
 * @finding:	the result
 */
void doctor_system_counters(struct finding *finding);

#endif
