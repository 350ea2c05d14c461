// SPDX-License-Identifier: GPL-2.0
/* A page in a pipe (vmsplice), or under a read by a device, belongs to the process that
 * put it there, at the moment it did, in a fork as well: no relative's later write shows
 * in the pipe, and what arrives in the page shows in no relative. CVE-2020-29374 was
 * this mistake for the kernel's own memory: a child lends a page that it still
 * shares, lets go of it, and reads from the pipe what its parent writes next.
 *
 * Usage: lent [--anonymous]: the same of the kernel's own private memory. */
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#include <signal.h>
#include <sys/uio.h>

enum { HUGE, RESERVED, COPIED, KINDS };
static const char *const kind_name[KINDS] = { "a 2 MiB page", "a reservation", "a page that was copied for an earlier child" };

static bool on_anonymous;
static int to_child[2], to_parent[2], pipe_[2];

static char *memory(int kind)
{
	char *p;
	pid_t pid;

	if (on_anonymous) {
		p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(p != MAP_FAILED);
		p = (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));
		madvise(p, BLOCK, kind == RESERVED ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	} else {
		p = map(BLOCK, kind == RESERVED ? 100 : 0);
	}
	memset(p, 'o', kind == RESERVED ? 40 * PAGE : BLOCK);
	if (kind == COPIED) {
		fflush(stdout);
		pid = fork();
		must(pid >= 0);
		if (!pid)
			for (;;)
				pause();
		memset(p, 'o', 40 * PAGE);
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0) == pid);
	}
	return p;
}

static void lend(char *p)
{
	must(vmsplice(pipe_[1], &(struct iovec){ p + 3 * PAGE, PAGE }, 1, 0) == (ssize_t)PAGE);
}

/* The byte that fills the page in the pipe, or 0. */
static char in_pipe(void)
{
	char page[PAGE];

	must(read(pipe_[0], page, PAGE) == (ssize_t)PAGE);
	return all_bytes(page, PAGE, *page) ? *page : 0;
}

static void tell(int fd)
{
	must(write(fd, "x", 1) == 1);
}

static void hear(int fd)
{
	char x;

	must(read(fd, &x, 1) == 1);
}

static void drop_nothing(char *p)
{
	(void)p;
}

static void drop_by_munmap(char *p)
{
	munmap(p, BLOCK);
}

static void drop_by_remove(char *p)
{
	must(!madvise(p, BLOCK, on_anonymous ? MADV_DONTNEED : MADV_REMOVE));
}

static void drop_by_write(char *p)
{
	memset(p, 'm', 40 * PAGE);
}

static const struct {
	const char *name;
	void (*drop)(char *p);
} drops[] = {
	{ "keeps its memory", drop_nothing }, { "unmaps it", drop_by_munmap }, { "discards it", drop_by_remove },
	{ "writes to it", drop_by_write },
};

static void nothing(char *p)
{
	(void)p;
}

static void protect_and_back(char *p)
{
	must(!mprotect(p, BLOCK, PROT_READ) && !mprotect(p, BLOCK, PROT_READ | PROT_WRITE));
}

static const struct {
	const char *name;
	void (*fn)(char *p);
} ways[] = { { "", nothing }, { ", after mprotect to R and back", protect_and_back } };

static void begin(void)
{
	must(!pipe(to_child) && !pipe(to_parent) && !pipe(pipe_));
	fflush(stdout);
}

static void finish(pid_t pid, char *p)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
	munmap(p, BLOCK);
	for (int i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
		close(pipe_[i]);
	}
}

/* A child lends what it shares, and drops it; the parent writes. */
static void child_lends(int kind, unsigned int drop, unsigned int way)
{
	char *p = memory(kind), got;
	pid_t pid;

	begin();
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		lend(p);
		drops[drop].drop(p);
		tell(to_parent[1]);
		for (;;)
			pause();
	}
	hear(to_parent[0]);
	ways[way].fn(p);
	memset(p, 'P', 40 * PAGE);
	got = in_pipe();
	/* Its own later write may show: vmsplice lends the page itself. */
	ok(got == 'o' || (got == 'm' && drops[drop].drop == drop_by_write),
	   "%s: a child lends it and %s; what the parent writes%s isn't in the pipe (%c)", kind_name[kind], drops[drop].name,
	   ways[way].name, got);
	ok(all_bytes(p, 40 * PAGE, 'P'), "and the parent keeps it");
	finish(pid, p);
}

/* The same the other way round. */
static void parent_lends(int kind, unsigned int drop, unsigned int way, bool before_fork)
{
	char *p = memory(kind), got;
	pid_t pid;

	begin();
	if (before_fork)
		lend(p);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		hear(to_child[0]);
		if (!all_bytes(p, 40 * PAGE, 'o'))
			_exit(1);
		ways[way].fn(p);
		memset(p, 'C', 40 * PAGE);
		if (!all_bytes(p, 40 * PAGE, 'C'))
			_exit(1);
		tell(to_parent[1]);
		for (;;)
			pause();
	}
	if (!before_fork)
		lend(p);
	drops[drop].drop(p);
	tell(to_child[1]);
	close(to_parent[1]);
	if (read(to_parent[0], &got, 1) != 1) {
		ok(false, "%s: the parent lends it %s the fork and %s: the child saw what isn't its own", kind_name[kind],
		   before_fork ? "before" : "after", drops[drop].name);
	} else {
		got = in_pipe();
		ok(got == 'o' || (got == 'm' && drops[drop].drop == drop_by_write),
		   "%s: the parent lends it %s the fork and %s; what the child writes%s isn't in the pipe (%c)", kind_name[kind],
		   before_fork ? "before" : "after", drops[drop].name, ways[way].name, got);
	}
	finish(pid, p);
}

int main(int argc, char **argv)
{
	on_anonymous = argc > 1 && !strcmp(argv[1], "--anonymous");
	for (int kind = 0; kind < KINDS; kind++)
		for (unsigned int drop = 0; drop < sizeof(drops) / sizeof(*drops); drop++)
			for (unsigned int way = 0; way < 2; way++) {
				child_lends(kind, drop, way);
				parent_lends(kind, drop, way, false);
				parent_lends(kind, drop, way, true);
			}
	if (!on_anonymous)
		ok(device_empty(), "nothing is left behind");
	return tap_done();
}
