// SPDX-License-Identifier: GPL-2.0
/*
 * The module can be unloaded and loaded again, over and over, while programs
 * come and go: never while one of them has memory of it, and at once when none
 * has. Nothing is left behind.
 *
 * Usage: reload [TIMES]. $DPHUGE_MODULE names the module (scripts/vm sets it).
 */
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define USERS 3

static unsigned int random_state = 1;

static unsigned int below(unsigned int n)
{
	return next_random(&random_state) % n;
}

/* What a program does: it takes some memory of each kind, forks, and ends at any moment. */
static void use_device(unsigned int seed)
{
	struct dphuge_threshold t = { .size = sizeof(t), .percent = seed % 101 };
	char *p;
	int fd;

	random_state = seed;
	usleep(below(3000));
	fd = open(DPHUGE_DEVICE, O_RDWR);
	if (fd < 0)
		_exit(0); /* the module is not loaded now */
	ioctl(fd, DPHUGE_IOC_THRESHOLD, &t);
	p = mmap(NULL, 6 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		_exit(0);
	if (below(2))
		close(fd);
	for (unsigned int i = 0; i < 400; i++)
		p[below(6 * BLOCK_PAGES) * PAGE] = 1;
	memset(p + BLOCK, 1, BLOCK);
	if (!fork()) {
		memset(p, 2, 20 * PAGE);
		usleep(below(2000));
		_exit(0);
	}
	memset(p, 3, 300 * PAGE);
	_exit(0);
}

/*
 * Of two blocks the driver's thread cannot put one in order, as a pipe has a page
 * of it, and the other takes it some time.
 */
static void hold_up_worker(void)
{
	char *p = map(2 * BLOCK, 50);
	int fd[2];
	pid_t pid;

	memset(p, 1, 2 * BLOCK);
	pid = sleeping_child();
	memset(p, 2, PAGE);
	must(!pipe(fd) && vmsplice(fd[1], &(struct iovec){ p, PAGE }, 1, 0) == PAGE);
	memset(p + BLOCK, 2, BLOCK - PAGE);
	kill(pid, SIGKILL);
	sleep_forever();
}

/* A process ends while the driver's thread means to come back to its blocks. */
static void ended_under_worker(int module)
{
	unsigned long folds = stat_of("folds");
	pid_t pid;

	must(!write_to(PARAMS "worker_percent", "1")); /* the thread rests long after each block */
	pid = fork_now();
	if (!pid)
		hold_up_worker();
	ok(becomes(stat_of("folds") > folds), "the driver's thread puts a process's memory in order");
	kill_child(pid);
	/* The kernel releases its file a moment later. */
	ok(becomes(!syscall(SYS_delete_module, "dphuge", O_NONBLOCK)),
	   "the process ends meanwhile, and the module can be unloaded");
	must(!syscall(SYS_finit_module, module, "", 0));
}

static void raise_to(unsigned long *max, unsigned long n)
{
	if (n > *max)
		*max = n;
}

int main(int argc, char **argv)
{
	unsigned int times = argc > 1 ? atoi(argv[1]) : 60;
	const char *module = getenv("DPHUGE_MODULE");
	/*
	 * The most that was available while the module was not loaded, in early and in late
	 * rounds. A leak lowers it; what processors and the pool hold at one moment does not.
	 */
	unsigned long loads = 0, busy = 0, early = 0, late = 0;
	pid_t users[USERS] = { 0 };
	int fd;

	must(module);
	fd = open(module, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	ended_under_worker(fd);
	while (loads < times) {
		for (unsigned int i = 0; i < USERS; i++) {
			if (users[i] && waitpid(users[i], NULL, WNOHANG) != users[i]) {
				if (!below(8))
					kill(users[i], SIGKILL);
				continue;
			}
			users[i] = fork_now();
			if (!users[i])
				use_device(below(1 << 24));
		}
		if (syscall(SYS_delete_module, "dphuge", O_NONBLOCK)) {
			must(errno == EWOULDBLOCK || errno == EBUSY);
			busy++;
			usleep(1000);
			continue;
		}
		must(access(DPHUGE_DEVICE, F_OK));
		if (loads >= times / 10 && loads < times * 3 / 10) /* the first ones fill caches */
			raise_to(&early, meminfo_kb("MemAvailable"));
		if (loads >= times * 8 / 10)
			raise_to(&late, meminfo_kb("MemAvailable"));
		must(!syscall(SYS_finit_module, fd, "", 0));
		loads++;
	}
	for (unsigned int i = 0; i < USERS; i++)
		if (users[i])
			waitpid(users[i], NULL, 0);
	ok(device_empty(),
	   "the module was unloaded and loaded %lu times, and %lu times not, as it was in use", loads,
	   busy);
	ok(late + 16 * 1024 > early, "no memory is missing: %lu KiB were available early, %lu KiB late",
	   early, late);
	return tap_done();
}
