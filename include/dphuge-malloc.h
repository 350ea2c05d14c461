/* SPDX-License-Identifier: MIT */
/*
 * For programs that want to know whether they run on dphuge, or that want to set when
 * the blocks of a mapping of /dev/dphuge become 2 MiB pages. No library of dphuge needs to be
 * linked, and the functions report it if dphuge isn't there. With a glibc older than
 * 2.34, link with -ldl.
 */
#ifndef DPHUGE_MALLOC_H
#define DPHUGE_MALLOC_H

#include <dphuge.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/**
 * dphuge_backend() - where the memory for this process's large requests comes from
 *
 * Return: "driver", "thp", "hugetlb" or "base" (the values of DPHUGE_BACKEND, see
 * libdphuge(7)), or NULL if libdphuge.so isn't preloaded, or if it has no large heap
 * in this process.
 */
static inline const char *dphuge_backend(void)
{
	const char *(*name)(void);

	*(void **)&name = dlsym(RTLD_DEFAULT, "dphuge_backend_name");
	return name ? name() : NULL;
}

/**
 * dphuge_set_promote() - sets when the blocks of a mapping become 2 MiB pages
 * @addr: an address inside a mapping of /dev/dphuge. The setting applies to the whole
 *	mapping; a block from malloc() shares its mapping with other blocks
 * @percent: 0 to 100: the percentage of a 2 MiB block that must be touched before it
 *	becomes one 2 MiB page; 0: at the first touch
 *
 * Return: 0, or -1 with errno: EINVAL (@percent is out of range), ENXIO (@addr isn't in a
 * mapping of the device), or ENOENT, ENXIO or EACCES (the device can't be opened).
 */
static inline int dphuge_set_promote(const void *addr, unsigned int percent)
{
	struct dphuge_threshold threshold;
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	memset(&threshold, 0, sizeof(threshold));
	threshold.size = sizeof(threshold);
	threshold.percent = percent;
	threshold.addr = (uintptr_t)addr;
	result = ioctl(fd, DPHUGE_IOC_THRESHOLD, &threshold);
	close(fd);
	return result;
}

#endif
