// SPDX-License-Identifier: GPL-2.0
/*
 * Memory is limited and charged to whom it belongs. What is reserved goes back
 * before a touch fails at the device's limit or at a user's; beyond a limit there
 * is SIGBUS or ENOMEM and nothing else breaks; a memory cgroup is charged and
 * its limit holds. If no 2 MiB can be had, single pages serve. Wrong values of
 * ioctls and parameters are refused. A process that is killed at any moment
 * leaves nothing behind. Needs root.
 */
#include <setjmp.h>
#include <sys/uio.h>

#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

static sigjmp_buf at_fault;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(at_fault, 1);
}

static void device_limit(void)
{
	volatile unsigned long touched = 0;
	unsigned long hits = stat_of("limit_hits");
	char *p = map(16 * BLOCK, 50);
	void *q;
	int fd;

	must(!write_to(PARAMS "limit_mib", "8"));
	ok(stat_of("limit_bytes") == 8UL << 20, "stats/limit_bytes shows limit_mib");
	signal(SIGBUS, on_fault);
	if (!sigsetjmp(at_fault, 1))
		for (; touched < 16 * BLOCK_PAGES; touched++)
			p[touched * PAGE] = 1;
	ok(touched == 8 * 256, "at the limit a touch ends with SIGBUS, after %lu MiB", touched / 256);
	ok(stat_of("bytes") == 8UL << 20 && stat_of("limit_hits") > hits,
	   "the device holds 8 MiB and no more");
	fd = device();
	q = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ok(q == MAP_FAILED && errno == ENOMEM, "mmap at the limit is ENOMEM");
	q = mmap(p, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	ok(q == MAP_FAILED && errno == ENOMEM && p[0] == 1,
	   "with MAP_FIXED it is, too, and what was mapped there stays");
	q = mmap(p, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
	ok(q == MAP_FAILED && p[0] == 1, "it also stays when MAP_PRIVATE is refused");
	close(fd);
	must(!madvise(p, BLOCK, MADV_REMOVE));
	p[15 * BLOCK] = 1;
	ok(p[15 * BLOCK] == 1, "after a discard there is room again");
	munmap(p, 16 * BLOCK);
	must(!write_to(PARAMS "limit_mib", "0"));
	signal(SIGBUS, SIG_DFL);
}

/* A limit that leaves no room for a folio. */
static void no_folio(void)
{
	unsigned long fallbacks = stat_of("fallbacks"), copies;
	unsigned long wrong = 0;
	char *p;

	must(!write_to(PARAMS "limit_mib", "1"));
	p = map(BLOCK, 50);
	for (unsigned int i = 0; i < 100; i++)
		p[i * PAGE] = i;
	ok(stat_of("bytes") == 100 * PAGE && stat_of("fallbacks") > fallbacks,
	   "if no folio can be had, 100 touches cost 100 single pages");
	must(!write_to(PARAMS "limit_mib", "0"));
	copies = stat_of("promote_copies");
	for (unsigned int i = 100; i < BLOCK_PAGES; i++)
		p[i * PAGE] = i;
	ok(all_huge(p, BLOCK) && stat_of("promote_copies") > copies,
	   "when one can be had again, the dense block is copied into it");
	for (unsigned int i = 0; i < BLOCK_PAGES; i++)
		wrong += p[i * PAGE] != (char)i || !all_bytes(p + i * PAGE + 1, PAGE - 1, 0);
	ok(!wrong && stat_of("bytes") == BLOCK, "and its bytes are the same");
	munmap(p, BLOCK);
}

#define GROUP "dphuge-test"

static int charge(void *arg)
{
	unsigned long before, after;
	char *p;

	(void)arg;
	cgroup_join(GROUP);
	before = cgroup_charge(GROUP);
	p = map(16 * BLOCK, 50);
	memset(p, 1, 16 * BLOCK);
	after = cgroup_charge(GROUP);
	if (after + CHARGE_STOCK < before + 16 * BLOCK || after > before + 17 * BLOCK)
		return 1;
	must(!madvise(p, 16 * BLOCK, MADV_REMOVE));
	return cgroup_charge(GROUP) > before + BLOCK;
}

static int overcharge(void *arg)
{
	char *p;

	(void)arg;
	cgroup_join(GROUP);
	p = map(64 * BLOCK, 50);
	memset(p, 1, 64 * BLOCK); /* the group allows 32 MiB */
	return 0;
}

/* Touch a child's memory from outside. Return by how much its cgroup's charge rises. */
static unsigned long charge_from_outside(void)
{
	unsigned long before, after;
	int ready[2];
	pid_t pid;
	char *p;

	must(!pipe(ready));
	pid = fork_now();
	if (!pid) {
		cgroup_join(GROUP);
		p = map(16 * BLOCK, 50);
		must(write(ready[1], &p, sizeof(p)) == sizeof(p));
		sleep_forever();
	}
	must(read(ready[0], &p, sizeof(p)) == sizeof(p));
	before = cgroup_charge(GROUP);
	for (int i = 0; i < 16; i++) {
		struct iovec local = { "x", 1 }, remote = { p + i * BLOCK, 1 };

		must(process_vm_writev(pid, &local, 1, &remote, 1, 0) == 1);
	}
	after = cgroup_charge(GROUP);
	kill_child(pid);
	close(ready[0]);
	close(ready[1]);
	return after - before;
}

static void cgroups(void)
{
	unsigned long charged;
	char *bystander = map(4 * BLOCK, 50);
	int status;
	pid_t pid;

	cgroup_make(GROUP);
	memset(bystander, 'b', 4 * BLOCK);
	ok(in_child(charge, NULL), "memory is charged to the cgroup until it is discarded");
	charged = charge_from_outside();
	ok(charged + CHARGE_STOCK >= 16 * BLOCK, "and so is what another process touches there: %lu KiB", charged / 1024);
	must(!cgroup_set(GROUP, "memory.max", "32M"));
	cgroup_set(GROUP, "memory.swap.max", "0");
	pid = fork_now();
	if (!pid)
		_exit(overcharge(NULL));
	status = wait_for(pid);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
	   "beyond memory.max the cgroup's OOM killer kills");
	ok(all_bytes(bystander, 4 * BLOCK, 'b'), "and other processes' bytes stay");
	munmap(bystander, 4 * BLOCK);
	must(cgroup_removed(GROUP));
}

static int ioctl_errno(unsigned long cmd, void *arg)
{
	int fd = device(), err = ioctl(fd, cmd, arg) ? errno : 0;

	close(fd);
	return err;
}

static void wrong_values(void)
{
	static const char *const bad[] = { "101", "-1", "50%", "", "many", "99999999999999999999" };
	char *p = map(BLOCK, 50), other[PAGE];
	struct { struct dphuge_threshold t; char more[64]; } t;
	struct { struct dphuge_info i; char more[64]; } info;
	struct dphuge_threshold good = { .size = sizeof(good), .percent = 50, .addr = (uintptr_t)p };
	struct dphuge_info good_info = { .size = sizeof(good_info), .addr = (uintptr_t)p };

#define REFUSED(want, cmd, var, good, change, what) do {			\
		memset(&var, 0, sizeof(var));					\
		memcpy(&var, &good, sizeof(good));				\
		change;								\
		ok(ioctl_errno(cmd, &var) == want, "%s", what);			\
	} while (0)
#define BAD_T(want, change, what) REFUSED(want, DPHUGE_IOC_THRESHOLD, t, good, change, "threshold: " what)
#define BAD_I(want, change, what) REFUSED(want, DPHUGE_IOC_INFO, info, good_info, change, "info: " what)

	BAD_T(0, (void)0, "good values are accepted");
	BAD_T(EINVAL, t.t.percent = 101, "percent 101 is EINVAL");
	BAD_T(EINVAL, t.t.percent = -1, "percent -1 is EINVAL");
	BAD_T(0, t.t.flags = DPHUGE_ADAPTIVE, "DPHUGE_ADAPTIVE is accepted");
	BAD_T(EINVAL, t.t.flags = 2, "other flags are EINVAL");
	BAD_T(EINVAL, t.t.reserved[0] = 1, "reserved[0] is EINVAL");
	BAD_T(EINVAL, t.t.reserved[1] = 1, "reserved[1] is EINVAL");
	BAD_T(EINVAL, t.t.size = 0, "size 0 is EINVAL");
	BAD_T(EINVAL, t.t.size = sizeof(good) - 1, "a short size is EINVAL");
	BAD_T(EINVAL, t.t.size = 1 << 30, "a huge size is EINVAL");
	BAD_T(0, t.t.size = sizeof(t), "a longer structure of zeroes is accepted");
	BAD_T(E2BIG, (t.t.size = sizeof(t), t.more[9] = 1), "a longer one with a value is E2BIG");
	BAD_T(ENXIO, t.t.addr = (uintptr_t)other, "an address that isn't ours is ENXIO");
	BAD_T(ENXIO, t.t.addr = ~0ULL, "an address beyond all is ENXIO");
	BAD_I(0, (void)0, "good values are accepted");
	BAD_I(EINVAL, info.i.flags = 1, "flags are EINVAL");
	BAD_I(EINVAL, info.i.reserved[0] = 1, "reserved[0] is EINVAL");
	BAD_I(EINVAL, info.i.reserved[1] = 1, "reserved[1] is EINVAL");
	BAD_I(0, info.i.pid = getpid(), "the caller's own pid is accepted");
	BAD_I(ESRCH, info.i.pid = 1 << 30, "a pid that is no process is ESRCH");
	BAD_I(ESRCH, info.i.pid = ~0ULL, "a pid beyond all is ESRCH");
	BAD_I(ESRCH, info.i.pid = 2, "a kernel thread is ESRCH");
	BAD_I(ENXIO, info.i.pid = 1, "a process without such memory is ENXIO");
	BAD_I(EINVAL, info.i.size = 8, "a short size is EINVAL");
	BAD_I(0, info.i.size = sizeof(info), "a longer structure of zeroes is accepted");
	BAD_I(E2BIG, (info.i.size = sizeof(info), info.more[0] = 1), "a longer one with a value is E2BIG");
	BAD_I(ENXIO, info.i.addr = 0, "address 0 is ENXIO");
	BAD_I(ENXIO, info.i.addr = (uintptr_t)p + BLOCK, "just beyond the mapping is ENXIO");
	ok(ioctl_errno(DPHUGE_IOC_THRESHOLD, (void *)8) == EFAULT,
	   "threshold: an invalid pointer is EFAULT");
	ok(ioctl_errno(DPHUGE_IOC_INFO, NULL) == EFAULT, "info: NULL is EFAULT");
	ok(ioctl_errno(_IO(DPHUGE_IOC_MAGIC, 99), NULL) == ENOTTY, "an unknown ioctl is ENOTTY");
	for (unsigned int i = 0; i < COUNT_OF(bad); i++) {
		if (*bad[i]) /* an empty write reaches no parameter */
			ok(write_to(PARAMS "threshold", bad[i]) == EINVAL &&
			   write_to(PARAMS "worker_percent", bad[i]) == EINVAL,
			   "module parameters threshold and worker_percent: '%s' is EINVAL", bad[i]);
		if (*bad[i] && strcmp(bad[i], "101"))
			ok(write_to(PARAMS "limit_mib", bad[i]) == EINVAL &&
			   write_to(PARAMS "user_limit_mib", bad[i]) == EINVAL,
			   "module parameters limit_mib and user_limit_mib: '%s' is EINVAL", bad[i]);
	}
	munmap(p, BLOCK);
}

