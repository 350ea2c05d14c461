// SPDX-License-Identifier: GPL-2.0
/*
 * How often the other processors are interrupted so that they forget translations.
 * On each of them spins a thread of the process, so none may be left out. What a
 * discard or a fork of many blocks costs them doesn't grow with the number of blocks
 * beyond what it does with the kernel's own memory, and a promotion costs two
 * broadcasts at most. With one processor nobody is interrupted.
 *
 * The counts are those of the rows TLB (flushes that the core asks for) and CAL
 * (functions to be called: that is how the driver asks for one) of /proc/interrupts, per
 * processor that spins. The least of some rounds counts, as others may send some too.
 *
 * Usage: interrupts [MORE]. So many more for each processor are no failure while 64 blocks are
 * discarded: a debug kernel takes so long for it that others send some in each round.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define MANY 64U
#define ROUNDS 3
#define FORK_ROUNDS 24 /* the parent copies a few pages of its own unless the child runs first */
#define CPUS_MAX 64

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static unsigned int cpus;
static unsigned long more; /* in hundredths */
static atomic_uint spin, spinning;

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set));
}

static void *spinner(void *arg)
{
	pin((uintptr_t)arg);
	for (;;) {
		while (!atomic_load(&spin))
			syscall(SYS_futex, &spin, FUTEX_WAIT, 0, NULL, NULL, 0);
		atomic_fetch_add(&spinning, 1);
		while (atomic_load_explicit(&spin, memory_order_relaxed))
			__builtin_ia32_pause();
		atomic_fetch_sub(&spinning, 1);
	}
	return NULL;
}

static void spin_all(bool on)
{
	atomic_store(&spin, on);
	syscall(SYS_futex, &spin, FUTEX_WAKE, CPUS_MAX, NULL, NULL, 0);
	while (atomic_load(&spinning) != (on ? cpus - 1 : 0))
		usleep(100);
}

/*
 * A copy of /proc/interrupts. It is read into shared memory: after a fork each page of the process's
 * own that is written is copied, and that interrupts, too.
 */
#define TEXT_MAX (1UL << 20)
static char *text;
static int text_fd;

static void take_text(void)
{
	size_t n = 0;
	ssize_t got;

	while ((got = pread(text_fd, text + n, TEXT_MAX - 1 - n, n)) > 0)
		n += got;
	must(!got && n && n < TEXT_MAX - 1);
	text[n] = 0;
}

/* The sum of a row of what was read last. */
static unsigned long row(const char *name)
{
	unsigned long sum = 0;

	for (char *line = text; line; line = strchr(line, '\n')) {
		char *at, *end;

		line += *line == '\n';
		at = line + strspn(line, " ");
		if (strncmp(at, name, 4))
			continue;
		for (at += 4;; at = end) {
			unsigned long n = strtoul(at, &end, 10);

			if (end == at)
				break;
			sum += n;
		}
	}
	return sum;
}

static bool calls_have_flushes; /* newer kernels count a flush in both rows */

/* Those of all processors so far. */
static unsigned long interrupts(void)
{
	take_text();
	return row("CAL:") + (calls_have_flushes ? 0 : row("TLB:"));
}

enum memory { HUGE, SINGLE, THP, ANON, SHMEM, MEMORIES };
static const char *const memory_name[MEMORIES] = { "2 MiB pages", "4 KiB pages", "the kernel's 2 MiB pages",
						   "the kernel's 4 KiB pages", "the kernel's shared 4 KiB pages" };

