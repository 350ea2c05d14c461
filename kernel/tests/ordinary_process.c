// SPDX-License-Identifier: GPL-2.0
/* What a process, its threads, its children and its debugger do with memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t_child.h"
#include "t_device.h"
#include "ordinary.h"

static int child_writes(void *p)
{
	memset(p, 'B', LEN);
	return 0;
}

static void forked(char *p)
{
	int go[2];
	pid_t pid;
	char byte;

	in_child(child_writes, p);
	saw("a child wrote and the parent has %s", content(p));
	must(!pipe(go));
	pid = fork_now();
	if (!pid) {
		must(read(go[0], &byte, 1) == 1);
		saw("the parent wrote and a child has %s", content(p));
		_exit(0);
	}
	memset(p, 'B', LEN);
	must(write(go[1], "", 1) == 1);
	must(succeeded(wait_for(pid)));
}

static void vforked(char *p)
{
	pid_t pid = vfork();

	if (!pid) {
		p[0] = 'B';
		_exit(0);
	}
	must(pid > 0);
	wait_for(pid);
	saw("a child wrote and the parent has %c", p[0]);
}

static void shared_futex(char *p)
{
	struct timespec soon = { 0, 1000000 };

	saw_result(syscall(SYS_futex, p, FUTEX_WAIT, 0, &soon, NULL, 0), "0");
	saw_result(syscall(SYS_futex, p, FUTEX_WAIT, *(int *)p, &soon, NULL, 0), "0");
	saw_result(syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0), "0");
}

static void protect(char *p)
{
	saw_result(mprotect(p, LEN, PROT_NONE), "0");
	saw("%s", content(p));
	saw_result(mprotect(p, LEN, PROT_READ), "0");
	saw("%s", content(p));
	saw_result(read(open("/dev/zero", O_RDONLY), p, 1), "0");
	saw_result(mprotect(p, LEN, PROT_READ | PROT_WRITE), "0");
	p[0] = 'A';
	saw("%s", content(p));
}

static void map_over(char *p)
{
	saw_result(munmap(p + PAGE, PAGE), "0");
	saw("%s", content(p));
	must(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == p + PAGE);
	p[PAGE] = 'A';
	saw("%s", content(p));
}

static void moved(char *p)
{
	char *to = more_memory(LEN);

	must(mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	saw("%s where it went", content(to));
	saw("%s where it was", content(p));
}

static void grown(char *p)
{
	char *to = mremap(p, LEN, 2 * LEN, MREMAP_MAYMOVE);

	must(to != MAP_FAILED);
	saw("%s, then %s", content(to), content(to + LEN));
	to = mremap(to, 2 * LEN, LEN, 0);
	must(to != MAP_FAILED && mremap(to, LEN, 2 * LEN, MREMAP_MAYMOVE) != MAP_FAILED);
}

static void moved_and_kept(char *p)
{
	char *to = mremap(p, LEN, LEN, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, NULL);

	saw_result(to == MAP_FAILED ? -1 : 0, "0");
	if (to == MAP_FAILED)
		return;
	saw("%s where it went", content(to));
	saw("%s where it was", content(p));
}

static void second_view(char *p)
{
	char *to = mremap(p, 0, LEN, MREMAP_MAYMOVE);

	saw_result(to == MAP_FAILED ? -1 : 0, "0");
	if (to != MAP_FAILED)
		saw("%s", content(to));
}

static void system_calls(char *p)
{
	int fd[2];
	char byte;

	must(!pipe(fd));
	saw_result(write(fd[1], p, 3 * PAGE), "0");
	memset(p, 0, 3 * PAGE);
	for (int i = 0; i < 3; i++)
		saw_result(read(fd[0], p + i * PAGE, PAGE), "0");
	saw("%s", content(p));
	saw_result(vmsplice(fd[1], &(struct iovec){ p, PAGE }, 1, 0), "0");
	must(read(fd[0], &byte, 1) == 1);
	saw("%c from a pipe", byte);
}

static void others_access(char *p)
{
	struct iovec here = { .iov_len = 1 }, there = { p, 1 };
	pid_t pid = sleeping_child();
	char byte = 0;

	here.iov_base = &byte;
	saw_result(process_vm_readv(pid, &here, 1, &there, 1, 0), "0");
	saw("%c", byte);
	byte = 'B';
	saw_result(process_vm_writev(pid, &here, 1, &there, 1, 0), "0");
	must(!ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	wait_for(pid);
	errno = 0;
	saw("%c by ptrace", (char)ptrace(PTRACE_PEEKDATA, pid, p, NULL));
	saw_result(ptrace(PTRACE_POKEDATA, pid, p, (long)'C'), "0");
	saw("%c", (char)ptrace(PTRACE_PEEKDATA, pid, p, NULL));
	saw("here it is %c", *p);
	ptrace(PTRACE_KILL, pid, NULL, NULL);
	kill(pid, SIGKILL);
}

/* A debugger's copy, as gcore makes it. */
static void debugger_reads(char *p)
{
	int fd = open("/proc/self/mem", O_RDWR);
	char byte = 'B';

	must(fd >= 0);
	saw_result(pread(fd, &byte, 1, (uintptr_t)p), "0");
	saw("%c", byte);
	byte = 'C';
	saw_result(pwrite(fd, &byte, 1, (uintptr_t)p), "0");
	saw("%c", *p);
}

