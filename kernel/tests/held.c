// SPDX-License-Identifier: GPL-2.0
/* What a pipe holds stays charged. vmsplice lends a page to a pipe; the process may
 * let go of its memory while the pipe still has the page, and with one page of
 * 4 KiB the whole 2 MiB folio that it lies in. Until the folio is really free it
 * counts in stats/bytes and against the limits of the user who took it, whoever
 * has the pipe by then and whether he himself still runs; and then no longer. The
 * module isn't unloaded under it, or unloads without harm to the bytes in the
 * pipe.
 *
 * Needs root; $DPHUGE_MODULE names the module (scripts/vm sets it). */
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define FOLIOS 16U /* a pipe takes 16 pages */
#define NOBODY 65534
#define MIB(n) ((unsigned long)(n) << 20)

/* Lend page @page of each block to the pipe. */
static void lend(char *p, unsigned int blocks, unsigned int page, int fd)
{
	for (unsigned int b = 0; b < blocks; b++) {
		struct iovec iov = { p + b * BLOCK + page * PAGE, PAGE };

		must(vmsplice(fd, &iov, 1, 0) == (ssize_t)PAGE);
	}
}

static bool pipe_has(int fd, unsigned int pages, char byte)
{
	char page[PAGE];
	bool good = true;

	for (unsigned int i = 0; i < pages; i++)
		good &= read(fd, page, PAGE) == (ssize_t)PAGE && all_bytes(page, PAGE, byte);
	return good;
}

static void let_go_by_remove(char *p)
{
	must(!madvise(p, FOLIOS * BLOCK, MADV_REMOVE));
}

static void let_go_by_munmap(char *p)
{
	must(!munmap(p, FOLIOS * BLOCK));
}

static void let_go_by_exec(char *p)
{
	(void)p;
	execl("/bin/sleep", "sleep", "1000", NULL);
	_exit(1);
}

static void let_go_by_exit(char *p)
{
	(void)p;
	_exit(0);
}

/*
 * The lent page stays with who lent it before a fork. vmsplice lends the page
 * itself, so what is written there shows in the pipe, as without a fork.
 */
static void let_go_by_write(char *p)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	memset(p, 'n', FOLIOS * BLOCK);
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
	must(!munmap(p, FOLIOS * BLOCK));
}

static const struct {
	const char *name;
	void (*let_go)(char *p);
} partings[] = {
	{ "MADV_REMOVE", let_go_by_remove }, { "munmap", let_go_by_munmap }, { "exec", let_go_by_exec },
	{ "exit", let_go_by_exit }, { "a write after a fork, then munmap", let_go_by_write },
};

/*
 * @how many kinds: a full 2 MiB page (@percent 0) or a reservation of which one
 * page was touched (100).
 */
static void counted(unsigned int parting, int percent)
{
	const char *kind = percent ? "reservations" : "2 MiB pages";
	int pipe_[2], done[2];
	unsigned long held;
	char x;
	pid_t pid;

	must(device_empty());
	must(!pipe(pipe_) && !pipe2(done, O_CLOEXEC));
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		char *p = map(FOLIOS * BLOCK, percent);

		close(done[0]);
		close(pipe_[0]);
		for (unsigned int b = 0; b < FOLIOS; b++)
			memset(p + b * BLOCK + 8 * PAGE, 'l', PAGE);
		lend(p, FOLIOS, 8, pipe_[1]);
		close(pipe_[1]);
		partings[parting].let_go(p);
		close(done[1]);
		for (;;)
			pause();
	}
	close(done[1]);
	close(pipe_[1]);
	must(read(done[0], &x, 1) == 0); /* let go: closed by hand, by exec or by exit */
	if (partings[parting].let_go == let_go_by_exit)
		must(waitpid(pid, NULL, 0) == pid);
	held = stat_of("bytes");
	/* The pool and what is on its way out may add; nothing may be missing. */
	ok(held >= FOLIOS * BLOCK, "%s, %s: %u folios of which a pipe has a page count whole: %lu of %lu KiB", kind,
	   partings[parting].name, FOLIOS, held / 1024, FOLIOS * BLOCK / 1024);
	usleep(1500000);
	ok(stat_of("bytes") >= FOLIOS * BLOCK, "%s, %s: and do so while it lasts", kind, partings[parting].name);
	ok(stat_of("held_bytes") == FOLIOS * BLOCK, "%s, %s: stats/held_bytes says how much that is: %lu KiB", kind,
	   partings[parting].name, stat_of("held_bytes") / 1024);
	ok(pipe_has(pipe_[0], FOLIOS / 2, partings[parting].let_go == let_go_by_write ? 'n' : 'l'),
	   "%s, %s: the pipe has the right bytes", kind, partings[parting].name);
	ok(becomes(stat_of("bytes") <= FOLIOS / 2 * BLOCK), "%s, %s: half of the pipe is read, and half no longer counts: %lu KiB",
	   kind, partings[parting].name, stat_of("bytes") / 1024);
	ok(stat_of("bytes") >= FOLIOS / 2 * BLOCK, "%s, %s: the other half does", kind, partings[parting].name);
	close(pipe_[0]);
	ok(device_empty() && !stat_of("held_bytes"), "%s, %s: the pipe is closed, and nothing counts", kind,
	   partings[parting].name);
	if (partings[parting].let_go != let_go_by_exit) {
		kill(pid, SIGKILL);
		must(waitpid(pid, NULL, 0) == pid);
	}
	close(done[0]);
}

/* Lends and lets go, over and over, until the limit stops it; exit status: folios. */
static volatile unsigned int taken;

static void at_the_limit(int sig)
{
	(void)sig;
	_exit(taken);
}

