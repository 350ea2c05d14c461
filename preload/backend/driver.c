// SPDX-License-Identifier: MIT
/* The dphuge driver: mappings of /dev/dphuge. The device is opened for each of them and
 * closed at once, as programs close and reuse descriptors that they don't know. */
#include "backend/driver.h"

#include "backend/move.h"
#include "base/sys.h"
#include "window/reserve.h"
#include "window/span.h"

#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../../kernel/include/uapi/dphuge.h"

static int open_device(void)
{
	int saved = errno;
	int fd = sys_open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);

	errno = saved;
	return fd;
}

static bool map_with(char *p, size_t len, int how)
{
	struct dphuge_threshold t = {.size = sizeof(t), .percent = (uint32_t)fixed->config.promote};
	int fd = open_device();
	void *got;

	if (fd < 0)
		return false;
	if (fixed->config.promote >= 0 && ioctl(fd, DPHUGE_IOC_THRESHOLD, &t)) {
		sys_close(fd);
		return false;
	}
	got = mmap(p, len, PROT_READ | PROT_WRITE, MAP_SHARED | how, fd, 0);
	sys_close(fd);
	if (got != p && got != MAP_FAILED) /* MAP_FIXED_NOREPLACE, before Linux 4.17 */
		munmap(got, len);
	return got == p;
}

static bool driver_map(char *p, size_t len)
{
	return map_with(p, len, MAP_FIXED);
}

static bool driver_purge(char *p, size_t len)
{
	return !madvise(p, len, MADV_REMOVE);
}

/*
 * What is added is a mapping of its own. If mremap grew the last one, it would show its
 * file's next offsets, and those may be in use: memory moves with its offsets, so what
 * once lay behind may be elsewhere now, and would be there twice.
 */
static enum outcome driver_extend(char *p, size_t old_len, size_t new_len)
{
	if (map_with(p + old_len, new_len - old_len, MAP_FIXED))
		return DONE;
	/* If the driver refuses, the reservation is still there; if the kernel itself does,
	 * it has unmapped it before. */
	(void)reserve_if_free(p + old_len, new_len - old_len);
	return FAILED;
}

static bool driver_move(char *p, size_t old_len, char *to, size_t new_len)
{
	return map_with(to + old_len, new_len - old_len, MAP_FIXED) && move_memory(p, old_len, to, old_len);
}

/* MREMAP_DONTUNMAP would leave a second mapping of the same pages. */
static enum outcome driver_replace(char *p, size_t len, char *to)
{
	if (!move_memory(p, len, to, len))
		return FAILED;
	return map_with(p, len, MAP_FIXED_NOREPLACE) ? DONE : LOST;
}

const struct backend backend_driver = {
    .name = "driver",
    .map = driver_map,
    .purge = driver_purge,
    .extend = driver_extend,
    .move = driver_move,
    .replace = driver_replace,
};

int driver_error(void)
{
	int saved = errno, err = 0;
	int fd = sys_open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);
	char *p;

	if (fd < 0) {
		err = errno;
	} else {
		p = mmap(NULL, BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			err = errno;
		else
			munmap(p, BLOCK_BYTES);
		sys_close(fd);
	}
	errno = saved;
	return err;
}

bool driver_totals(struct driver_totals *totals)
{
	struct dphuge_info info;
	uintptr_t at = fixed->window, end = at + atomic_load(&fixed->window_bytes);
	int fd = open_device();

	*totals = (struct driver_totals){0};
	if (fd < 0)
		return false;
	/* Parts of one mapping, cut by mprotect, have the same counters. */
	for (uint64_t last = 0; at < end;) {
		unsigned int owner = span_owner(page_of((void *)at));

		info = (struct dphuge_info){.size = sizeof(info), .addr = at};
		if (owner == OWNER_WINDOW || owner == OWNER_LOST || ioctl(fd, DPHUGE_IOC_INFO, &info)) {
			at += BLOCK_BYTES;
			continue;
		}
		at = round_up(info.end, BLOCK_BYTES);
		if (info.mapping == last)
			continue;
		last = info.mapping;
		totals->promotions += info.promotions;
		totals->fallbacks += info.fallbacks;
		totals->copies += info.copies;
	}
	sys_close(fd);
	return true;
}
