// SPDX-License-Identifier: GPL-2.0
/* A limit is exact, and it is the business of whom it limits. A user at his own
 * limit gets room from his own reservations and leaves everybody else's alone. A
 * request that doesn't fit takes nothing away, not for a moment, from one that
 * does: with room for what is asked there is no SIGBUS, whoever fails meanwhile.
 * Needs root and two processors. */
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>

#define OTHERS 64UL	/* reservations that belong to somebody else */
#define TOUCHED 100UL	/* pages in each */
#define NOBODY 65534

static volatile unsigned long touched;

static void count_and_end(int sig)
{
	(void)sig;
	_exit(touched);
}

/* Full 2 MiB pages up to the limit and beyond; exit status: how many. */
static int fill_as_nobody(void *arg)
{
	char *p;

	(void)arg;
	must(!setgid(NOBODY) && !setuid(NOBODY));
	signal(SIGBUS, count_and_end);
	p = map(16 * BLOCK, 0);
	for (touched = 0; touched < 16; touched++)
		memset(p + touched * BLOCK, 1, BLOCK);
	return touched;
}

/* One page in each of many blocks: only reservations stand in the way. */
static int sparse_as_nobody(void *arg)
{
	unsigned long blocks = 100;
	char *p;

	(void)arg;
	must(!setgid(NOBODY) && !setuid(NOBODY));
	signal(SIGBUS, count_and_end);
	p = map(blocks * BLOCK, 100);
	for (touched = 0; touched < blocks; touched++)
		p[touched * BLOCK] = 1;
	return touched;
}

/* Somebody else, root, with reservations: no relative of the users', or they would
 * be shared and left alone for that. */
static char *others_memory;

static pid_t other(void)
{
	int ready[2];
	pid_t pid;

	must(!pipe(ready));
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid) {
		char *p = map(OTHERS * BLOCK, 100);

		for (unsigned long b = 0; b < OTHERS; b++)
			memset(p + b * BLOCK, 'o', TOUCHED * PAGE);
		must(write(ready[1], &p, sizeof(p)) == sizeof(p));
		for (;;)
			pause();
	}
	must(read(ready[0], &others_memory, sizeof(others_memory)) == sizeof(others_memory));
	close(ready[0]);
	close(ready[1]);
	return pid;
}

/* Its reservations that are whole. */
static unsigned long folios_of(pid_t pid)
{
	return whole_reservations(pid, others_memory, OTHERS);
}

static void own_limit(void)
{
	pid_t pid = other();
	unsigned long reclaims;
	int n;

	must(folios_of(pid) == OTHERS);
	must(!write_to(PARAMS "user_limit_mib", "8"));
	reclaims = stat_of("reclaims");
	for (int time = 1; time <= 3; time++) {
		n = status_of(fill_as_nobody, NULL);
		ok(n == 4, "a user fills his 8 MiB and is refused more, time %d: %d of 16", time, n);
		ok(folios_of(pid) == OTHERS && stat_of("reclaims") == reclaims,
		   "and nobody else's reservations are broken up: %lu of %lu left", folios_of(pid), OTHERS);
	}
	n = status_of(sparse_as_nobody, NULL);
	ok(n == 100, "his own reservations make room for his own pages: %d of 100", n);
	ok(folios_of(pid) == OTHERS, "and nobody else's do: %lu of %lu left", folios_of(pid), OTHERS);
	must(!write_to(PARAMS "user_limit_mib", "0"));
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
	must(device_empty());
}

/* --- exact under concurrency --- */

#define ROOM 200UL	/* pages that are left: too few for a folio */
#define THREADS 2UL
#define EACH (ROOM / THREADS)
#define ROUNDS 1500UL

static _Thread_local sigjmp_buf at_fault;
static atomic_bool stop;
static atomic_ulong refused, reserver_tries;
static pthread_barrier_t barrier;
static char *small; /* a block for each thread, too short for a folio of its own */

static void on_bus(int sig)
{
	(void)sig;
	siglongjmp(at_fault, 1);
}

