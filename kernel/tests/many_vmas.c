// SPDX-License-Identifier: GPL-2.0
/*
 * A process with 60,000 VMAs pays little for the driver's memory among them. A fork,
 * and the background thread when the child has ended, look through all VMAs of the
 * process for those of a mapping of the driver, with the lock of the address space
 * held. What that adds to the fork, and for how long the thread runs, is counted here.
 * A block that is cut into many VMAs makes a fork dearer by these VMAs, and not by
 * their square.
 *
 * In instructions: for a guest whose clock counts them (scripts/vm --icount).
 */
#include <signal.h>
#include <sys/uio.h>
#include <x86intrin.h>

#include "thread.h"

#define VMAS 60000UL
#define MAPPINGS 8U
#define ROUNDS 3
#define MOVING_ROUNDS 3U
#define WALK (VMAS * 130) /* instructions of one walk through the many, or a little less */

static unsigned long fork_and_exit(void)
{
	unsigned long least = -1;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned long before = __rdtsc();
		pid_t pid = fork();

		must(pid >= 0);
		if (!pid)
			_exit(0);
		must(waitpid(pid, NULL, 0) == pid);
		before = __rdtsc() - before;
		if (before < least)
			least = before;
	}
	return least;
}

/* What the thread runs for one fork. */
static unsigned long thread_for_a_fork(void)
{
	unsigned long ran;

	must(becomes(thread_idle_for(300000)));
	ran = thread_ran_ns();
	must(in_child(do_nothing, NULL));
	usleep(1000000);
	must(becomes(thread_idle_for(300000)));
	return thread_ran_ns() - ran;
}

static char *make_vmas(void)
{
	char *p = anonymous(VMAS * PAGE);

	must(!write_to("/proc/sys/vm/max_map_count", "100000"));
	for (unsigned long i = 0; i < VMAS; i += 2)
		must(!mprotect(p + i * PAGE, PAGE, PROT_READ));
	return p;
}

/* Each in two VMAs, so that a fork locks all of a region's, for which it looks through all there are. */
static void make_mappings(char **p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		p[i] = map(2 * BLOCK, 0);
		memset(p[i], 1, 2 * BLOCK);
		must(!mprotect(p[i], BLOCK, PROT_READ));
	}
}

static void unmap_all(char **p, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		munmap(p[i], 2 * BLOCK);
	must(device_empty());
}

/* Which of the mappings an address lies in; @n: none. */
static unsigned int mapping_at(char *const *p, unsigned int n, unsigned long addr)
{
	unsigned int i = 0;

	while (i < n && (addr < (uintptr_t)p[i] || addr >= (uintptr_t)p[i] + 2 * BLOCK))
		i++;
	return i;
}

/*
 * How many of the mappings have a VMA of which smaps says "nr". It is read once for all of
 * them, as with so many VMAs it takes longer than what is tested.
 */
static unsigned int watched(char *const *p, unsigned int n)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long found = 0; /* a bit for each */
	unsigned int in = n;
	char line[512];

	must(f);
	while (fgets(line, sizeof(line), f)) {
		/* The fields of a VMA begin with a capital letter, its first line doesn't. */
		if (line[0] < 'A' || line[0] > 'Z')
			in = mapping_at(p, n, strtoul(line, NULL, 16));
		else if (in < n && !strncmp(line, "VmFlags:", 8) && strstr(line, " nr"))
			found |= 1UL << in;
	}
	fclose(f);
	return __builtin_popcountl(found);
}

/* Both VMAs of a mapping. */
static void move_to(char **p, char *to)
{
	for (size_t at = 0; at < 2 * BLOCK; at += BLOCK)
		must(mremap(*p + at, BLOCK, BLOCK, MREMAP_MAYMOVE | MREMAP_FIXED, to + at) == to + at);
	*p = to;
}

/*
 * The thread lets go of the address space in the midst of its VMAs. While a child lives,
 * writes are watched, for which smaps says "nr"; some time after its end, they are not, on
 * either side of the many.
 */
static void in_steps(char **p, unsigned int n)
{
	pid_t pid = sleeping_child();
	unsigned int before = watched(p, n), after = n;

	must(!kill(pid, SIGKILL) && waitpid(pid, NULL, 0) == pid);
	ok(before == n && becomes(!(after = watched(p, n))),
	   "writes to %u of %u mappings are watched while there is a child", before, n);
	ok(!after, "and then to %u", after);
}

/* Let the thread begin to walk, as a child has come and gone, and come to the @part of @parts. */
static void into_the_walk(unsigned int part, unsigned int parts)
{
	unsigned long ran = thread_ran_ns();

	must(in_child(do_nothing, NULL));
	for (unsigned int i = 0; thread_ran_ns() < ran + part * WALK / parts; i++) {
		must(i < 100000);
		usleep(200);
	}
}

/*
 * While the thread walks through the many, a second child comes, leaves a page in a pipe
 * and ends. What the process writes there later isn't in the pipe; while that has the page,
 * writes are watched, and afterwards no longer.
 */
