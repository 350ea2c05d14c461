// SPDX-License-Identifier: GPL-2.0
/*
 * A process is killed in the midst of its own fork, when some of its VMAs have
 * been copied and others have not. The kernel takes the half-made child down
 * again; on newer kernels its tree of VMAs has entries by then that are none of
 * its own. Its relatives must not notice: the one that forked the victim goes on
 * to write, to discard and to fork, and every byte is right on both sides. What
 * the half-made child had taken goes back.
 *
 * The victim's memory is cut into some thousand VMAs, by mprotect, MADV_DONTDUMP
 * and MADV_DONTFORK of single pages, so that its fork takes long, and most of it is
 * the driver's part.
 *
 * Usage: killed_fork [VICTIMS]. Needs root and two processors.
 */
#include <stdatomic.h>
#include <sys/prctl.h>

#include "t_device.h"
#include "t_known.h"

#define BLOCKS 3UL /* of 2 MiB pages, and as many reservations */
#define RESERVED 200U /* pages that are touched in each of these */

static struct known k;

/* What a victim tells about its forks, in memory that all share. */
static struct told {
	atomic_uint begun, done;
	atomic_ulong longest_us;
} *told;

static void fill(void)
{
	char *full = map(BLOCKS * BLOCK, 0), *reserved = map(BLOCKS * BLOCK, 100);

	known_add(&k, full, BLOCKS * BLOCK_PAGES);
	for (unsigned int i = 0; i < k.n; i++)
		known_write(&k, i, 'f');
	for (unsigned long b = 0; b < BLOCKS; b++) {
		unsigned int first = known_add(&k, reserved + b * BLOCK, BLOCK_PAGES);

		for (unsigned int i = first; i < first + RESERVED; i++)
			known_write(&k, i, 'r');
	}
}

/* Cut two blocks of each kind into VMAs of a page, and the third into larger ones. */
static void cut(void)
{
	for (unsigned int i = 1; i < k.n; i += i / BLOCK_PAGES % BLOCKS == 2 ? 32 : 2) {
		switch (i / 2 % 4) {
		case 0: must(!mprotect(k.at[i], PAGE, PROT_READ)); break;
		case 1: must(!madvise(k.at[i], PAGE, MADV_DONTDUMP)); break;
		case 2: must(!madvise(k.at[i], PAGE, MADV_DONTFORK)); break;
		case 3: must(!mprotect(k.at[i], PAGE, PROT_NONE)); break;
		}
	}
}

/* Forks over and over until it is killed. The children end at once. */
static void __attribute__((noreturn)) victim(void)
{
	/* All that it leaves is found by the number of this group. */
	must(!setpgid(0, 0));
	cut();
	for (unsigned int round = 0;; round++) {
		double start;
		unsigned long us;
		pid_t pid;

		/* Something of its own in each fork: pages 0, 2, 4, ... are writable. */
		memset(k.at[round * 6 % (BLOCKS * BLOCK_PAGES) & ~1U], 'v', PAGE);
		start = now_ms();
		atomic_fetch_add(&told->begun, 1);
		pid = fork();
		if (!pid)
			_exit(0);
		must(pid > 0);
		atomic_fetch_add(&told->done, 1);
		us = (now_ms() - start) * 1e3;
		if (us > atomic_load(&told->longest_us))
			atomic_store(&told->longest_us, us);
		must(waitpid(pid, NULL, 0) == pid);
	}
}

/* Wait for all processes of a group. Return how many there were. */
static unsigned int wait_for_group(pid_t group)
{
	unsigned int n = 0;

	while (waitpid(-group, NULL, 0) > 0)
		n++;
	must(errno == ECHILD);
	return n;
}

/* Kill a victim in its fork number @nr. Return whether no child came of that fork. */
static bool kill_in_fork(unsigned int nr, unsigned int *seed)
{
	bool within;
	double until;
	pid_t pid;

	atomic_store(&told->begun, 0);
	atomic_store(&told->done, 0);
	pid = fork_now();
	if (!pid)
		victim();
	while (atomic_load(&told->begun) < nr)
		usleep(100);
	/* The first, which nobody has timed, is known to last a few milliseconds. */
	until = now_ms() + (next_random(seed) % 1000) / 1e3 *
		(atomic_load(&told->longest_us) ? atomic_load(&told->longest_us) / 1e3 : 5);
	while (now_ms() < until)
		;
	must(!kill(pid, SIGKILL));
	within = wait_for_group(pid) == 1 && atomic_load(&told->begun) != atomic_load(&told->done);
	return within;
}

/* A relative's life after it: writes, discards, a fork. Return how many pages are wrong. */
static unsigned int go_on(unsigned int round, bool discards)
{
	unsigned int wrong = 0;

	known_change(&k, round % 5, 5, 'A' + round % 26);
	if (discards) {
		known_remove(&k, round * 37 % k.n, 1);
		known_remove(&k, round % (2 * BLOCKS) * BLOCK_PAGES, 3 + round % 4 / 3 * (BLOCK_PAGES - 3));
		for (unsigned int i = 0; i < k.n; i += BLOCK_PAGES)
			known_write(&k, i, 'n');
	}
	if (round % 3 == 0)
		wrong += known_fork(&k);
	return wrong + known_wrong(&k);
}

/* A relative whose children come and go, so that the background thread looks at all of the family. */
static pid_t start_visits(void)
{
	pid_t pid = fork_now();

	if (pid)
		return pid;
	for (unsigned int round = 0;; round++) {
		pid = fork();
		must(pid >= 0);
		if (!pid) {
			for (unsigned int i = round % 9; i < k.n; i += 100)
				memset(k.at[i], 'v', PAGE);
			_exit(0);
		}
		must(waitpid(pid, NULL, 0) == pid);
		usleep(2000);
	}
}

static void run(unsigned int victims, bool discards, const char *what)
{
	unsigned int half_way = 0, wrong = 0, seed = victims;

	for (unsigned int i = 0; i < victims; i++) {
		half_way += kill_in_fork(1 + i % 3, &seed);
		wrong += go_on(i, discards);
	}
	printf("# %s: %u of %u victims were killed before their fork had made a child; the longest fork took %lu us\n", what,
	       half_way, victims, atomic_load(&told->longest_us));
	ok(half_way >= victims / 5, "%s: a fifth of the victims at least is killed in its fork", what);
	ok(!wrong, "%s: each byte of a relative and of its other children is right: %u pages are wrong", what, wrong);
}

int main(int argc, char **argv)
{
	unsigned int victims = argc > 1 ? atoi(argv[1]) : 20;
	unsigned long before;
	pid_t shrinking, visits;
	bool back;

	told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(told != MAP_FAILED && !write_to(PARAMS "pool_mib", "0"));
	/* What a victim leaves becomes a child of ours. */
	must(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	shrinking = start_shrinking(3000);
	must(!kill(shrinking, SIGSTOP));
	fill();
	before = stat_of("bytes");
	visits = start_visits();
	run(victims, false, "alone");
	kill_child(visits);
	back = becomes(stat_of("bytes") == before);
	ok(back, "what the victims and their children had is back: %lu KiB held, %lu before", KB(stat_of("bytes")), KB(before));
	must(!kill(shrinking, SIGCONT));
	visits = start_visits();
	run(victims, true, "with discards and reclaim");
	kill_child(shrinking);
	kill_child(visits);
	for (unsigned int i = 0; i < k.n; i += BLOCK_PAGES)
		known_remove(&k, i, BLOCK_PAGES);
	ok(device_empty(), "and when all is discarded, nothing is left, though it is mapped still");
	return tap_done();
}