/* Wants 2 MiB at once, again and again, and never gets it. */
static void *reserver(void *arg)
{
	char *p = arg;

	while (!atomic_load(&stop)) {
		if (!sigsetjmp(at_fault, 1))
			*(volatile char *)p = 1;
		madvise(p, BLOCK, MADV_REMOVE);
		atomic_fetch_add(&reserver_tries, 1);
	}
	return NULL;
}

/* Touches its share of the room, gives it back, and so on. */
static void *toucher(void *arg)
{
	char *p = small + (uintptr_t)arg * BLOCK;

	for (unsigned long round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		for (volatile unsigned long i = 0; i < EACH; i++) {
			if (!sigsetjmp(at_fault, 1))
				*(volatile char *)(p + i * PAGE) = 1;
			else
				atomic_fetch_add(&refused, 1);
		}
		pthread_barrier_wait(&barrier);
		must(!madvise(p, EACH * PAGE, MADV_REMOVE));
		/* All have given back before the next round. */
		pthread_barrier_wait(&barrier);
		if (atomic_load(&refused))
			break;
	}
	return NULL;
}

/* Fill up to the limit but for @pages pages. */
static char *fill(unsigned long limit, unsigned long pages)
{
	char *p = map(limit, 0);

	memset(p, 1, limit - BLOCK);
	/* The last block in single pages, as there is no room for a folio. */
	must(!write_to(PARAMS "limit_mib", "31"));
	for (unsigned long i = 0; i < BLOCK_PAGES - pages; i++)
		if (i < 256)
			p[limit - BLOCK + i * PAGE] = 1;
	must(!write_to(PARAMS "limit_mib", "32"));
	for (unsigned long i = 256; i < BLOCK_PAGES - pages; i++)
		p[limit - BLOCK + i * PAGE] = 1;
	return p;
}

static void exact(bool with_reserver)
{
	const unsigned long limit = 32UL << 20;
	/* Who is refused 2 MiB gets a single page for its touch: one more. */
	const unsigned long room = ROOM + with_reserver;
	pthread_t t[THREADS], r;
	char *p, *mapping, *want;

	/* Mapped before the limit is reached, as mmap would be refused. */
	must(!write_to(PARAMS "limit_mib", "0"));
	mapping = map((2 * THREADS + 1) * BLOCK, 100);
	small = mapping;
	want = map(BLOCK, 0);
	must(!write_to(PARAMS "limit_mib", "32"));
	p = fill(limit, room);
	must(stat_of("bytes") == limit - room * PAGE);
	signal(SIGBUS, on_bus);
	atomic_store(&stop, false);
	atomic_store(&refused, 0);
	atomic_store(&reserver_tries, 0);
	must(!pthread_barrier_init(&barrier, NULL, THREADS));
	if (with_reserver)
		must(!pthread_create(&r, NULL, reserver, want));
	for (unsigned long i = 0; i < THREADS; i++)
		must(!pthread_create(&t[i], NULL, toucher, (void *)i));
	for (unsigned long i = 0; i < THREADS; i++)
		must(!pthread_join(t[i], NULL));
	atomic_store(&stop, true);
	if (with_reserver)
		must(!pthread_join(r, NULL));
	ok(!atomic_load(&refused), "%lu threads touch exactly what the limit leaves%s: %lu of %lu rounds x %lu touches refused (%lu tries)",
	   THREADS, with_reserver ? ", while another wants 2 MiB in vain" : "", atomic_load(&refused), ROUNDS, ROOM,
	   atomic_load(&reserver_tries));
	signal(SIGBUS, SIG_DFL);
	pthread_barrier_destroy(&barrier);
	must(!madvise(want, BLOCK, MADV_REMOVE));
	ok(stat_of("bytes") == limit - room * PAGE, "and the count is as exact afterwards");
	munmap(p, limit);
	munmap(want, BLOCK);
	munmap(mapping, (2 * THREADS + 1) * BLOCK);
	ok(device_empty(), "down to nothing");
	must(!write_to(PARAMS "limit_mib", "0"));
}

int main(void)
{
	must(!write_to(PARAMS "pool_mib", "0"));
	must(!write_to(PARAMS "worker_percent", "0")); /* what it holds for a moment counts too */
	own_limit();
	exact(false);
	exact(true);
	must(!write_to(PARAMS "worker_percent", "50"));
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
