/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all of the driver's tests share: results in TAP, ways to give up or to
 * wait, files with one number, and bytes that are checked. Beside it stand
 * t_device.h (the device), t_memory.h (what the kernel says about memory),
 * t_child.h (child processes) and t_cgroup.h (memory cgroups).
 *
 * A test prints an "ok" or "not ok" line for each check and the plan at its
 * end. A test that cannot go on prints "Bail out!" and exits with status 1.
 */
#ifndef DPH_TEST_H
#define DPH_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define TAP_STDIO
#include "../../tests/tap.h"
#include "../include/uapi/dphuge.h"

#define PAGE 4096UL
#define BLOCK DPHUGE_BLOCK
#define BLOCK_PAGES (BLOCK / PAGE)
#define KB(n) ((n) / 1024)
#define COUNT_OF(array) (sizeof(array) / sizeof(*(array)))

#define bail(...) (printf("Bail out! %s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), \
		   printf(" (%s)\n", strerror(errno)), fflush(stdout), _exit(1))
#define must(cond) ((cond) ? (void)0 : bail("%s", #cond))

/*
 * Whether @cond becomes true. How soon it does depends on the machine, and a
 * busy one is slow: only what does not happen within two minutes is a failure.
 */
#define PATIENCE_MS 120000
#define becomes(cond) ({ \
	bool yes_; \
	for (unsigned int ms_ = 0; !(yes_ = (cond)) && ms_ < PATIENCE_MS; ms_ += 10) \
		usleep(10000); \
	yes_; \
})

static inline double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* A file that holds one number. */
static inline unsigned long number_in(const char *dir, const char *name)
{
	char path[256];
	unsigned long n;
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", dir, name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%lu", &n) != 1)
		bail("can't read %s", path);
	fclose(f);
	return n;
}

/* Return 0, or errno. */
static inline int write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	int err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

/* The shrinkers of all caches are asked for all that they have, ours among them. */
static inline void drop_caches(void)
{
	must(!write_to("/proc/sys/vm/drop_caches", "2"));
}

static inline bool all_bytes(const char *p, size_t n, char byte)
{
	return !n || (p[0] == byte && !memcmp(p, p + 1, n - 1));
}

/* The first address of a block at or above @p. */
static inline char *block_align(const char *p)
{
	return (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));
}

/* The same sequence in every run. The lowest bits of such a number repeat too soon. */
static inline unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

#endif /* DPH_TEST_H */
