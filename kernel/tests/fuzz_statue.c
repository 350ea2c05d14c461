// SPDX-License-Identifier: GPL-2.0
/* Statues, which fuzz_statue.h describes. */
#include "fuzz_statue.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t_child.h"

#define LOOKS 24u /* pages that are compared at a time */

/*
 * @value: of each page; UNKNOWN if zero would be right, too
 * @hidden: the memory can't be read, but perhaps with force
 */
static _Thread_local struct statue {
	pid_t pid;
	bool hidden;
	int mem;
	unsigned int v, n;
	uint64_t value[SLICE_PAGES];
} statue;
#define UNKNOWN (~0UL)

bool statue_make(struct slice *s, unsigned int v, unsigned int n)
{
	char path[32];
	pid_t pid;

	for (unsigned int i = 0; i < n; i++)
		statue.value[i] = model_certain(v + i) ? model_written(v + i) : UNKNOWN;
	statue.v = v;
	statue.n = n;
	statue.hidden = false;
	fail_here(false);
	pid = syscall(SYS_fork);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		sleep_forever();
	}
	if (pid < 0 && !fail_injecting)
		fail_test(s, "fork of a statue: errno %d", errno);
	if (pid > 0) { /* without memory, /proc says that there is no such file */
		atomic_fetch_add(&shared->forks, 1);
		statue.pid = pid;
		snprintf(path, sizeof(path), "/proc/%d/mem", pid);
		statue.mem = open(path, O_RDWR | O_CLOEXEC);
		if (statue.mem < 0)
			fail_test(s, "%s: errno %d", path, errno);
	}
	fail_here(true);
	return pid > 0;
}

void statue_hidden(void)
{
	statue.hidden = true;
}

static void compare_page(struct slice *s, unsigned int i, const char *when)
{
	static _Thread_local uint64_t page[PAGE / 8];
	struct iovec local = { page, PAGE }, remote = { page_at(statue.v + i), PAGE };
	bool by_mem = statue.hidden || once_in(s, 2);
	long n;

	if (statue.value[i] == UNKNOWN)
		return;
	if (by_mem)
		n = retried(pread(statue.mem, page, PAGE, (uintptr_t)page_at(statue.v + i)));
	else
		n = retried(process_vm_readv(statue.pid, &local, 1, &remote, 1, 0));
	if (n != (long)PAGE) {
		if (!fail_injecting && !statue.hidden)
			fail_test(s, "%s: page %u of a child can't be read: errno %d", when, statue.v + i, errno);
		return;
	}
	for (unsigned int word = 0; word < PAGE / 8; word++)
		if (page[word] != statue.value[i])
			fail_test(s, "%s: page %u word %u of a child that keeps still is %#lx, must be %#lx", when,
				  statue.v + i, word, page[word], statue.value[i]);
	atomic_fetch_add(&shared->checked, 1);
}

void statue_check(struct slice *s, const char *when)
{
	if (!statue.pid)
		return;
	for (unsigned int i = 0; i < LOOKS; i++)
		compare_page(s, below(s, statue.n), when);
}

/* With the statue stopped, as its tracer. */
static bool write_traced(enum statue_how how, char *to, uint64_t value)
{
	static _Thread_local uint64_t page[PAGE / 8];
	bool done = true;

	if (ptrace(PTRACE_SEIZE, statue.pid, NULL, NULL))
		return false;
	if (ptrace(PTRACE_INTERRUPT, statue.pid, NULL, NULL) || waitpid(statue.pid, NULL, __WALL) != statue.pid)
		return false;
	fill_page(page, value);
	if (how == BY_PROC_MEM)
		done = retried(pwrite(statue.mem, page, PAGE, (uintptr_t)to)) == (long)PAGE;
	else
		for (unsigned int i = 0; i < PAGE / 8 && done; i++)
			done = !retried(ptrace(PTRACE_POKEDATA, statue.pid, to + 8 * i, value));
	must(!ptrace(PTRACE_DETACH, statue.pid, NULL, NULL));
	return done;
}

bool statue_write(struct slice *s, enum statue_how how)
{
	static _Thread_local uint64_t page[PAGE / 8];
	unsigned int i = below(s, statue.n);
	struct iovec local = { page, PAGE }, remote = { page_at(statue.v + i), PAGE };
	uint64_t value = new_value(s);
	bool done;

	if (how == BY_VM_WRITEV) {
		fill_page(page, value);
		done = retried(process_vm_writev(statue.pid, &local, 1, &remote, 1, 0)) == (long)PAGE;
	} else {
		done = write_traced(how, page_at(statue.v + i), value);
	}
	if (!done && !fail_injecting)
		fail_test(s, "page %u of a child can't be written (way %d): errno %d", statue.v + i, how, errno);
	statue.value[i] = done ? value : UNKNOWN;
	compare_page(s, i, "written from outside");
	check_page(s, statue.v + i, "written in a child from outside");
	return done;
}

void statue_end(struct slice *s, const char *when)
{
	if (!statue.pid)
		return;
	statue_check(s, when);
	close(statue.mem);
	kill(statue.pid, SIGKILL);
	while (waitpid(statue.pid, NULL, __WALL) < 0)
		must(errno == EINTR);
	statue.pid = 0;
}