static void killed_at_any_moment(void)
{
	for (int n = 0; n < 150; n++) {
		pid_t pid = fork_now();

		if (!pid) {
			char *p = map(32 * BLOCK, n % 3 ? 50 : 0);

			for (unsigned int i = 0;; i = (i + 1) % (32 * BLOCK_PAGES)) {
				p[i * PAGE] = n;
				if (i % 700 == 0 && fork() == 0) {
					p[i * 3 % (32 * BLOCK_PAGES) * PAGE] = 1;
					_exit(0);
				}
				if (i % 1000 == 0)
					madvise(p, 40 * PAGE, MADV_REMOVE);
			}
		}
		usleep(1000 + n * 300);
		kill_child(pid);
	}
	ok(device_empty(), "150 processes that are killed while they fault and fork leave nothing behind");
}

static volatile size_t touched;

static void exit_with_touched(int sig)
{
	(void)sig;
	_exit(touched * PAGE >> 20);
}

/* What is only reserved goes back before a touch fails. */
static void reservations_yield(void)
{
	const size_t blocks = 300;
	char *p = map(blocks * BLOCK, 50);
	unsigned long reclaims = stat_of("reclaims"), wrong = 0;

	must(!write_to(PARAMS "limit_mib", "8"));
	for (size_t b = 0; b < blocks; b++)
		p[b * BLOCK] = 'x';
	for (size_t b = 0; b < blocks; b++)
		wrong += p[b * BLOCK] != 'x';
	ok(!wrong && stat_of("reclaims") > reclaims && stat_of("bytes") <= 8UL << 20,
	   "with a limit of 8 MiB there is room for a page in each of %zu blocks: %lu reservations were broken up",
	   blocks, stat_of("reclaims") - reclaims);
	must(!write_to(PARAMS "limit_mib", "0"));
	munmap(p, blocks * BLOCK);
}

