// SPDX-License-Identifier: GPL-2.0
/*
 * When the other side of a fork has ended or called exec, what it shared is in
 * 2 MiB pages again, without a touch: the driver's thread copies back the pages
 * that were written meanwhile, and no others. It takes no more processor time
 * than its parameter allows.
 */
#include <dirent.h>
#include <sys/uio.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define BLOCKS 64UL
#define CHANGED 5UL /* pages written in each block while the other side lived */

static unsigned long covered_kb(const char *p)
{
	return huge_kb(p, BLOCKS * BLOCK) + smaps_kb(p, BLOCKS * BLOCK, "AnonHugePages");
}

/* Milliseconds until all is in 2 MiB pages; -1 if they are more than @patience. */
static double recovery(const char *p, double patience)
{
	double start = now_ms();

	while (covered_kb(p) < KB(BLOCKS * BLOCK)) {
		if (now_ms() - start > patience)
			return -1;
		usleep(10000);
	}
	return now_ms() - start;
}

static char *filled(char byte)
{
	char *p = map(BLOCKS * BLOCK, 50);

	memset(p, byte, BLOCKS * BLOCK);
	return p;
}

/* Which pages are written in each block. */
static unsigned long page_of(unsigned long block, unsigned long n)
{
	return block * BLOCK_PAGES + (n * 97 + block) % BLOCK_PAGES;
}

static void change(char *p, char byte)
{
	for (unsigned long b = 0; b < BLOCKS; b++)
		for (unsigned long n = 0; n < CHANGED; n++)
			p[page_of(b, n) * PAGE + 7] = byte;
}

/* Every byte is @byte, but for the ones that change() has set to @changed. */
static bool holds(const char *p, char byte, char changed)
{
	for (unsigned long b = 0; b < BLOCKS; b++)
		for (unsigned long i = 0; i < BLOCK_PAGES; i++) {
			const char *page = p + (b * BLOCK_PAGES + i) * PAGE;
			bool was = false;

			for (unsigned long n = 0; n < CHANGED; n++)
				was |= page_of(b, n) == b * BLOCK_PAGES + i;
			if (page[7] != (was ? changed : byte) || !all_bytes(page, 7, byte) ||
			    !all_bytes(page + 8, PAGE - 8, byte))
				return false;
		}
	return true;
}

static double thp_recovery(void)
{
	char *raw = anonymous((BLOCKS + 1) * BLOCK), *p = block_align(raw);
	double ms;
	pid_t pid;

	must(!madvise(p, BLOCKS * BLOCK, MADV_HUGEPAGE));
	memset(p, 1, BLOCKS * BLOCK);
	pid = sleeping_child();
	change(p, 2);
	kill_child(pid);
	ms = recovery(p, 3000);
	munmap(raw, (BLOCKS + 1) * BLOCK);
	return ms;
}

static void child_exits(void)
{
	char *p = filled('a');
	unsigned long folds = stat_of("folds"), copied, copies = stat_of("copies");
	pid_t pid = sleeping_child();
	double ms, thp;

	change(p, 'b');
	ok(info_of(p).copies == BLOCKS * CHANGED, "while the child lives: %lu pages copied, %lu kB in 2 MiB pages",
	   stat_of("copies") - copies, covered_kb(p));
	copied = stat_of("promote_copies");
	kill_child(pid);
	ms = recovery(p, PATIENCE_MS);
	ok(ms >= 0, "the child has ended: %.0f ms later all is in 2 MiB pages again, without a touch", ms);
	thp = thp_recovery();
	printf("# THP (madvise) in this guest: %s\n", thp < 0 ? "not within 3 s" : "recovered");
	ok(stat_of("promote_copies") - copied == BLOCKS * CHANGED && stat_of("folds") - folds == BLOCKS,
	   "%lu folds copied only the %lu pages that had changed", stat_of("folds") - folds,
	   stat_of("promote_copies") - copied);
	ok(info_of(p).held == BLOCKS * BLOCK, "the device holds the blocks and nothing else");
	ok(holds(p, 'a', 'b'), "and the bytes are right");
	change(p, 'c');
	ok(holds(p, 'a', 'c') && stat_of("copies") - copies == BLOCKS * CHANGED,
	   "later writes copy nothing");
	munmap(p, BLOCKS * BLOCK);
}

static void child_execs(void)
{
	char *p = filled('a');
	pid_t pid = fork_now();
	double ms;

	if (!pid) {
		execl("/bin/sleep", "sleep", "100", NULL);
		_exit(1);
	}
	change(p, 'b');
	ms = recovery(p, PATIENCE_MS);
	ok(ms >= 0, "a child has called exec: the same after %.0f ms, while it runs", ms);
	ok(holds(p, 'a', 'b'), "and the bytes are right");
	kill_child(pid);
	munmap(p, BLOCKS * BLOCK);
}