static int take_by_pipes(void *arg)
{
	unsigned int most = *(unsigned int *)arg;
	int fd[2] = { -1, -1 };
	struct dphuge_threshold t = { .size = sizeof(t), .percent = 0 };
	int dev = device();
	char *p;

	signal(SIGBUS, at_the_limit);
	must(!ioctl(dev, DPHUGE_IOC_THRESHOLD, &t));
	for (taken = 0; taken < most; taken++) {
		/* Mapped anew each time: to be refused here is as good as SIGBUS. */
		p = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, dev, 0);
		if (p == MAP_FAILED)
			_exit(taken);
		if (taken % FOLIOS == 0)
			must(!pipe(fd));
		p[8 * PAGE] = 1;
		lend(p, 1, 8, fd[1]);
		must(!munmap(p, BLOCK));
	}
	_exit(taken);
}

static int take_as_nobody(void *arg)
{
	must(!setgid(NOBODY) && !setuid(NOBODY));
	return take_by_pipes(arg);
}

static void limited(void)
{
	unsigned int most = 60;
	int n;

	must(device_empty());
	must(!write_to(PARAMS "user_limit_mib", "32"));
	n = status_of(take_as_nobody, &most);
	/* One may be a single page's worth short, as a fault may fall back to pages. */
	ok(n >= 15 && n <= 16, "user_limit_mib 32: a user gets 16 folios by way of pipes, not more: %d", n);
	ok(device_empty(), "and all is free when his pipes are");
	must(!write_to(PARAMS "user_limit_mib", "0"));
	must(!write_to(PARAMS "limit_mib", "32"));
	n = status_of(take_by_pipes, &most);
	ok(n >= 15 && n <= 16, "limit_mib 32: nor do all together: %d", n);
	must(!write_to(PARAMS "limit_mib", "0"));
	ok(device_empty(), "and all is free when the pipes are");
}

static int lend_and_exit(void *arg)
{
	int *fd = arg;
	char *p;

	must(!setgid(NOBODY) && !setuid(NOBODY));
	p = map(FOLIOS / 2 * BLOCK, 0);
	memset(p, 'l', FOLIOS / 2 * BLOCK);
	lend(p, FOLIOS / 2, 8, fd[1]);
	return 0;
}

/* The user has no process any more, but what he took is still his. */
static void users_debt_stays(void)
{
	unsigned int most = 60;
	int fd[2], n;

	must(device_empty());
	must(!write_to(PARAMS "user_limit_mib", "32"));
	must(!pipe(fd));
	must(in_child(lend_and_exit, fd));
	n = status_of(take_as_nobody, &most);
	ok(n >= 7 && n <= 8, "a user who left 8 folios in somebody's pipe and comes back gets 8 more, not 16: %d", n);
	ok(pipe_has(fd[0], FOLIOS / 2, 'l'), "whose bytes are right");
	ok(becomes(stat_of("bytes") == 0), "the pipe is read: nothing counts");
	n = status_of(take_as_nobody, &most);
	ok(n >= 15 && n <= 16, "and then he gets all 16: %d", n);
	close(fd[0]);
	close(fd[1]);
	must(!write_to(PARAMS "user_limit_mib", "0"));
}

/* Somebody else's room isn't touched by what a user's pipes hold. */
static int touch_folios(void *arg)
{
	unsigned int folios = *(unsigned int *)arg;
	char *p;

	must(!setgid(NOBODY - 1) && !setuid(NOBODY - 1));
	signal(SIGBUS, at_the_limit);
	p = map(folios * BLOCK, 0);
	for (taken = 0; taken < folios; taken++)
		p[taken * BLOCK] = 1;
	return taken;
}

static void others_room(void)
{
	unsigned int folios = 16;
	int fd[2];

	must(!write_to(PARAMS "user_limit_mib", "32"));
	must(!pipe(fd));
	must(in_child(lend_and_exit, fd));
	ok(status_of(touch_folios, &folios) == 16, "another user's limit doesn't suffer from it");
	close(fd[0]);
	close(fd[1]);
	must(!write_to(PARAMS "user_limit_mib", "0"));
	must(device_empty());
}

/* The module and a pipe that has a page of it. */
static void unloading(void)
{
	const char *module = getenv("DPHUGE_MODULE");
	int fd[2], file;
	bool unloaded;
	char *p;

	must(module);
	file = open(module, O_RDONLY | O_CLOEXEC);
	must(file >= 0 && !pipe(fd));
	p = map(FOLIOS * BLOCK, 0);
	memset(p, 'l', FOLIOS * BLOCK);
	lend(p, FOLIOS, 8, fd[1]);
	munmap(p, FOLIOS * BLOCK);
	usleep(300000); /* the end of the mapping's file is put off for a moment */
	unloaded = !syscall(SYS_delete_module, "dphuge", O_NONBLOCK);
	ok(unloaded || errno == EAGAIN || errno == EBUSY, "unloading while a pipe has pages: %s", unloaded ? "done" : "refused");
	ok(pipe_has(fd[0], FOLIOS, 'l'), "the pipe has the right bytes");
	close(fd[0]);
	close(fd[1]);
	if (!unloaded)
		ok(becomes(!syscall(SYS_delete_module, "dphuge", O_NONBLOCK)), "and once the pipe is empty it unloads");
	must(!syscall(SYS_finit_module, file, "", 0));
	close(file);
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	for (unsigned int i = 0; i < sizeof(partings) / sizeof(*partings); i++) {
		counted(i, 0);
		counted(i, 100);
	}
	limited();
	users_debt_stays();
	others_room();
	unloading();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
