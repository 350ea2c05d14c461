// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that come from outside of the memory: the device's ioctls with
 * right and wrong arguments, system calls and files of /proc that look at a
 * mapping, reclaim, and settings that change while memory is in use.
 */
#include "fuzz.h"

/* A mapping with random flags at a random offset. What it does not unmap goes at exit. */
static void map_somehow(struct slice *s, int fd)
{
	void *p = mmap(NULL, (1 + below(s, 64)) * PAGE, below(s, 8),
		       once_in(s, 2) ? MAP_PRIVATE : MAP_SHARED, fd,
		       once_in(s, 2) ? 0 : below(s, 9) * PAGE);

	if (p != MAP_FAILED)
		munmap(p, PAGE);
}

/* Garbage may be refused, and nothing else may happen. */
static bool do_ioctl(struct slice *s)
{
	union {
		struct dphuge_threshold t;
		struct dphuge_info i;
		struct dphuge_blocks b;
		uint64_t words[64];
	} arg;
	static _Thread_local struct dphuge_block out[64];
	unsigned int n, v = random_range(s, &n), which = below(s, 4);
	unsigned long addr = (uintptr_t)page_at(v);
	int err, fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	record_call(s, "ioctl %u at %u", which, v);
	memset(&arg, 0, sizeof(arg));
	if (which == 0)
		arg.t = (struct dphuge_threshold){ sizeof(arg.t), below(s, 101), addr, below(s, 2), { 0 } };
	else if (which == 1)
		arg.i = (struct dphuge_info){ .size = sizeof(arg.i), .addr = addr };
	else
		arg.b = (struct dphuge_blocks){ .size = sizeof(arg.b), .count = 1 + below(s, 64), .addr = addr,
						.blocks = (uintptr_t)out };
	if (once_in(s, 2)) /* a wrong word */
		arg.words[below(s, 12)] = once_in(s, 2) ? random_bits(s)
							: (uint64_t)random_bits(s) << 40 | random_bits(s);
	switch (which) {
	case 0:
		err = ioctl(fd, DPHUGE_IOC_THRESHOLD, &arg);
		break;
	case 1:
		err = ioctl(fd, DPHUGE_IOC_INFO, &arg);
		break;
	case 2:
		/* The kernel writes as many entries as it is told to, so not to a random address. */
		arg.b.blocks = once_in(s, 8) ? 0xfff : (uintptr_t)out;
		arg.b.count = arg.b.count > 64 ? DPHUGE_BLOCKS_MAX + 1 : arg.b.count;
		err = ioctl(fd, DPHUGE_IOC_BLOCKS, &arg);
		break;
	default:
		err = ioctl(fd, random_bits(s), once_in(s, 2) ? (void *)(uintptr_t)random_bits(s) : &arg);
	}
	if (once_in(s, 4))
		map_somehow(s, fd);
	close(fd);
	return !err;
}

/* System calls and files of /proc that walk over a mapping. */
static bool do_look(struct slice *s)
{
	unsigned char core[64];
	char buffer[4096];
	unsigned int n, v = random_range(s, &n);
	bool seen;
	int fd;

	record_call(s, "look at %u", v);
	n = n > 64 ? 64 : n;
	seen = !mincore(page_at(v), n * PAGE, core);
	msync(page_at(v), n * PAGE, MS_SYNC);
	fd = open(once_in(s, 2) ? "/proc/self/smaps" : "/proc/self/numa_maps", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		while (read(fd, buffer, sizeof(buffer)) > 0)
			;
		close(fd);
	}
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!pread(fd, buffer, n * 8, (uintptr_t)page_at(v) / PAGE * 8);
		close(fd);
	}
	return seen;
}

static bool do_system(struct slice *s)
{
	char text[16];

	record_call(s, "system");
	switch (below(s, 4)) {
	case 0:
		return !write_to("/proc/sys/vm/drop_caches", "2");
	case 1:
		snprintf(text, sizeof(text), "%u", below(s, 101));
		return !write_to(PARAMS "threshold", text);
	case 2:
		return !write_to(PARAMS "adaptive", once_in(s, 2) ? "Y" : "N");
	default:
		return !write_to("/proc/sys/vm/compact_memory", "1");
	}
}

const struct op outside_ops[] = {
	{ .name = "ioctl", .weight = 4, .run = do_ioctl },
	{ .name = "look", .weight = 1, .run = do_look },
	{ .name = "system", .weight = 2, .run = do_system },
	{ .name = NULL },
};
