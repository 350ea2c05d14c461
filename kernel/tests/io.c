// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own accesses reach the right bytes: O_DIRECT, vmsplice(),
 * process_vm_readv(), ptrace() and core dumps. I/O in flight belongs to the
 * process that started it, whatever happens meanwhile: fork, discard, promotion.
 * Needs root and the guest's scratch disks (scripts/vm).
 */
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "t_child.h"
#include "t_device.h"

#define DISK "/dev/vda"
#define SLOW_DISK "/dev/vdb" /* 256 KiB/s */

static void o_direct(void)
{
	int fd = open(DISK, O_RDWR | O_DIRECT);
	char *p = map(2 * BLOCK, 50);
	char *q = map(2 * BLOCK, 50);

	must(fd >= 0);
	for (size_t i = 0; i < 2 * BLOCK; i++)
		p[i] = i * 7 + i / PAGE;
	ok(pwrite(fd, p, 2 * BLOCK, 0) == 2 * BLOCK, "O_DIRECT write from 2 MiB pages");
	q[5] = 1; /* one touch makes a reservation */
	ok(pread(fd, q, 2 * BLOCK, 0) == 2 * BLOCK, "O_DIRECT read into untouched memory");
	ok(!memcmp(p, q, 2 * BLOCK), "the same bytes arrive");
	close(fd);
	munmap(p, 2 * BLOCK);
	munmap(q, 2 * BLOCK);
}

struct slow_read {
	char *to;
	size_t len;
};

static int read_slowly(void *arg)
{
	struct slow_read *job = arg;
	int fd = open(SLOW_DISK, O_RDONLY | O_DIRECT);

	_exit(fd < 0 || pread(fd, job->to, job->len, 0) != (ssize_t)job->len);
}

/* In a task that shares our memory, so that the read is in flight in our pages. */
static pid_t start_slow_read(char *to, size_t len)
{
	static char stack[64 * 1024] __attribute__((aligned(16)));
	static struct slow_read job;

	job = (struct slow_read){ to, len };
	return clone(read_slowly, stack + sizeof(stack), CLONE_VM | SIGCHLD, &job);
}

/*
 * I/O in flight belongs to the process that started it. Return false if it had
 * arrived before we were done, so that nothing was tested.
 */
static bool in_flight(bool fork_meanwhile)
{
	size_t len = 512 * 1024;
	char *expected = malloc(len), *p = map(BLOCK, 50);
	int status, fd = open(SLOW_DISK, O_RDWR);
	bool child_ok = true;
	pid_t pid, early = 0;

	must(fd >= 0);
	memset(expected, fork_meanwhile ? 'F' : 'D', len);
	must(pwrite(fd, expected, len, 0) == (ssize_t)len && !fsync(fd));
	close(fd);
	memset(p, 'o', BLOCK);
	pid = start_slow_read(p, len);
	must(pid > 0);
	usleep(300000); /* of about 2 s */
	if (fork_meanwhile) {
		pid_t child;

		child = fork_now();
		if (!child) {
			memset(p, 'c', BLOCK);
			sleep(3);
			_exit(!all_bytes(p, BLOCK, 'c'));
		}
		p[len] = 'w'; /* the parent writes beside it */
		p[len - 1] = 'w'; /* and into it, before it arrives */
		early = waitpid(pid, &status, __WALL | WNOHANG);
		must(early || waitpid(pid, &status, __WALL) == pid);
		must(succeeded(status));
		status = wait_for(child);
		if (early)
			goto out;
		child_ok = succeeded(status);
		ok(child_ok, "a child forked during I/O sees nothing of it");
		ok(!memcmp(p, expected, len), "it arrives in the parent");
		ok(p[len] == 'w' && all_bytes(p + len + 1, BLOCK - len - 1, 'o'),
		   "the bytes beside it are as the parent wrote them");
	} else {
		must(!madvise(p, BLOCK / 2, MADV_REMOVE));
		memset(p, 'n', BLOCK / 2);
		must(waitpid(pid, &status, __WALL) == pid);
		ok(all_bytes(p + BLOCK / 2, BLOCK / 2, 'o'),
		   "a discard during I/O changes nothing beside it");
	}
out:
	munmap(p, BLOCK);
	free(expected);
	return !early;
}