/* What the process may only read, as a debugger writes breakpoints. */
static void debugger_writes(char *p)
{
	pid_t pid;

	must(!mprotect(p, LEN, PROT_READ));
	pid = sleeping_child();
	must(!ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	wait_for(pid);
	saw_result(ptrace(PTRACE_POKEDATA, pid, p, (long)'C'), "0");
	kill(pid, SIGKILL);
}

/* Code that the process has made. */
static void execute(char *p)
{
	saw_result(mprotect(p, LEN, PROT_READ | PROT_EXEC), "0");
}

static int aborts(void *unused)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	(void)unused;
	setrlimit(RLIMIT_CORE, &limit);
	abort();
}

/* Nearly all of a core dump is this memory, if it has it. */
static bool in_core_dump(void)
{
	struct stat st = { 0 };

	unlink("/tmp/ordinary-core");
	status_of(aborts, NULL);
	must(!stat("/tmp/ordinary-core", &st));
	return st.st_size >= (off_t)LEN;
}

static void core_dump(char *p)
{
	must(!write_to("/proc/sys/kernel/core_pattern", "/tmp/ordinary-core"));
	must(!write_to("/proc/sys/kernel/core_uses_pid", "0"));
	saw("%s", in_core_dump() ? "in it" : "not in it");
	must(!madvise(p, LEN, MADV_DONTDUMP));
	saw("%s", in_core_dump() ? "in it" : "not in it");
}

static void direct(char *p)
{
	int fd = open("/dev/vda", O_RDWR | O_DIRECT);

	must(fd >= 0);
	saw_result(pwrite(fd, p, LEN, 0), "0");
	memset(p, 0, LEN);
	saw_result(pread(fd, p, LEN, 0), "0");
	saw("%s", content(p));
}

/* A buffer that stays pinned. */
static void registered(char *p)
{
	struct io_uring_params params = { 0 };
	struct iovec buffer = { p, LEN };
	int fd = syscall(SYS_io_uring_setup, 4, &params);

	if (fd < 0) {
		saw("none");
		return;
	}
	saw_result(syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &buffer, 1), "0");
}

const struct row process_rows[] = {
	{ "fork(2)", forked },
	{ "vfork(2)", vforked },
	{ "futex(2) between processes", shared_futex },
	{ "mprotect(2)", protect },
	{ "PROT_EXEC by mprotect(2)", execute },
	{ "munmap(2), MAP_FIXED", map_over },
	{ "mremap(2) that moves", moved },
	{ "mremap(2) that grows", grown },
	{ "MREMAP_DONTUNMAP", moved_and_kept },
	{ "mremap(2) from a size of 0", second_view },
	{ "read(2), write(2), vmsplice(2)", system_calls },
	{ "process_vm_readv(2), ptrace(2)", others_access },
	{ "/proc/PID/mem", debugger_reads },
	{ "ptrace(2) to read-only memory", debugger_writes },
	{ "core dump", core_dump },
	{ "O_DIRECT", direct },
	{ "io_uring's registered buffers", registered },
	{ NULL, NULL },
};
