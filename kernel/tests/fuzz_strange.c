// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: bytes that another task writes, with or without power over the process,
 * and pages that are lent to a pipe while a relative writes.
 */
#include "fuzz_statue.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t_child.h"

/* --- tasks that share the memory ------------------------------------------------ */

static _Thread_local char task_stack[32 * 1024] __attribute__((aligned(16)));

/* What such a task writes: it makes no call, as it shares this thread's errno. */
struct filling {
	unsigned int v, n;
	uint64_t value;
};

static int fill_and_end(void *arg)
{
	const struct filling *f = arg;

	for (unsigned int i = 0; i < f->n; i++)
		fill_page(page_at(f->v + i), f->value);
	_exit(0);
}

static int become_true(void *arg)
{
	(void)arg;
	execl("/bin/true", "true", NULL);
	_exit(2);
}

static int wait_still(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sleep_forever();
}

static pid_t start_task(struct slice *s, int (*fn)(void *), int flags, void *arg)
{
	pid_t pid = retried(clone(fn, task_stack + sizeof(task_stack), flags | SIGCHLD, arg));

	if (pid < 0 && !fail_injecting)
		fail_test(s, "clone: errno %d", errno);
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) < 0)
		must(errno == EINTR);
	return status;
}

static bool do_clone_vm(struct slice *s, int flags)
{
	struct filling f = { .value = new_value(s) };
	int status;
	pid_t pid;

	if (!random_stretch(s, &f.v, &f.n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "clone(CLONE_VM) writes %u+%u", f.v, f.n);
	pid = start_task(s, fill_and_end, flags, &f);
	if (pid < 0)
		return false;
	status = end_of(pid);
	if (fail_injecting && WIFEXITED(status) && WEXITSTATUS(status) == FAIL_LOST) {
		kin_leave();
		_exit(FAIL_LOST);
	}
	if (!succeeded(status))
		fail_test(s, "a task that shares memory ended with status %#x", status);
	for (unsigned int i = 0; i < f.n; i++)
		model_write(f.v + i, f.value);
	check_page(s, f.v + below(s, f.n), "written by a task that shares memory");
	kin_peek(s, f.v, f.n);
	return true;
}

/* As shells and posix_spawn() do. */
static bool do_vfork_exec(struct slice *s)
{
	pid_t pid;
	int status;

	record_call(s, "vfork and exec");
	fail_here(false);
	pid = start_task(s, become_true, CLONE_VM | CLONE_VFORK, NULL);
	if (pid < 0)
		return false;
	status = end_of(pid);
	fail_here(true);
	if (!succeeded(status) && !fail_injecting)
		fail_test(s, "vfork and exec: status %#x", status);
	return true;
}

/* --- writes that a protection doesn't stop (FOLL_FORCE) -------------------------- */

static bool do_proc_mem(struct slice *s)
{
	static _Thread_local uint64_t page[PAGE / 8];
	uint64_t value = new_value(s);
	unsigned int v, n;
	int mem;

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "/proc/self/mem %u", v);
	fail_here(false);
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	fail_here(true);
	if (mem < 0)
		fail_test(s, "/proc/self/mem: errno %d", errno);
	fill_page(page, value);
	if (retried(pwrite(mem, page, PAGE, (uintptr_t)page_at(v))) != (long)PAGE)
		fail_test(s, "/proc/self/mem: page %u can't be written: errno %d", v, errno);
	close(mem);
	model_write(v, value);
	check_page(s, v, "written through /proc/self/mem");
	kin_peek(s, v, n);
	return true;
}

static void protect(struct slice *s, unsigned int v, int prot)
{
	if (retried(mprotect(page_at(v), PAGE, prot)))
		fail_test(s, "mprotect: errno %d", errno);
}

/* A debugger pokes into a page, word by word. Return how many words were taken. */
static unsigned int poke(pid_t pid, unsigned int v, uint64_t value)
{
	for (unsigned int i = 0; i < PAGE / 8; i++)
		if (retried(ptrace(PTRACE_POKEDATA, pid, page_at(v) + 8 * i, value)))
			return i;
	return PAGE / 8;
}

/*
 * The same to a page that can be written; to one that can't, which a shared mapping
 * refuses, to its tracer as well; and a read of one that nobody can read.
 */
static bool poke_everywhere(struct slice *s, pid_t pid, unsigned int v)
{
	uint64_t value = new_value(s), word;
	unsigned int taken = poke(pid, v, value);

	if (taken != PAGE / 8) {
		if (!fail_injecting)
			fail_test(s, "page %u can't be poked: errno %d", v, errno);
		for (unsigned int i = 0; i < taken; i++) /* the page is to have one value */
			((volatile uint64_t *)page_at(v))[i] = value;
		fill_page(page_at(v), value);
	}
	model_write(v, value);
	check_page(s, v, "poked");
	protect(s, v, PROT_READ);
	if (!ptrace(PTRACE_POKEDATA, pid, page_at(v), 1UL) || errno != EIO)
		fail_test(s, "page %u can't be written, but poked: errno %d", v, errno);
	check_page(s, v, "not poked");
	protect(s, v, PROT_NONE);
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, page_at(v), 0);
	protect(s, v, PROT_READ | PROT_WRITE);
	if (errno ? !fail_injecting : word != value)
		fail_test(s, "page %u without any right is %#lx to a tracer, must be %#lx (errno %d)", v, word, value, errno);
	return taken == PAGE / 8;
}