static void splice_keeps_old(void)
{
	char *p = map(BLOCK, 50), got[PAGE];
	struct iovec iov = { p, PAGE };
	int pipe_fd[2];

	must(!pipe(pipe_fd));
	memset(p, 'v', BLOCK);
	must(vmsplice(pipe_fd[1], &iov, 1, 0) == (ssize_t)PAGE);
	must(!madvise(p, BLOCK, MADV_REMOVE));
	memset(p, 'n', BLOCK);
	must(read(pipe_fd[0], got, PAGE) == (ssize_t)PAGE);
	ok(all_bytes(got, PAGE, 'v'), "what vmsplice has put into a pipe stays after a discard");
	must(vmsplice(pipe_fd[1], &iov, 1, 0) == (ssize_t)PAGE);
	must(!madvise(p, PAGE, MADV_REMOVE));
	ok(all_bytes(p, PAGE, 0) && all_bytes(p + PAGE, BLOCK - PAGE, 'n'),
	   "a discard of one page gives zeroes and changes nothing beside it");
	memset(p, 'm', PAGE);
	must(read(pipe_fd[0], got, PAGE) == (ssize_t)PAGE);
	ok(all_bytes(got, PAGE, 'n'), "and the pipe still has the old bytes");
	munmap(p, BLOCK);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/*
 * A child leaves a page in a pipe and exits. The parent's later writes must not
 * show there (the attack of CVE-2020-29374).
 */
static void splice_across_fork(bool single)
{
	char *p = map(BLOCK, 50), got[PAGE];
	int pipe_fd[2];
	pid_t pid;

	must(!pipe(pipe_fd));
	memset(p, 's', single ? 20 * PAGE : BLOCK);
	pid = fork_now();
	if (!pid) {
		struct iovec iov = { p, PAGE };

		_exit(vmsplice(pipe_fd[1], &iov, 1, 0) != (ssize_t)PAGE);
	}
	wait_for(pid);
	memset(p, 'S', PAGE);
	must(read(pipe_fd[0], got, PAGE) == (ssize_t)PAGE);
	ok(all_bytes(got, PAGE, 's'),
	   "what a child that has ended left in a pipe shows no later write (%s)",
	   single ? "reserved" : "promoted");
	munmap(p, BLOCK);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void other_process(void)
{
	char *p = map(BLOCK, 50), *got = malloc(BLOCK);
	struct iovec local = { got, BLOCK }, remote = { p, BLOCK };
	int status, go[2];
	pid_t pid;
	char c;

	memset(p, 'p', BLOCK);
	must(!pipe(go));
	pid = fork_now();
	if (!pid) {
		must(read(go[0], &c, 1) == 1);
		_exit(p[77] != 'X' || p[78] != 'p' || p[9 * PAGE] != 'W');
	}
	must(process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)BLOCK);
	ok(all_bytes(got, BLOCK, 'p'), "process_vm_readv reads a child's memory");
	local = (struct iovec){ "W", 1 };
	remote = (struct iovec){ p + 9 * PAGE, 1 };
	ok(process_vm_writev(pid, &local, 1, &remote, 1, 0) == 1, "process_vm_writev writes to it");
	must(!ptrace(PTRACE_ATTACH, pid, 0, 0) && waitpid(pid, &status, 0) == pid);
	errno = 0;
	ok((char)ptrace(PTRACE_PEEKDATA, pid, p + 77, 0) == 'p' && !errno, "ptrace reads it");
	must(!ptrace(PTRACE_POKEDATA, pid, p + 77, (ptrace(PTRACE_PEEKDATA, pid, p + 77, 0) & ~0xffL) | 'X'));
	must(!ptrace(PTRACE_DETACH, pid, 0, 0));
	must(write(go[1], "x", 1) == 1 && waitpid(pid, &status, 0) == pid);
	ok(succeeded(status), "the child sees what process_vm_writev and ptrace have written");
	ok(all_bytes(p, BLOCK, 'p'), "and the parent's bytes stay");
	munmap(p, BLOCK);
	free(got);
	close(go[0]);
	close(go[1]);
}

static void core_dump(void)
{
	const size_t len = 64 * BLOCK; /* of which little is touched */
	unsigned long found = 0, held;
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	char *core;
	off_t size;
	int fd, status;
	pid_t pid;

	must(!write_to("/proc/sys/kernel/core_pattern", "/tmp/core") && device_empty());
	pid = fork_now();
	if (!pid) {
		char *p = map(len, 50);

		setrlimit(RLIMIT_CORE, &unlimited);
		for (int i = 0; i < 300; i++)
			memcpy(p + 3 * BLOCK + i * PAGE, "needle of the core dump", 24);
		held = stat_of("bytes");
		must(held == BLOCK);
		raise(SIGSEGV);
		_exit(0);
	}
	status = wait_for(pid);
	ok(WIFSIGNALED(status) && WCOREDUMP(status), "a process that crashes dumps core");
	fd = open("/tmp/core", O_RDONLY);
	must(fd >= 0);
	size = lseek(fd, 0, SEEK_END);
	core = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	must(core != MAP_FAILED);
	for (char *s = core; (s = memmem(s, core + size - s, "needle of the core dump", 24)); s++)
		found++;
	ok(found >= 300, "which has its memory's bytes (%lu of 300 needles)", found);
	munmap(core, size);
	close(fd);
	unlink("/tmp/core");
}

int main(void)
{
	o_direct();
	must(becomes(in_flight(true)));
	in_flight(false);
	splice_keeps_old();
	splice_across_fork(true);
	splice_across_fork(false);
	other_process();
	core_dump();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