/* Touch page after page until SIGBUS. The exit status is how many MiB were touched. */
static int touch_as_nobody(void *arg)
{
	char *p;

	(void)arg;
	must(!setuid(65534));
	p = map(16 * BLOCK, 50);
	signal(SIGBUS, exit_with_touched);
	for (touched = 0; touched < 16 * BLOCK_PAGES; touched++)
		p[touched * PAGE] = 1;
	return touched * PAGE >> 20;
}

/* Each user has a limit of their own, root has none. */
static void users(void)
{
	char *p;
	int status;

	must(!write_to(PARAMS "user_limit_mib", "6"));
	for (int n = 0; n < 2; n++) {
		pid_t pid = fork_now();

		if (!pid)
			_exit(touch_as_nobody(NULL));
		status = wait_for(pid);
		ok(WIFEXITED(status) && WEXITSTATUS(status) == 6,
		   "user_limit_mib=6: a user's touch ends with SIGBUS at 6 MiB (%d)", n + 1);
	}
	p = map(16 * BLOCK, 50);
	memset(p, 1, 16 * BLOCK);
	ok(info_of(p).held == 16 * BLOCK, "root has another limit");
	must(!write_to(PARAMS "user_limit_mib", "0"));
	munmap(p, 16 * BLOCK);
}

int main(void)
{
	reservations_yield();
	users();
	device_limit();
	no_folio();
	cgroups();
	wrong_values();
	killed_at_any_moment();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
