/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the driver's tests share: TAP output, mappings of the device, and what
 * the kernel says about them. Programs print "ok" and "not ok" lines and a plan
 * at the end; a test that can't go on says "Bail out!" and exits with 1.
 */
#ifndef DPH_TEST_H
#define DPH_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../include/uapi/dphuge.h"

#define PAGE 4096UL
#define BLOCK DPHUGE_BLOCK
#define BLOCK_PAGES (BLOCK / PAGE)
#define KB(n) ((n) / 1024)
/* Each processor keeps up to 64 pages' charge to a cgroup in stock (mm/memcontrol.c). */
#define CHARGE_STOCK (sysconf(_SC_NPROCESSORS_ONLN) * 64 * PAGE)
#define STATS "/sys/class/misc/dphuge/stats/"
#define PARAMS "/sys/module/dphuge/parameters/"

static int t_count, t_failed;

__attribute__((format(printf, 2, 3))) static void ok(bool good, const char *fmt, ...)
{
	va_list ap;

	t_count++;
	t_failed += !good;
	printf("%sok %d - ", good ? "" : "not ", t_count);
	__builtin_va_start(ap, fmt);
	vprintf(fmt, ap);
	__builtin_va_end(ap);
	putchar('\n');
	fflush(stdout);
}

static int t_done(void)
{
	printf("1..%d\n", t_count);
	fflush(stdout);
	return t_failed != 0;
}

#define bail(...) (printf("Bail out! %s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), \
		   printf(" (%s)\n", strerror(errno)), fflush(stdout), _exit(1))
#define must(cond) ((cond) ? (void)0 : bail("%s", #cond))

/*
 * Whether @cond comes true. How soon is the machine's business, and a busy one
 * takes its time: only what doesn't happen within two minutes fails.
 */
#define PATIENCE_MS 120000
#define becomes(cond) ({ \
	bool yes_; \
	for (unsigned int ms_ = 0; !(yes_ = (cond)) && ms_ < PATIENCE_MS; ms_ += 10) \
		usleep(10000); \
	yes_; \
})

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

static inline unsigned long stat_of(const char *name)
{
	return number_in(STATS, name);
}

/* 0, or errno. */
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

static inline int device(void)
{
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		bail("can't open " DPHUGE_DEVICE);
	return fd;
}

#define DEFAULT_PERCENT (-1)

/* @len bytes of the device, threshold @percent; the descriptor is closed. */
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

/* A field of /proc/self/smaps in kB, summed over the VMAs in [p, p + len). */
static inline unsigned long smaps_kb(const void *p, size_t len, const char *field)
{
	unsigned long from = (uintptr_t)p, to = from + len, sum = 0, start, end, kb;
	FILE *f = fopen("/proc/self/smaps", "r");
	size_t n = strlen(field);
	bool in = false;
	char line[512];

	must(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start < to && end > from;
		else if (in && !strncmp(line, field, n) && line[n] == ':' &&
			 sscanf(line + n + 1, "%lu", &kb) == 1)
			sum += kb;
	}
	fclose(f);
	return sum;
}

static inline unsigned long meminfo_kb(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "r");
	size_t n = strlen(field);
	unsigned long kb = 0;
	char line[256];

	must(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			sscanf(line + n + 1, "%lu", &kb);
	fclose(f);
	return kb;
}

static inline bool all_bytes(const char *p, size_t n, char byte)
{
	return !n || (p[0] == byte && !memcmp(p, p + 1, n - 1));
}

/* Run @fn in a child; true if it returned 0. */
static inline bool in_child(int (*fn)(void *), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		_exit(fn(arg));
	must(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The device holds nothing once all mappings are gone (exits take a moment). */
static inline bool device_empty(void)
{
	return becomes(stat_of("bytes") == 0);
}

#endif /* DPH_TEST_H */
