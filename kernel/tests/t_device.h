/* SPDX-License-Identifier: GPL-2.0 */
/* The device: its mappings, what its ioctls say, its counters and parameters. */
#ifndef DPH_TEST_DEVICE_H
#define DPH_TEST_DEVICE_H

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "t.h"

#define STATS "/sys/class/misc/dphuge/stats/"
#define PARAMS "/sys/module/dphuge/parameters/"

static inline unsigned long stat_of(const char *name)
{
	return number_in(STATS, name);
}

static inline int device(void)
{
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bail("can't open " DPHUGE_DEVICE);
	return fd;
}

#define DEFAULT_PERCENT (-1) /* the threshold that the module's parameter sets */

/* @len bytes of the device with the threshold @percent; the descriptor is closed. */
static inline char *map(size_t len, int percent)
{
	struct dphuge_threshold t = { .size = sizeof(t), .percent = percent };
	int fd = device();
	char *p;

	if (percent != DEFAULT_PERCENT && ioctl(fd, DPHUGE_IOC_THRESHOLD, &t))
		bail("threshold %d", percent);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		bail("mmap of %zu", len);
	close(fd);
	return p;
}

static inline struct dphuge_info info_of(const void *p)
{
	struct dphuge_info info = { .size = sizeof(info), .addr = (uintptr_t)p };
	int fd = device();

	if (ioctl(fd, DPHUGE_IOC_INFO, &info))
		bail("info of %p", p);
	close(fd);
	return info;
}

/*
 * The state of up to @count blocks of the process @pid (0: this one) from @p on. Return
 * how many there are, or -errno.
 */
static inline int blocks_of_process(pid_t pid, const void *p, struct dphuge_block *blocks, unsigned int count)
{
	struct dphuge_blocks arg = { .size = sizeof(arg), .count = count, .addr = (uintptr_t)p,
				     .blocks = (uintptr_t)blocks, .pid = pid };
	int fd = device();
	int err = ioctl(fd, DPHUGE_IOC_BLOCKS, &arg) ? errno : 0;

	close(fd);
	return err ? -err : (int)arg.count;
}

static inline int blocks_of(const void *p, struct dphuge_block *blocks, unsigned int count)
{
	return blocks_of_process(0, p, blocks, count);
}

/* How many of @count blocks of the process @pid, from @p on, have their reservation whole. */
static inline unsigned long whole_reservations(pid_t pid, const void *p, unsigned long count)
{
	struct dphuge_block block[count];
	unsigned long n = 0;

	must(blocks_of_process(pid, p, block, count) == (int)count);
	for (unsigned long b = 0; b < count; b++)
		n += block[b].state & DPHUGE_BLOCK_FOLIO && !block[b].single;
	return n;
}

/* The device holds nothing once all mappings are gone. The end of a process takes a moment. */
static inline bool device_empty(void)
{
	return becomes(stat_of("bytes") == 0);
}

#endif /* DPH_TEST_DEVICE_H */
