/* SPDX-License-Identifier: MIT */
/* What the driver says: of the whole machine in /sys/class/misc/dphuge/stats, and of a
 * process by the ioctls of <dphuge.h>. */
#ifndef DPHUGE_COMMAND_DRIVER_H
#define DPHUGE_COMMAND_DRIVER_H

#include "../kernel/include/uapi/dphuge.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct driver_counters - the driver's counters for the whole machine
 * @promotions:	blocks that became a 2 MiB page, since the driver was loaded
 * @copies:	4 KiB pages that were copied on write after a fork, since then
 * @fallbacks:	times that no 2 MiB folio could be had, since then
 * @bytes:	bytes of memory that the driver holds now
 * @limit_bytes: bytes of memory that it may hold
 */
struct driver_counters {
	uint64_t promotions, copies, fallbacks;
	uint64_t bytes, limit_bytes;
};

/**
 * driver_is_loaded() - ask whether the driver is loaded
 *
 * Return: whether it is; its device may be out of reach all the same.
 */
bool driver_is_loaded(void);

/**
 * driver_counters() - read the driver's counters
 * @counters:	the result
 *
 * Return: false if the driver is not loaded, or its counters cannot be read.
 */
bool driver_counters(struct driver_counters *counters);

/**
 * driver_info() - ask the driver about a part of a mapping
 * @pid:	the process
 * @addr:	an address in that part
 * @info:	the result
 *
 * Return: false if the driver gives no answer: it answers those who have CAP_SYS_PTRACE
 * (root), about mappings of its own.
 */
bool driver_info(pid_t pid, uint64_t addr, struct dphuge_info *info);

/**
 * driver_blocks() - ask the driver about the state of blocks
 * @pid:	the process
 * @addr:	an address in the first block
 * @blocks:	the result, @count entries
 * @count:	how many blocks, 1 to DPHUGE_BLOCKS_MAX
 *
 * Return: false if the driver gives no answer, as with driver_info(), or fewer than @count
 * blocks lie in that part of the mapping.
 */
bool driver_blocks(pid_t pid, uint64_t addr, struct dphuge_block *blocks, unsigned int count);

#endif
