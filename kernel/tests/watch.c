// SPDX-License-Identifier: GPL-2.0
/*
 * What can be seen from outside is right: the state of each block, as the ioctls
 * give it to the process itself and to those who may look into it, and the
 * tracepoints. Needs root for the latter.
 */
#include <sys/mount.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define TRACING "/sys/kernel/tracing/"

static struct dphuge_block states[8];

static int look(const void *p, unsigned int count)
{
	return blocks_of(p, states, count);
}

/* Whether that is the state of the block @n of those that were looked at. */
static bool is(unsigned int n, unsigned int touched, unsigned int single, unsigned int state)
{
	return states[n].touched == touched && states[n].single == single && states[n].state == state;
}

static int child(void *arg)
{
	char *p = arg;

	p[0] = 'y';
	if (look(p, 3) != 3)
		return 1;
	return is(0, 10, 1, DPHUGE_BLOCK_FOLIO | DPHUGE_BLOCK_SHARED) &&
	       is(1, 512, 0, DPHUGE_BLOCK_FOLIO | DPHUGE_BLOCK_HUGE | DPHUGE_BLOCK_SHARED) ? 0 : 1;
}

static void blocks(void)
{
	char *p = map(4 * BLOCK, 50);

	memset(p, 1, 10 * PAGE);
	memset(p + BLOCK, 1, BLOCK);
	memset(p + 2 * BLOCK, 1, BLOCK);
	must(!madvise(p + 2 * BLOCK, 12 * PAGE, MADV_REMOVE));
	ok(look(p + 5 * PAGE, 8) == 4 && is(0, 10, 0, DPHUGE_BLOCK_FOLIO) &&
		   is(1, 512, 0, DPHUGE_BLOCK_FOLIO | DPHUGE_BLOCK_HUGE) && is(2, 500, 500, 0) &&
		   is(3, 0, 0, 0),
	   "the states of blocks: reserved, 2 MiB page, on single pages, untouched");
	ok(look(p + 2 * BLOCK, 1) == 1 && is(0, 500, 500, 0), "and of one, from an address in the middle");
	ok(in_child(child, p), "in a child the blocks are shared, one with a page of its own");
	ok(look(p, 0) == -EINVAL && look(p, DPHUGE_BLOCKS_MAX + 1) == -EINVAL,
	   "a count of 0 or too many is EINVAL");
	ok(look(&states, 1) == -ENXIO, "an address that isn't ours is ENXIO");
	munmap(p, 4 * BLOCK);
}

static void bad_fields(void)
{
	char *p = map(BLOCK, 50);
	struct dphuge_blocks good = { .size = sizeof(good), .count = 1, .addr = (uintptr_t)p,
				      .blocks = (uintptr_t)states };
	struct dphuge_blocks bad;
	int fd = device(), wrong = 0;

#define REFUSED(want, change)	(bad = good, change, wrong += !ioctl(fd, DPHUGE_IOC_BLOCKS, &bad) || errno != want)
	REFUSED(EINVAL, bad.flags = 1);
	REFUSED(EINVAL, bad.reserved = 1);
	REFUSED(ESRCH, bad.pid = 1 << 30);
	REFUSED(EINVAL, bad.size = 8);
	REFUSED(EFAULT, bad.blocks = 8);
	ok(!wrong && !ioctl(fd, DPHUGE_IOC_BLOCKS, &good), "invalid fields are refused (%d are not)",
	   wrong);
	close(fd);
	munmap(p, BLOCK);
}

static int look_without_rights(void *arg)
{
	struct dphuge_info info = { .size = sizeof(info), .addr = (uintptr_t)arg, .pid = getppid() };
	struct dphuge_blocks req = { .size = sizeof(req), .count = 1, .addr = (uintptr_t)arg,
				     .blocks = (uintptr_t)states, .pid = getppid() };
	int fd = device();

	must(!setuid(65534));
	return !(ioctl(fd, DPHUGE_IOC_INFO, &info) && errno == EPERM && ioctl(fd, DPHUGE_IOC_BLOCKS, &req) &&
		 errno == EPERM);
}

