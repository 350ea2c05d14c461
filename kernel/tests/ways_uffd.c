// SPDX-License-Identifier: GPL-2.0
/* The ways (ways.h) that userfaultfd has to take the right to write, and to give it back. */
#include "ways.h"

#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* What Debian 12's headers don't know yet. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif
#ifndef UFFDIO_RWPROTECT
#define UFFD_FEATURE_RWP (1 << 17)
#define UFFD_FEATURE_RWP_ASYNC (1 << 18)
#define UFFDIO_REGISTER_MODE_RWP ((__u64)1 << 3)
struct uffdio_rwprotect {
	struct uffdio_range range;
	__u64 mode;
};
#define UFFDIO_RWPROTECT_MODE_RWP ((__u64)1 << 0)
#define UFFDIO_RWPROTECT _IOWR(UFFDIO, 0x09, struct uffdio_rwprotect)
#endif
#ifndef PAGEMAP_SCAN
struct page_region {
	__u64 start, end, categories;
};
struct pm_scan_arg {
	__u64 size, flags, start, end, walk_end, vec, vec_len, max_pages;
	__u64 category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PM_SCAN_WP_MATCHING (1 << 0)
#define PM_SCAN_CHECK_WPASYNC (1 << 1)
#define PAGE_IS_WRITTEN (1 << 1)
#endif

/*
 * A descriptor for each set of features that is asked for, and the process that
 * opened it: a child can't use its parent's. Of each thread, as two threads may
 * watch neighbours.
 */
enum { SYNC, WATCH, RWP, KINDS };

static const unsigned long features[KINDS] = {
	[SYNC] = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	[WATCH] = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED | UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	[RWP] = UFFD_FEATURE_RWP | UFFD_FEATURE_RWP_ASYNC,
};
static _Thread_local struct {
	int fd;
	pid_t owner;
} uffds[KINDS];
static _Thread_local int uffd = -1; /* the one that was used last */

static int uffd_open(int kind)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features[kind] };

	if (uffds[kind].owner != getpid()) {
		if (uffds[kind].owner)
			close(uffds[kind].fd);
		uffds[kind].owner = 0;
		uffds[kind].fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
		if (uffds[kind].fd < 0)
			return errno;
		if (ioctl(uffds[kind].fd, UFFDIO_API, &api)) {
			int err = errno;

			close(uffds[kind].fd);
			return err;
		}
		uffds[kind].owner = getpid();
	}
	uffd = uffds[kind].fd;
	return 0;
}

static int uffd_register(char *p, size_t n, int kind)
{
	struct uffdio_register reg = { .range = { (uintptr_t)p, n },
				       .mode = kind == RWP ? UFFDIO_REGISTER_MODE_RWP : UFFDIO_REGISTER_MODE_WP };

	return uffd_open(kind) ?: ioctl(uffd, UFFDIO_REGISTER, &reg) ? errno : 0;
}

static int uffd_wp(char *p, size_t n, unsigned long mode)
{
	struct uffdio_writeprotect wp = { .range = { (uintptr_t)p, n }, .mode = mode };

	return ioctl(uffd, UFFDIO_WRITEPROTECT, &wp) ? errno : 0;
}

int ways_uffd_take_sync(char *p, size_t n)
{
	return uffd_register(p, n, SYNC) ?:
		uffd_wp(p, n, UFFDIO_WRITEPROTECT_MODE_WP);
}

int ways_uffd_take_async(char *p, size_t n)
{
	return uffd_register(p, n, WATCH) ?: uffd_wp(p, n, UFFDIO_WRITEPROTECT_MODE_WP);
}

/* Registered as well; the protection is only an entry's. */
int ways_uffd_watch(char *p, size_t n)
{
	return uffd_register(p, n, WATCH);
}

int ways_uffd_take_scan(char *p, size_t n)
{
	struct page_region found[64];
	struct pm_scan_arg scan = { .size = sizeof(scan), .flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
				    .start = (uintptr_t)p, .end = (uintptr_t)p + n, .vec = (uintptr_t)found, .vec_len = 64,
				    .category_mask = PAGE_IS_WRITTEN, .return_mask = PAGE_IS_WRITTEN };
	int fd, err = uffd_register(p, n, WATCH);

	if (err)
		return err;
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	while (!err && scan.start < (uintptr_t)p + n) {
		err = ioctl(fd, PAGEMAP_SCAN, &scan) < 0 ? errno : 0;
		scan.start = scan.walk_end;
	}
	close(fd);
	return err;
}

int ways_uffd_take_rwp(char *p, size_t n)
{
	struct uffdio_rwprotect rwp = { .range = { (uintptr_t)p, n }, .mode = UFFDIO_RWPROTECT_MODE_RWP };

	return uffd_register(p, n, RWP) ?:
		(ioctl(uffd, UFFDIO_RWPROTECT, &rwp) ? errno : 0);
}

int ways_uffd_give_rwp(char *p, size_t n)
{
	struct uffdio_rwprotect rwp = { .range = { (uintptr_t)p, n } };

	return ioctl(uffd, UFFDIO_RWPROTECT, &rwp) ? errno : 0;
}

int ways_uffd_give(char *p, size_t n)
{
	return uffd_wp(p, n, 0);
}

int ways_uffd_unregister(char *p, size_t n)
{
	struct uffdio_range range = { (uintptr_t)p, n };

	return ioctl(uffd, UFFDIO_UNREGISTER, &range) ? errno : 0;
}

int ways_uffd_give_and_leave(char *p, size_t n)
{
	return ways_uffd_give(p, n) ?: ways_uffd_unregister(p, n);
}
