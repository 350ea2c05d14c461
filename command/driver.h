/* SPDX-License-Identifier: MIT */
/* What the driver tells: for the whole machine /sys/class/misc/dphuge/stats, for a
 * process the ioctls of <dphuge.h>. */
#ifndef DPHUGE_COMMAND_DRIVER_H
#define DPHUGE_COMMAND_DRIVER_H

#include "../kernel/include/uapi/dphuge.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct driver_counters {
	uint64_t promotions, copies, fallbacks; /* since it was loaded */
	uint64_t bytes, limit_bytes;            /* held now, and at most */
};

bool driver_is_loaded(void);
/* False: it isn't loaded, or its counters can't be read. */
bool driver_counters(struct driver_counters *counters);

/* Of the part of a mapping that @addr lies in, in process @pid. False: it can't be
 * had, as that takes CAP_SYS_PTRACE (root). */
bool driver_info(pid_t pid, uint64_t addr, struct dphuge_info *info);
/* The same of the @count blocks from @addr on. */
bool driver_blocks(pid_t pid, uint64_t addr, struct dphuge_block *blocks, unsigned int count);

#endif