/* Another process's memory is shown to those who may look into it. */
static void others(void)
{
	char *p = map(2 * BLOCK, 50), c;
	struct dphuge_info info = { .size = sizeof(info), .addr = (uintptr_t)p };
	struct dphuge_blocks req = { .size = sizeof(req), .count = 2, .addr = (uintptr_t)p,
				     .blocks = (uintptr_t)states };
	int fd = device(), ready[2];
	pid_t pid;

	must(!pipe(ready));
	pid = fork_now();
	if (!pid) {
		memset(p, 1, BLOCK);
		memset(p + BLOCK, 1, 7 * PAGE);
		must(write(ready[1], "x", 1) == 1);
		sleep_forever();
	}
	must(read(ready[0], &c, 1) == 1);
	info.pid = req.pid = pid;
	ok(!ioctl(fd, DPHUGE_IOC_INFO, &info) && info.populated == BLOCK + 7 * PAGE && info.huge == BLOCK &&
		   info.promotions == 1 && info.pid == (uint64_t)pid && info_of(p).populated == 0,
	   "of another process's mapping, %llu bytes are populated", (unsigned long long)info.populated);
	ok(!ioctl(fd, DPHUGE_IOC_BLOCKS, &req) && req.count == 2 &&
		   is(0, 512, 0, DPHUGE_BLOCK_FOLIO | DPHUGE_BLOCK_HUGE) && is(1, 7, 0, DPHUGE_BLOCK_FOLIO),
	   "and its blocks have the right states");
	kill_child(pid);
	ok(ioctl(fd, DPHUGE_IOC_INFO, &info) && errno == ESRCH, "when the process has ended, it is ESRCH");
	ok(in_child(look_without_rights, p), "without CAP_SYS_PTRACE it is EPERM");
	munmap(p, 2 * BLOCK);
	close(fd);
	close(ready[0]);
	close(ready[1]);
}

static bool traced(const char *event, const char *what)
{
	FILE *f = fopen(TRACING "trace", "r");
	bool found = false;
	char line[512];

	must(f);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, event) && strstr(line, what);
	fclose(f);
	return found;
}

static int write_once(void *arg)
{
	*(char *)arg = 'z';
	return 0;
}

static void tracepoints(void)
{
	char *p, where[64];

	(void)mount("tracefs", TRACING, "tracefs", 0, NULL);
	must(!write_to(TRACING "events/dphuge/enable", "1"));
	p = map(4 * BLOCK, 50);
	snprintf(where, sizeof(where), "addr=0x%lx touched=512 pages=256", (unsigned long)p);
	memset(p, 1, 4 * BLOCK);
	ok(traced("dphuge_promote:", where), "the tracepoint promote has %s", where);
	must(in_child(write_once, p));
	ok(traced("dphuge_cow:", "pages=1"), "cow has one page");
	must(!madvise(p, PAGE, MADV_REMOVE));
	ok(traced("dphuge_demote:", "touched=511 pages=511") && traced("dphuge_discard:", "pages=1"),
	   "demote and discard have their pages");
	p[0] = 1;
	/* The driver's thread may have run before that write, and found one page less. */
	ok(becomes(traced("dphuge_fold:", "pages=51")), "fold has the pages that are copied back");
	p[2 * BLOCK] = 1;
	must(!madvise(p, 4 * BLOCK, MADV_REMOVE));
	p[3 * BLOCK] = 1;
	for (int i = 0; i < 3; i++)
		drop_caches();
	ok(traced("dphuge_reclaim:", "touched=1 pages=511"), "reclaim has the pages that go back");
	must(!write_to(PARAMS "limit_mib", "1"));
	p[2 * BLOCK] = 1;
	must(!write_to(PARAMS "limit_mib", "0"));
	ok(traced("dphuge_fallback:", "pages=512"), "fallback has the pages of a folio");
	must(!write_to(TRACING "events/dphuge/enable", "0"));
	munmap(p, 4 * BLOCK);
}

int main(void)
{
	blocks();
	bad_fields();
	others();
	tracepoints();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
