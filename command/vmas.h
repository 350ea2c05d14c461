/* SPDX-License-Identifier: MIT */
/* What the kernel says of the mappings of a large heap. */
#ifndef DPHUGE_COMMAND_VMAS_H
#define DPHUGE_COMMAND_VMAS_H

#include "process.h"

#include <stdbool.h>
#include <stdint.h>

/**
 * struct vma - one mapping
 * @start:	its first address
 * @end:	the first address behind it
 * @resident:	bytes that are resident
 * @huge:	of these, bytes in 2 MiB pages
 * @device:	whether it is a mapping of /dev/dphuge
 */
struct vma {
	uint64_t start, end;
	uint64_t resident, huge;
	bool device;
};

/**
 * vmas_each() - go through the mappings of a large heap
 * @process:	a process in the state PROCESS_ACTIVE
 * @each:	is called for each mapping, with @arg
 * @arg:	for @each
 *
 * Addresses that are only reserved are left out. Mappings of the device elsewhere in the
 * process are included: with DPHUGE_SMALL=huge there are some.
 *
 * Return: false if the mappings cannot be read.
 */
bool vmas_each(const struct process *process, void (*each)(const struct vma *vma, void *arg), void *arg);

#endif