static bool do_ptrace(struct slice *s)
{
	unsigned int v, n;
	bool done = false;
	pid_t pid;

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "ptrace %u", v);
	pid = start_task(s, wait_still, CLONE_VM, NULL);
	if (pid < 0)
		return false;
	if (!ptrace(PTRACE_SEIZE, pid, NULL, NULL) && !ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) &&
	    waitpid(pid, NULL, __WALL) == pid)
		done = poke_everywhere(s, pid, v);
	else if (!fail_injecting)
		fail_test(s, "ptrace: errno %d", errno);
	kill(pid, SIGKILL);
	end_of(pid);
	kin_peek(s, v, n);
	return done;
}

/* --- a child is written from outside ---------------------------------------------- */

static bool do_outsider(struct slice *s)
{
	unsigned int v, n;
	bool done = false;

	if (!random_forked(s, &v, &n))
		return false;
	record_call(s, "a child's %u+%u is written from outside", v, n);
	if (!statue_make(s, v, n))
		return false;
	for (unsigned int i = 0; i < 6; i++) {
		if (once_in(s, 2))
			done |= statue_write(s, below(s, STATUE_HOWS));
		else
			write_page(s, v + below(s, n));
		statue_check(s, "its parent writes");
	}
	statue_end(s, "its parent has written");
	return done;
}

/* --- pages in pipes (and lent.c) --------------------------------------------------- */

static bool lend(int pipe, unsigned int v)
{
	return retried(vmsplice(pipe, &(struct iovec){ page_at(v), PAGE }, 1, 0)) == (long)PAGE;
}

enum { KEEP, UNMAP, REMOVE, END, DROPS };

/* A child lends what it shares, lets go of it in one of these ways, and says so. */
static void __attribute__((noreturn)) lend_and_drop(int pipe, int say, unsigned int v, int drop)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!lend(pipe, v))
		_exit(1);
	if (drop == UNMAP)
		munmap(page_at(v), PAGE);
	if (drop == REMOVE)
		madvise(page_at(v), PAGE, MADV_REMOVE);
	if (write(say, "x", 1) != 1 || drop == END)
		_exit(0);
	sleep_forever();
}

/* What is in the pipe stays as the lender had it. */
static void check_pipe(struct slice *s, int pipe, unsigned int v, uint64_t value, const char *who)
{
	static _Thread_local uint64_t page[PAGE / 8];

	must(retried(read(pipe, page, PAGE)) == (long)PAGE);
	for (unsigned int i = 0; i < PAGE / 8; i++)
		if (page[i] != value)
			fail_test(s, "%s lent page %u to a pipe: word %u is %#lx, must be %#lx", who, v, i, page[i], value);
}

static bool child_lends(struct slice *s, unsigned int v, int fd[2], int say[2])
{
	uint64_t value = model_value(v, first_word(v));
	int drop = below(s, DROPS);
	pid_t pid;
	char x;

	pid = syscall(SYS_fork);
	if (!pid)
		lend_and_drop(fd[1], say[1], v, drop);
	close(say[1]);
	if (pid > 0 && read(say[0], &x, 1) == 1) {
		write_page(s, v);
		check_pipe(s, fd[0], v, value, "a child");
	} else if (!fail_injecting) {
		fail_test(s, "a child can't lend page %u", v);
	}
	close(say[0]);
	if (pid < 0)
		return false;
	kill(pid, SIGKILL);
	end_of(pid);
	return true;
}

static bool parent_lends(struct slice *s, unsigned int v, int fd[2])
{
	struct filling f = { v, 1, new_value(s) };
	uint64_t value = model_value(v, first_word(v));
	bool before = once_in(s, 2);
	pid_t pid;

	if (before && !lend(fd[1], v))
		return false;
	pid = syscall(SYS_fork);
	if (!pid) {
		if (!before)
			usleep(2000);
		fill_and_end(&f);
	}
	if (pid < 0)
		return false;
	if (!before && !lend(fd[1], v)) {
		end_of(pid);
		return false;
	}
	end_of(pid);
	check_pipe(s, fd[0], v, value, "the parent");
	check_page(s, v, "after a child wrote to what is lent");
	return true;
}

static bool do_lend(struct slice *s, int child)
{
	int fd[2], say[2];
	unsigned int v, n;
	bool lent;

	if (!random_forked(s, &v, &n))
		return false;
	record_call(s, "%s lends %u", child ? "a child" : "the parent", v);
	fail_here(false);
	if (pipe2(fd, O_CLOEXEC) || (child && pipe2(say, O_CLOEXEC)))
		fail_test(s, "pipe: errno %d", errno);
	atomic_fetch_add(&shared->forks, 1);
	lent = child ? child_lends(s, v, fd, say) : parent_lends(s, v, fd);
	if (!lent && !fail_injecting)
		fail_test(s, "page %u can't be lent: errno %d", v, errno);
	close(fd[0]);
	close(fd[1]);
	fail_here(true);
	return lent;
}

const struct op strange_ops[] = {
	{ .name = "clone(CLONE_VM)", .weight = 2, .run_with = do_clone_vm, .arg = CLONE_VM },
	{ .name = "vfork", .weight = 1, .run_with = do_clone_vm, .arg = CLONE_VM | CLONE_VFORK },
	{ .name = "vfork and exec", .weight = 1, .run = do_vfork_exec },
	{ .name = "/proc/self/mem", .weight = 2, .run = do_proc_mem },
	{ .name = "ptrace, also of what is protected", .weight = 1, .run = do_ptrace },
	{ .name = "a child is written from outside", .weight = 3, .run = do_outsider },
	{ .name = "a child's page in a pipe", .weight = 2, .run_with = do_lend, .arg = true },
	{ .name = "a parent's page in a pipe", .weight = 2, .run_with = do_lend, .arg = false },
	{ .name = NULL },
};
