// SPDX-License-Identifier: GPL-2.0
/* Forks race with faults, promotions, discards, moves and the shrinker in other
 * threads of the same process. Usage: races [SECONDS]. Each thread owns some
 * pages of every block, so blocks are shared but contents are known. */
#include "t.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#define BLOCKS 12
#define THREADS 4

static char *p;
static atomic_bool stop;
static atomic_ulong wrong, forks, writes, discards;

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

/* Thread t owns the pages i with i % THREADS == t. */
static void *worker(void *arg)
{
	unsigned int t = (uintptr_t)arg, seed = 99 + t;
	static unsigned char model[THREADS][BLOCKS * BLOCK_PAGES];

	while (!atomic_load(&stop)) {
		unsigned int i = next_random(&seed) % (BLOCKS * BLOCK_PAGES / THREADS) * THREADS + t;
		unsigned int what = next_random(&seed) % 64;
		volatile unsigned char *page = (unsigned char *)p + i * PAGE;

		if (page[0] != model[t][i] || page[PAGE - 1] != model[t][i])
			atomic_fetch_add(&wrong, 1);
		if (what == 0) {
			if (madvise((void *)page, PAGE, MADV_REMOVE))
				atomic_fetch_add(&wrong, 1);
			model[t][i] = 0;
			atomic_fetch_add(&discards, 1);
		} else if (what == 1) {
			madvise((void *)page, PAGE, MADV_DONTNEED); /* refault it */
		} else {
			model[t][i] = 1 + what;
			page[0] = model[t][i];
			page[PAGE - 1] = model[t][i];
			atomic_fetch_add(&writes, 1);
		}
	}
	return NULL;
}

/* The last block is discarded whole and filled again, over and over. */
static void *churner(void *arg)
{
	char *q = p + BLOCKS * BLOCK;
	unsigned char v = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		v = v % 100 + 1;
		for (unsigned int i = 0; i < BLOCK_PAGES; i++)
			q[i * PAGE] = v;
		for (unsigned int i = 0; i < BLOCK_PAGES; i++)
			if (q[i * PAGE] != v)
				atomic_fetch_add(&wrong, 1);
		madvise(q, BLOCK, MADV_REMOVE);
		if (!all_bytes(q, BLOCK, 0))
			atomic_fetch_add(&wrong, 1);
		madvise(q, BLOCK, MADV_REMOVE);
	}
	return NULL;
}

/* A child sees a frozen picture, writes over it and looks again. */
static int child(void)
{
	unsigned int seed = getpid();
	static unsigned char seen[BLOCKS * BLOCK_PAGES];

	for (unsigned int i = 0; i < BLOCKS * BLOCK_PAGES; i += 3)
		seen[i] = p[i * PAGE];
	for (unsigned int n = 0; n < 200; n++) {
		unsigned int i = next_random(&seed) % (BLOCKS * BLOCK_PAGES / 3) * 3;

		p[i * PAGE] = seen[i] = 200 + n % 50;
	}
	for (unsigned int i = 0; i < BLOCKS * BLOCK_PAGES; i += 3)
		if ((unsigned char)p[i * PAGE] != seen[i])
			return 1;
	return 0;
}

/* The shrinkers, all of their lists, again and again. */
static pid_t start_shrinking(void)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid)
		return pid;
	for (;;) {
		must(!write_to("/proc/sys/vm/drop_caches", "2"));
		usleep(15000);
	}
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 60;
	time_t end = time(NULL) + seconds;
	pthread_t thread[THREADS + 1];
	pid_t shrinking = start_shrinking();
	unsigned long reclaims = stat_of("reclaims"), folds = stat_of("folds");

	p = map((BLOCKS + 1) * BLOCK, 50);
	for (uintptr_t t = 0; t < THREADS; t++)
		must(!pthread_create(&thread[t], NULL, worker, (void *)t));
	must(!pthread_create(&thread[THREADS], NULL, churner, NULL));
	while (time(NULL) < end) {
		int status;
		pid_t pid = fork();

		must(pid >= 0);
		if (!pid)
			_exit(child());
		if (atomic_fetch_add(&forks, 1) % 4 == 3) {
			usleep(1000 * (forks % 7));
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		} else if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status)) {
			atomic_fetch_add(&wrong, 1);
		}
	}
	atomic_store(&stop, true);
	for (int t = 0; t <= THREADS; t++)
		pthread_join(thread[t], NULL);
	ok(!wrong && forks && writes && discards, "%ld s: %lu forks, %lu writes, %lu discards, %lu mismatches",
	   seconds, forks, writes, discards, wrong);
	kill(shrinking, SIGKILL);
	waitpid(shrinking, NULL, 0);
	ok(stat_of("reclaims") > reclaims, "with %lu blocks broken up by the shrinker and %lu folded meanwhile",
	   stat_of("reclaims") - reclaims, stat_of("folds") - folds);
	munmap(p, (BLOCKS + 1) * BLOCK);
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
