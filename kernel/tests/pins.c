// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that are pinned for long, as io_uring's registered buffers are, stay the
 * process's own through fork, promotion, a discard beside them and reclaim: what
 * the ring reads into the buffer shows in memory, and what is written to memory
 * the ring writes. (The promises of gup_longterm and cow in
 * tools/testing/selftests/mm.)
 */
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t_child.h"
#include "t_device.h"

struct ring {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
};

static void *ring_map(int fd, size_t len, off_t what)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	must(p != MAP_FAILED);
	return p;
}

static struct ring ring_open(void)
{
	struct io_uring_params params = { 0 };
	struct ring r = { .fd = syscall(SYS_io_uring_setup, 4, &params) };
	char *sq, *cq;

	must(r.fd >= 0);
	sq = ring_map(r.fd, params.sq_off.array + params.sq_entries * 4, IORING_OFF_SQ_RING);
	cq = ring_map(r.fd, params.cq_off.cqes + params.cq_entries * sizeof(*r.cqes), IORING_OFF_CQ_RING);
	r.sqes = ring_map(r.fd, params.sq_entries * sizeof(*r.sqes), IORING_OFF_SQES);
	r.sq_tail = (void *)(sq + params.sq_off.tail);
	r.sq_mask = (void *)(sq + params.sq_off.ring_mask);
	r.sq_array = (void *)(sq + params.sq_off.array);
	r.cq_head = (void *)(cq + params.cq_off.head);
	r.cq_tail = (void *)(cq + params.cq_off.tail);
	r.cq_mask = (void *)(cq + params.cq_off.ring_mask);
	r.cqes = (void *)(cq + params.cq_off.cqes);
	return r;
}

static int ring_register(struct ring *r, char *p, size_t len)
{
	struct iovec iov = { p, len };

	return syscall(SYS_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &iov, 1) ? errno : 0;
}

static void ring_unregister(struct ring *r)
{
	must(!syscall(SYS_io_uring_register, r->fd, IORING_UNREGISTER_BUFFERS, NULL, 0));
}

/* I/O by way of the registered buffer, whose pages were looked up when it was registered. */
static int ring_io(struct ring *r, unsigned char op, int file, char *p, size_t len)
{
	unsigned int tail = *r->sq_tail, head = *r->cq_head;
	struct io_uring_sqe *sqe = &r->sqes[tail & *r->sq_mask];
	int result;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = op;
	sqe->fd = file;
	sqe->addr = (uintptr_t)p;
	sqe->len = len;
	r->sq_array[tail & *r->sq_mask] = tail & *r->sq_mask;
	atomic_store((_Atomic unsigned int *)r->sq_tail, tail + 1);
	must(syscall(SYS_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1);
	must(atomic_load((_Atomic unsigned int *)r->cq_tail) != head);
	result = r->cqes[head & *r->cq_mask].res;
	atomic_store((_Atomic unsigned int *)r->cq_head, head + 1);
	return result;
}

static int file;

/* Whether the ring and the process see the same page at @p, in both directions. */
static bool coherent(struct ring *r, char *p)
{
	static char value = 'A';
	char got[PAGE], want[PAGE];

	value = value == 'Z' ? 'A' : value + 1;
	memset(p, value, PAGE);
	if (ring_io(r, IORING_OP_WRITE_FIXED, file, p, PAGE) != (int)PAGE ||
	    pread(file, got, PAGE, 0) != (ssize_t)PAGE || !all_bytes(got, PAGE, value))
		return false;
	memset(want, value + 32, PAGE);
	if (pwrite(file, want, PAGE, 0) != (ssize_t)PAGE ||
	    ring_io(r, IORING_OP_READ_FIXED, file, p, PAGE) != (int)PAGE)
		return false;
	return all_bytes(p, PAGE, value + 32);
}

static int child_writes(void *arg)
{
	char *p = arg;

	memset(p, 'c', BLOCK);
	return !all_bytes(p, BLOCK, 'c');
}

/* All that may happen to a block whose page @p + 3 * PAGE is pinned. */
static void events(const char *kind, struct ring *r, char *p)
{
	char *pinned = p + 3 * PAGE;

	ok(coherent(r, pinned), "%s: a buffer is registered", kind);
	must(in_child(child_writes, p));
	ok(coherent(r, pinned), "%s: after a fork whose child wrote", kind);
	must(!madvise(p + 100 * PAGE, 50 * PAGE, MADV_REMOVE));
	ok(coherent(r, pinned) && all_bytes(p + 100 * PAGE, 50 * PAGE, 0), "%s: after a discard beside it", kind);
	for (int i = 0; i < 3; i++)
		drop_caches();
	ok(coherent(r, pinned), "%s: after the shrinker ran", kind);
	memset(p + 4 * PAGE, 'f', BLOCK - 4 * PAGE);
	ok(coherent(r, pinned) && all_bytes(p + 4 * PAGE, BLOCK - 4 * PAGE, 'f'),
	   "%s: after the block was filled", kind);
	must(!madvise(p, BLOCK, MADV_DONTNEED));
	ok(coherent(r, pinned), "%s: after it was mapped anew", kind);
	usleep(1500000); /* the driver's thread has time to run */
	ok(coherent(r, pinned), "%s: after the driver's thread ran", kind);
}

static void of_kind(const char *kind, int percent, size_t filled)
{
	struct ring r = ring_open();
	char *p = map(BLOCK, percent);

	memset(p, 'o', filled);
	must(!ring_register(&r, p + 3 * PAGE, PAGE));
	events(kind, &r, p);
	ring_unregister(&r);
	must(in_child(child_writes, p));
	memset(p, 'e', BLOCK);
	ok(all_bytes(p, BLOCK, 'e'), "%s: after the buffer was unregistered", kind);
	munmap(p, BLOCK);
	close(r.fd);
}

/* A process that has forked can register buffers when its relatives are gone. */
static void after_fork(void)
{
	struct ring r = ring_open();
	char *p = map(4 * BLOCK, 50);
	int err = -1;

	memset(p, 'o', 2 * BLOCK + 20 * PAGE);
	must(in_child(child_writes, p));
	ok(becomes(!(err = ring_register(&r, p, 4 * BLOCK))),
	   "a buffer can be registered in memory that was forked: %s", strerror(err > 0 ? err : 0));
	ok(!err && coherent(&r, p) && coherent(&r, p + 2 * BLOCK + 3 * PAGE),
	   "the ring and the process see the same pages in it");
	ok(p[PAGE] == 'o' && p[2 * BLOCK + PAGE] == 'o', "and its bytes are as they were");
	munmap(p, 4 * BLOCK);
	ok(err || stat_of("held_bytes") == 4 * BLOCK, "what the ring has of it counts after munmap too: %lu KiB",
	   stat_of("held_bytes") / 1024);
	if (!err)
		ring_unregister(&r);
	close(r.fd);
}

int main(void)
{
	file = open("/tmp/pins", O_RDWR | O_CREAT | O_TRUNC, 0600);
	must(file >= 0 && !ftruncate(file, PAGE));
	if (!strcmp(getenv("DPHUGE_GUEST") ?: "", "6.1")) {
		struct ring r = ring_open();
		char *p = map(BLOCK, 50);

		ok(ring_register(&r, p, PAGE) == EOPNOTSUPP,
		   "io_uring of Linux 6.1 refuses a buffer in a mapped file");
		munmap(p, BLOCK);
		return tap_done();
	}
	of_kind("reserved", 50, 20 * PAGE);
	of_kind("2 MiB page", 0, BLOCK);
	of_kind("promoted", 50, BLOCK);
	after_fork();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
