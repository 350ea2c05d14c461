// SPDX-License-Identifier: GPL-2.0
/* What can be seen from outside: the state of each block, and the tracepoints.
 * Needs root for the latter. */
#include <sys/mount.h>

#include "t.h"

#define TRACING "/sys/kernel/tracing/"

static struct dphuge_block states[8];

static int look(const void *p, unsigned int count)
{
	struct dphuge_blocks req = { .size = sizeof(req), .count = count, .addr = (uintptr_t)p,
				     .blocks = (uintptr_t)states };
	int fd = device();
	int err = ioctl(fd, DPHUGE_IOC_BLOCKS, &req);

	close(fd);
	return err ? -errno : (int)req.count;
}

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
	   is(1, 512, 0, DPHUGE_BLOCK_FOLIO | DPHUGE_BLOCK_HUGE) && is(2, 500, 500, 0) && is(3, 0, 0, 0),
	   "blocks: reserved, huge, on single pages, untouched");
	ok(look(p + 2 * BLOCK, 1) == 1 && is(0, 500, 500, 0), "from an address in the middle, one");
	ok(in_child(child, p), "in a forked child: shared, with a page of its own");
	ok(look(p, 0) == -EINVAL && look(p, DPHUGE_BLOCKS_MAX + 1) == -EINVAL, "a count of 0 or too many is EINVAL");
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
	REFUSED(EINVAL, bad.reserved[0] = 1);
	REFUSED(EINVAL, bad.reserved[1] = 1);
	REFUSED(EINVAL, bad.size = 8);
	REFUSED(EFAULT, bad.blocks = 8);
	ok(!wrong && !ioctl(fd, DPHUGE_IOC_BLOCKS, &good), "bad fields are refused: %d mistakes", wrong);
	close(fd);
	munmap(p, BLOCK);
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
	ok(traced("dphuge_promote:", where), "promote: %s", where);
	must(in_child(write_once, p));
	ok(traced("dphuge_cow:", "pages=1"), "cow: one page");
	must(!madvise(p, PAGE, MADV_REMOVE));
	ok(traced("dphuge_demote:", "touched=511 pages=511") && traced("dphuge_discard:", "pages=1"), "demote and discard");
	p[0] = 1;
	/* The worker may have come before that write, and found one page less. */
	ok(becomes(traced("dphuge_fold:", "pages=51")), "fold");
	p[2 * BLOCK] = 1;
	must(!madvise(p, 4 * BLOCK, MADV_REMOVE));
	p[3 * BLOCK] = 1;
	for (int i = 0; i < 3; i++)
		must(!write_to("/proc/sys/vm/drop_caches", "2"));
	ok(traced("dphuge_reclaim:", "touched=1 pages=511"), "reclaim");
	must(!write_to(PARAMS "limit_mib", "1"));
	p[2 * BLOCK] = 1;
	must(!write_to(PARAMS "limit_mib", "0"));
	ok(traced("dphuge_fallback:", "pages=512"), "fallback");
	must(!write_to(TRACING "events/dphuge/enable", "0"));
	munmap(p, 4 * BLOCK);
}

int main(void)
{
	blocks();
	bad_fields();
	tracepoints();
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