static int orphan(void *arg)
{
	char *p = arg;

	change(p, 'c');
	return recovery(p, PATIENCE_MS) >= 0 && holds(p, 'a', 'c') ? 0 : 1;
}

/* The parent unmaps and the child ends; the grandchild reports by a pipe. */
static int heir(void *arg)
{
	char *p = filled('a');
	int fd[2], status = 1;
	pid_t pid;

	(void)arg;
	must(!pipe(fd));
	pid = fork_now();
	if (!pid) {
		if (fork())
			_exit(0);
		status = orphan(p);
		must(write(fd[1], &status, sizeof(status)) == sizeof(status));
		_exit(0);
	}
	munmap(p, BLOCKS * BLOCK);
	must(read(fd[0], &status, sizeof(status)) == sizeof(status));
	waitpid(pid, NULL, 0);
	return status;
}

/* A page of the shared folio lies in a pipe, which must not lose it. */
static void held_page(void)
{
	char *p = filled('a'), in_pipe[PAGE];
	struct iovec iov = { p + 3 * PAGE, PAGE };
	double ms;
	int fd[2];
	pid_t pid;

	must(!pipe(fd) && vmsplice(fd[1], &iov, 1, 0) == (ssize_t)PAGE);
	pid = sleeping_child();
	memset(p + 3 * PAGE, 'z', PAGE);
	kill_child(pid);
	usleep(300000);
	memset(p + 3 * PAGE, 'y', PAGE);
	must(read(fd[0], in_pipe, PAGE) == (ssize_t)PAGE);
	close(fd[0]);
	close(fd[1]);
	/* vmsplice lends the page itself, so the parent's own writes may show. */
	ok(p[3 * PAGE] == 'y' && p[0] == 'a', "while a pipe has a page, our bytes are right");
	ms = recovery(p, PATIENCE_MS);
	ok(ms >= 0, "once the pipe has been read, all is in 2 MiB pages again");
	munmap(p, BLOCKS * BLOCK);
}

/* CPU time that the driver's thread has had. */
static double thread_ms(void)
{
	static char path[300];
	struct dirent *d;
	unsigned long user, kernel;
	char comm[32];
	DIR *proc;
	FILE *f;

	if (!*path) {
		must(proc = opendir("/proc"));
		while ((d = readdir(proc))) {
			snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
			f = fopen(path, "r");
			if (f && fscanf(f, "%31s", comm) == 1 && !strcmp(comm, "dphuge")) {
				fclose(f);
				break;
			}
			if (f)
				fclose(f);
		}
		must(d);
		snprintf(path, sizeof(path), "/proc/%s/stat", d->d_name);
		closedir(proc);
	}
	must((f = fopen(path, "r")));
	must(fscanf(f, "%*d (%*[^)]) %*c" /* and 4 to 13: */ "%*s%*s%*s%*s%*s%*s%*s%*s%*s%*s %lu %lu",
		    &user, &kernel) == 2);
	fclose(f);
	return (user + kernel) * 1e3 / sysconf(_SC_CLK_TCK);
}

/* Share of a CPU that the thread takes while it has work, in percent. */
static double share(const char *percent)
{
	double wall = 0, cpu = 0;
	char *p = filled('a');

	must(!write_to(PARAMS "worker_percent", percent));
	while (wall < 1500) {
		pid_t pid = sleeping_child();
		double start, ran;

		for (unsigned long b = 0; b < BLOCKS; b++)
			memset(p + b * BLOCK, 'b', BLOCK / 2);
		start = now_ms(), ran = thread_ms();
		kill_child(pid);
		/* At 5 percent, 20 times as long as else. */
		must(recovery(p, 20 * PATIENCE_MS) >= 0);
		wall += now_ms() - start;
		cpu += thread_ms() - ran;
	}
	munmap(p, BLOCKS * BLOCK);
	return cpu * 100 / wall;
}

static void bounded(void)
{
	unsigned long folds;
	char *p = filled('a');
	double five, all;
	pid_t pid;

	must(!write_to(PARAMS "worker_percent", "0"));
	pid = sleeping_child();
	change(p, 'b');
	folds = stat_of("folds");
	kill_child(pid);
	ok(recovery(p, 500) < 0 && stat_of("folds") == folds,
	   "with worker_percent 0 the thread does nothing");
	must(!write_to(PARAMS "worker_percent", "50"));
	ok(recovery(p, PATIENCE_MS) >= 0, "when it may again, it does its work");
	munmap(p, BLOCKS * BLOCK);

	all = share("100");
	five = share("5");
	must(!write_to(PARAMS "worker_percent", "50"));
	/* A tick may come late. */
	ok(five < 10, "with worker_percent 5 it takes %.1f %% of a processor, with 100 %.1f %%", five, all);
	ok(all > five, "which is less than it can take");
}

int main(void)
{
	child_exits();
	child_execs();
	ok(in_child(heir, NULL), "a grandchild that outlives its family has 2 MiB pages again");
	held_page();
	bounded();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