static void forked_between_steps(char **p)
{
	struct iovec iov = { *p + BLOCK, PAGE };
	unsigned int during, still;
	int fd[2];
	char page[PAGE];
	pid_t pid;

	must(!pipe(fd));
	into_the_walk(1, 2);
	pid = fork_now();
	if (!pid)
		_exit(vmsplice(fd[1], &iov, 1, 0) != (ssize_t)PAGE);
	must(succeeded(wait_for(pid)));
	must(becomes(thread_idle_for(2000000)));
	during = watched(p, 1);
	(*p)[BLOCK] = 'n';
	must(read(fd[0], page, PAGE) == (ssize_t)PAGE);
	ok(during && page[0] == 1, "nor is a fork in the midst of it lost: %s; a page in a pipe stays as it was",
	   during ? "watched while a pipe has a page" : "not watched");
	(*p)[BLOCK] = 1;
	for (unsigned int i = 0; (still = watched(p, 1)) && i < 20; i++)
		usleep(3000000);
	ok(!still, "when the pipe has none, it is not watched any more");
	close(fd[0]);
	close(fd[1]);
}

/*
 * While the thread walks through the many, the one mapping goes from above, where it has
 * not been yet, to below, where it has been. That must not stay watched either.
 */
static void moved_between_steps(char **p, char *above, char *below)
{
	unsigned int stayed = 0, again = 0, still = 0;

	for (unsigned int round = 1; round <= MOVING_ROUNDS; round++) {
		unsigned long ran;

		/* At another place of the walk each time. */
		into_the_walk(round, MOVING_ROUNDS + 1);
		move_to(p, below);
		ran = thread_ran_ns();
		/* A thread that finds a lock held comes again later. */
		for (unsigned int i = 0; (still = watched(p, 1)) && i < 8; i++)
			must(becomes(thread_idle_for(1500000)));
		stayed += still;
		again += thread_ran_ns() - ran >= WALK;
		move_to(p, above);
	}
	ok(!stayed && again == MOVING_ROUNDS,
	   "nor if it moves meanwhile, for which the thread begins anew: watched for good in %u of %u rounds, anew in %u",
	   stayed, MOVING_ROUNDS, again);
}

static void among_many(void)
{
	unsigned long none, one, some, settle, few_fork, few_settle;
	char *p[MAPPINGS], *vmas, *above, *below;

	make_mappings(p, MAPPINGS);
	few_fork = fork_and_exit();
	few_settle = thread_for_a_fork();
	unmap_all(p, MAPPINGS);

	above = aligned_place(2 * BLOCK);
	vmas = make_vmas();
	below = aligned_place(2 * BLOCK);
	must(below < vmas && vmas < above);
	none = fork_and_exit();
	make_mappings(p, 1);
	one = fork_and_exit();
	make_mappings(p + 1, MAPPINGS - 1);
	some = fork_and_exit();
	settle = thread_for_a_fork();
	/* Mappings are made from above to below: so the many lie between this one and the others. */
	move_to(p, above);
	in_steps(p, MAPPINGS);
	for (unsigned int i = 1; i < MAPPINGS; i++)
		must(!munmap(p[i], 2 * BLOCK));
	forked_between_steps(p);
	moved_between_steps(p, above, below);
	unmap_all(p, 1);
	must(!munmap(vmas, VMAS * PAGE));
	printf("# fork and exit with %lu VMAs: %lu instructions; with a mapping of the driver's in two VMAs %lu, with %u of them %lu (%lu without the many)\n",
	       VMAS, none, one, MAPPINGS, some, few_fork);
	printf("# the thread runs %lu instructions for a child of a process with %u mappings and %lu VMAs, %lu without these\n",
	       settle, MAPPINGS, VMAS, few_settle);
	/* Not as a ratio: what the kernel's own VMAs cost depends on whether they have an anon_vma. */
	ok(one <= none + VMAS * 340,
	   "one mapping makes a fork and exit dearer by %.0f instructions for each VMA, at most 340",
	   ((double)one - none) / VMAS);
	ok(some <= none + MAPPINGS * VMAS * 200,
	   "%u mappings by %.0f instructions for each mapping and VMA, at most 200", MAPPINGS,
	   ((double)some - none) / MAPPINGS / VMAS);
	ok(settle <= few_settle + MAPPINGS * VMAS * 400,
	   "the thread runs %lu instructions for each mapping and VMA, at most 400",
	   (settle - few_settle) / MAPPINGS / VMAS);
}

/* All pages of some blocks in VMAs of their own. The kernel's memory is cut in the same way. */
static unsigned long fork_of_cut(char *p, unsigned int blocks)
{
	memset(p, 1, blocks * BLOCK);
	for (unsigned long i = 0; i < blocks * BLOCK_PAGES; i += 2)
		must(!mprotect(p + i * PAGE, PAGE, PROT_READ));
	return fork_and_exit();
}

static void cut_block(void)
{
	char *p = map(8 * BLOCK, 0), *a = anonymous(8 * BLOCK);
	unsigned long one, eight, kernel, none = fork_and_exit();

	one = fork_of_cut(p, 1) - none;
	munmap(p, 8 * BLOCK);
	p = map(8 * BLOCK, 0);
	eight = fork_of_cut(p, 8) - none;
	munmap(p, 8 * BLOCK);
	kernel = fork_of_cut(a, 8) - none;
	munmap(a, 8 * BLOCK);
	printf("# fork and exit: a block in 512 VMAs %lu instructions, %lu a VMA; eight blocks %lu; the kernel's memory %lu\n",
	       one, one / BLOCK_PAGES, eight, kernel);
	ok(eight <= 3 * kernel,
	   "eight blocks in 512 VMAs each cost %.2f times what the kernel's memory does, at most 3",
	   (double)eight / kernel);
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	cut_block();
	among_many();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
