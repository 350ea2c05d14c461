// SPDX-License-Identifier: GPL-2.0
/*
 * What a pipe holds of the driver's memory is its memory cgroup's still, after the
 * process has let go of it. It stays charged there, so the cgroup's limit holds:
 * whoever takes more and more by way of pipes meets the OOM killer of his own cgroup,
 * and nobody outside. Once the pipe is read the charge goes within seconds, without
 * anybody who asks for it, and the cgroup has its memory again.
 *
 * Needs root.
 */
#include <sys/uio.h>

#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define GROUP "dphuge-held"
#define LIMIT (64UL << 20)
#define FOLIOS 16U	/* a pipe takes 16 pages: half of the limit */

/* Take @n folios, write @len of each, and let go of all but a page of each, which a pipe has. */
static void lend(int fd, unsigned int n, size_t len, int percent)
{
	char *p = map(n * BLOCK, percent);

	for (unsigned int b = 0; b < n; b++) {
		struct iovec iov = { p + b * BLOCK, PAGE };

		memset(p + b * BLOCK, 'l', len);
		must(vmsplice(fd, &iov, 1, 0) == (ssize_t)PAGE);
	}
	munmap(p, n * BLOCK);
}

static int percent_of_lender;

static int lend_in_group(void *fd)
{
	cgroup_join(GROUP);
	lend(*(int *)fd, FOLIOS, PAGE, percent_of_lender);
	return 0;
}

/* More and more, into pipes that nobody reads. */
static int lend_without_end(void *told)
{
	volatile unsigned int *n = told;

	cgroup_join(GROUP);
	for (*n = 0; *n < 40; ++*n) {
		int fd[2];

		must(!pipe(fd));
		/* Whole blocks: if no folio can be had, single pages serve, and few would be enough. */
		lend(fd[1], FOLIOS / 4, BLOCK, 0);
	}
	return 0;
}

static int use(void *blocks)
{
	size_t len = *(unsigned int *)blocks * BLOCK;
	char *p;

	cgroup_join(GROUP);
	p = map(len, 0);
	memset(p, 'u', len);
	return !all_bytes(p, len, 'u');
}

static bool pipe_has(int fd, unsigned int pages)
{
	char page[PAGE];
	bool good = true;

	for (unsigned int i = 0; i < pages; i++)
		good &= read(fd, page, PAGE) == (ssize_t)PAGE && all_bytes(page, PAGE, 'l');
	return good;
}

static void stays_charged(int percent, const char *kind)
{
	unsigned long before, charge;
	unsigned int blocks = 24;
	double start;
	int fd[2];

	must(!pipe(fd));
	before = cgroup_charge(GROUP);
	percent_of_lender = percent;
	must(in_child(lend_in_group, &fd[1]));
	usleep(1500000);
	charge = cgroup_charge(GROUP);
	ok(charge >= FOLIOS * BLOCK, "%s: the process is gone, and what the pipe holds is charged: %lu KiB, %lu KiB before",
	   kind, KB(charge), KB(before));
	ok(stat_of("held_bytes") == FOLIOS * BLOCK, "%s: stats/held_bytes has as much", kind);
	ok(!in_child(use, &blocks), "%s: the cgroup has no room for 48 MiB beside it: its OOM killer kills", kind);
	ok(pipe_has(fd[0], FOLIOS), "%s: the pipe has the right bytes", kind);
	start = now_ms();
	becomes(cgroup_charge(GROUP) <= before + CHARGE_STOCK + BLOCK / 2);
	/* The driver looks once a second at least; the rest is the machine's. */
	ok(now_ms() - start < 10000, "%s: the pipe is read, and the charge goes: %.0f ms, %lu KiB", kind, now_ms() - start,
	   KB(cgroup_charge(GROUP)));
	ok(in_child(use, &blocks), "%s: and the cgroup has 48 MiB again", kind);
	close(fd[0]);
	close(fd[1]);
}

static void limit_holds(void)
{
	volatile unsigned int *pipes = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *bystander = map(4 * BLOCK, 50);
	unsigned int blocks = 24;
	unsigned long most = 0;
	int status;
	pid_t pid;

	must(pipes != MAP_FAILED);
	memset(bystander, 'b', 4 * BLOCK);
	pid = fork_now();
	if (!pid)
		_exit(lend_without_end((void *)pipes));
	while (waitpid(pid, &status, WNOHANG) == 0) {
		unsigned long charge = cgroup_charge(GROUP);

		most = charge > most ? charge : most;
		usleep(1000);
	}
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who takes more by way of pipes meets the cgroup's OOM killer: after %u pipes",
	   *pipes);
	ok(most <= LIMIT, "the charge was %lu KiB at most, the limit is %lu", KB(most), KB(LIMIT));
	ok(all_bytes(bystander, 4 * BLOCK, 'b'), "another's bytes stay");
	munmap(bystander, 4 * BLOCK);
	becomes(!stat_of("held_bytes"));
	ok(in_child(use, &blocks), "his pipes went with him: the cgroup has 48 MiB again");
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	cgroup_make(GROUP);
	must(!cgroup_set(GROUP, "memory.max", "64M"));
	cgroup_set(GROUP, "memory.swap.max", "0");
	stays_charged(0, "2 MiB pages");
	stays_charged(100, "reservations");
	limit_holds();
	ok(cgroup_removed(GROUP), "the cgroup can be removed");
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
