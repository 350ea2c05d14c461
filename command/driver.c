// SPDX-License-Identifier: MIT
/* What the driver says, in sysfs and by its ioctls. */
#include "driver.h"
#include "line.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool read_counter(const char *name, uint64_t *value)
{
	char path[96], text[32];

	snprintf(path, sizeof(path), "/sys/class/misc/dphuge/stats/%s", name);
	if (!line_first(path, text, sizeof(text)))
		return false;
	*value = strtoull(text, NULL, 10);
	return true;
}

bool driver_counters(struct driver_counters *counters)
{
	return read_counter("promotions", &counters->promotions) && read_counter("copies", &counters->copies) &&
	       read_counter("fallbacks", &counters->fallbacks) && read_counter("bytes", &counters->bytes) &&
	       read_counter("limit_bytes", &counters->limit_bytes);
}

bool driver_is_loaded(void)
{
	return !access("/sys/module/dphuge", F_OK);
}

static bool ask_driver(unsigned long request, void *arg)
{
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);
	bool answered = fd >= 0 && !ioctl(fd, request, arg);

	if (fd >= 0)
		close(fd);
	return answered;
}

bool driver_info(pid_t pid, uint64_t addr, struct dphuge_info *info)
{
	*info = (struct dphuge_info){.size = sizeof(*info), .addr = addr, .pid = (uint64_t)pid};
	return ask_driver(DPHUGE_IOC_INFO, info);
}

bool driver_blocks(pid_t pid, uint64_t addr, struct dphuge_block *blocks, unsigned int count)
{
	struct dphuge_blocks req = {
	    .size = sizeof(req), .count = count, .addr = addr, .blocks = (uintptr_t)blocks, .pid = (uint64_t)pid};

	return ask_driver(DPHUGE_IOC_BLOCKS, &req) && req.count == count;
}