static char *map_blocks(enum memory kind, unsigned int blocks)
{
	int fd = -1;
	char *p;

	if (kind == HUGE || kind == SINGLE)
		return map(blocks * BLOCK, kind == HUGE ? 0 : 100);
	p = aligned_place(blocks * BLOCK);
	if (kind == SHMEM) {
		fd = memfd_create("shared", 0);
		must(fd >= 0 && !ftruncate(fd, blocks * BLOCK));
	}
	must(mmap(p, blocks * BLOCK, PROT_READ | PROT_WRITE, MAP_FIXED | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd,
		  0) == p);
	must(!madvise(p, blocks * BLOCK, kind == THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
	if (fd >= 0)
		close(fd);
	return p;
}

/* Half of each block if single pages are wanted, which would become 2 MiB pages if there were more. */
static void touch(char *p, unsigned int blocks)
{
	for (unsigned long i = 0; i < blocks * BLOCK_PAGES; i++)
		if (i % BLOCK_PAGES < BLOCK_PAGES / 2)
			p[i * PAGE] = 1;
}

static void discard(char *p, unsigned int blocks, enum memory kind)
{
	must(!madvise(p, blocks * BLOCK, kind == THP || kind == ANON ? MADV_DONTNEED : MADV_REMOVE));
}

static pid_t child;

static void fork_it(char *p, unsigned int blocks, enum memory kind)
{
	(void)p, (void)blocks, (void)kind;
	/* Not glibc's fork(): the pages that it writes to afterwards are copied. */
	child = syscall(SYS_fork);
	if (!child)
		sleep_forever();
	must(child > 0);
}

static void write_page(char *p, unsigned int blocks, enum memory kind)
{
	(void)blocks, (void)kind;
	p[0] = 2;
}

static void write_block(char *p, unsigned int blocks, enum memory kind)
{
	(void)blocks, (void)kind;
	for (unsigned long i = 0; i < BLOCK_PAGES; i++)
		p[i * PAGE] = 2;
}

/* The touch that makes the device's block a 2 MiB page, and the one that maps it; the kernel collapses. */
static void promote(char *p, unsigned int blocks, enum memory kind)
{
	if (kind == ANON)
		must(!madvise(p, blocks * BLOCK, MADV_COLLAPSE));
	p[BLOCK_PAGES / 2 * PAGE] = 1;
	p[0] = 1;
}

/* Interrupts by @op for each processor that spins, in hundredths. @forked: it is done with a child. */
static unsigned long cost(void (*op)(char *, unsigned int, enum memory), enum memory kind, unsigned int blocks, bool forked)
{
	unsigned long least = -1;

	for (int round = 0; round < (op == fork_it ? FORK_ROUNDS : ROUNDS); round++) {
		char *p = map_blocks(kind, blocks);
		struct dphuge_threshold t = { .size = sizeof(t), .percent = 50, .addr = (uintptr_t)p };
		unsigned long before;

		touch(p, blocks);
		if (forked)
			fork_it(p, blocks, kind);
		if (op == promote && kind == SINGLE) {
			int fd = device();

			must(!ioctl(fd, DPHUGE_IOC_THRESHOLD, &t));
			close(fd);
		}
		if (op == promote && kind == ANON)
			must(!madvise(p, blocks * BLOCK, MADV_HUGEPAGE));
		spin_all(true);
		before = interrupts();
		op(p, blocks, kind);
		before = interrupts() - before;
		spin_all(false);
		if (before < least)
			least = before;
		if (forked || op == fork_it)
			kill_child(child);
		if (op == promote && kind == SINGLE)
			must(all_huge(p, blocks * BLOCK));
		munmap(p, blocks * BLOCK);
	}
	return cpus > 1 ? least * 100 / (cpus - 1) : least * 100;
}

#define FIGURE "%lu.%02lu"
#define ARGS(n) (n) / 100, (n) % 100

/* A page of the kernel's own is discarded, which is a flush, and nobody is called to do anything else. */
static void learn_the_rows(void)
{
	char *p = map_blocks(ANON, 1);
	unsigned long calls, flushes;

	p[0] = 1;
	spin_all(true);
	take_text();
	calls = row("CAL:");
	flushes = row("TLB:");
	discard(p, 1, ANON);
	take_text();
	flushes = row("TLB:") - flushes;
	calls = row("CAL:") - calls;
	spin_all(false);
	must(flushes == cpus - 1);
	calls_have_flushes = calls >= flushes;
	munmap(p, BLOCK);
}

/* A broadcast for each page table takes very long where guests have more processors than the machine. */
static unsigned int many_of(enum memory kind)
{
	return cpus <= 4 || kind == HUGE || kind == THP ? MANY : 4;
}

static void discards(void)
{
	unsigned long many[MEMORIES];

	for (enum memory kind = 0; kind < MEMORIES; kind++) {
		unsigned long one = cost(discard, kind, 1, false);

		many[kind] = cost(discard, kind, many_of(kind), false);
		printf("# discard, %s: one block " FIGURE ", %u blocks " FIGURE "\n", memory_name[kind], ARGS(one), many_of(kind),
		       ARGS(many[kind]));
		if (kind == HUGE)
			ok(many[kind] <= 2 * one + more, "a discard of 64 blocks of 2 MiB pages interrupts at most twice as often as one of one");
	}
	/* Written entries of shared memory are flushed for each page table: the core does that (zap_pte_range()). */
	ok(many[SINGLE] <= many[SHMEM] * 5 / 4 + 100, "one of 4 KiB pages does so no more often than one of the kernel's shared memory");
}

static void forks(void)
{
	for (enum memory kind = HUGE; kind <= ANON; kind++) {
		unsigned long one = cost(fork_it, kind, 1, false), many = cost(fork_it, kind, many_of(kind), false);

		printf("# fork, %s: one block " FIGURE ", %u blocks " FIGURE "\n", memory_name[kind], ARGS(one), many_of(kind),
		       ARGS(many));
		if (kind == HUGE)
			ok(many <= 2 * one, "a fork of 64 blocks of 2 MiB pages interrupts at most twice as often as one of one");
	}
}

static void copies(void)
{
	for (enum memory kind = HUGE; kind <= ANON; kind++) {
		unsigned long page = cost(write_page, kind, 1, true);

		printf("# copy on write, %s: a page " FIGURE "\n", memory_name[kind], ARGS(page));
		/* The kernel has a broadcast for each page. */
		if (cpus <= 4 || kind == HUGE || kind == SINGLE) {
			page = cost(write_block, kind, 1, true);
			printf("# and a whole block " FIGURE "\n", ARGS(page));
		}
	}
}

int main(int argc, char **argv)
{
	unsigned long one, kernel;
	pthread_t thread;

	more = argc > 1 ? strtoul(argv[1], NULL, 0) * 100 : 0;
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	must(cpus <= CPUS_MAX && !write_to(PARAMS "pool_mib", "0") && !write_to(PARAMS "worker_percent", "0"));
	text = mmap(NULL, TEXT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	text_fd = open("/proc/interrupts", O_RDONLY);
	must(text != MAP_FAILED && text_fd >= 0);
	pin(0);
	for (uintptr_t i = 1; i < cpus; i++)
		must(!pthread_create(&thread, NULL, spinner, (void *)i));
	printf("# interrupts for each of %u other processors\n", cpus - 1);
	learn_the_rows();
	discards();
	one = cost(promote, SINGLE, 1, false);
	kernel = cost(promote, ANON, 1, false);
	printf("# promotion of a block " FIGURE ", the kernel's MADV_COLLAPSE " FIGURE "\n", ARGS(one), ARGS(kernel));
	/* A stray call to one of the processors is none. */
	ok(one < 300, "a promotion is two broadcasts at most");
	forks();
	copies();
	ok(cpus > 1 || !one, "with one processor there are none");
	must(!write_to(PARAMS "worker_percent", "50"));
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
