/* SPDX-License-Identifier: MIT */
/*
 * For programs that want to know whether they run on dphuge, or to set how a mapping
 * of /dev/dphuge gets its 2 MiB pages. Nothing needs to be linked, and where dphuge
 * isn't there the answers say so: link with -ldl if your libc is older than glibc 2.34.
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
 * dphuge_backend() - where this process's large requests are served from
 *
 * Return: "driver", "thp", "hugetlb" or "base" (as DPHUGE_BACKEND, libdphuge(7)), or
 * NULL: libdphuge.so isn't preloaded, or has no large heap here.
 */
static inline const char *dphuge_backend(void)
{
	const char *(*name)(void);

	*(void **)&name = dlsym(RTLD_DEFAULT, "dphuge_backend_name");
	return name ? name() : NULL;
}

/**
 * dphuge_set_promote() - when blocks of a mapping become 2 MiB pages
 * @addr: an address inside a mapping of /dev/dphuge; all of the mapping is set, and a
 *	block of malloc's shares its mapping with others
 * @percent: 0 to 100: how much of a 2 MiB block is touched before; 0: at first touch
 *
 * Return: 0, or -1 with errno: EINVAL (@percent), ENXIO (@addr isn't such memory),
 * ENOENT, ENXIO or EACCES (no device).
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
