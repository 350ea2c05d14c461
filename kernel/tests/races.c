// SPDX-License-Identifier: GPL-2.0
/*
 * Forks race with faults, promotions, discards, moves and the shrinker in other
 * threads of the same process, and no byte is wrong on either side. Each thread
 * owns some pages of every block, so that blocks are shared and yet each content
 * is known.
 *
 * Usage: races [SECONDS]. It ends sooner when it has done ENOUGH, which is more than
 * it does in its time beside two other guests: what a fast machine could do beyond
 * that, other tests have more use for. With SECONDS it goes on until then.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "t_child.h"
#include "t_device.h"

#define BLOCKS 12
#define THREADS 4
#define ENOUGH_FORKS 400
#define ENOUGH_WRITES 30000
#define ENOUGH_DISCARDS 500

static char *p;
static atomic_bool stop;
static atomic_ulong wrong, forks, writes, discards;

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

/* The last block is discarded as a whole and filled again, over and over. */
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
			if ((unsigned char)q[i * PAGE] != v)
				atomic_fetch_add(&wrong, 1);
		madvise(q, BLOCK, MADV_REMOVE);
		if (!all_bytes(q, BLOCK, 0))
			atomic_fetch_add(&wrong, 1);
		madvise(q, BLOCK, MADV_REMOVE);
	}
	return NULL;
}

/* A child sees memory as it was at the fork, changes some of it, and sees that and nothing else. */
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

static bool enough(void)
{
	return forks >= ENOUGH_FORKS && writes >= ENOUGH_WRITES && discards >= ENOUGH_DISCARDS;
}

int main(int argc, char **argv)
{
	long seconds = argc > 1 ? atol(argv[1]) : 60;
	time_t end = time(NULL) + seconds;
	pthread_t thread[THREADS + 1];
	pid_t shrinking = start_shrinking(15000);
	unsigned long reclaims = stat_of("reclaims"), folds = stat_of("folds");

	p = map((BLOCKS + 1) * BLOCK, 50);
	for (uintptr_t t = 0; t < THREADS; t++)
		must(!pthread_create(&thread[t], NULL, worker, (void *)t));
	must(!pthread_create(&thread[THREADS], NULL, churner, NULL));
	while (time(NULL) < end && (argc > 1 || !enough())) {
		int status;
		pid_t pid = fork_now();

		if (!pid)
			_exit(child());
		if (atomic_fetch_add(&forks, 1) % 4 == 3) {
			usleep(1000 * (forks % 7));
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
		} else if (waitpid(pid, &status, 0) != pid || !succeeded(status)) {
			atomic_fetch_add(&wrong, 1);
		}
	}
	atomic_store(&stop, true);
	for (int t = 0; t <= THREADS; t++)
		pthread_join(thread[t], NULL);
	ok(!wrong && forks && writes && discards, "%ld s: %lu forks, %lu writes, %lu discards, %lu mismatches",
	   seconds - (end - time(NULL)), forks, writes, discards, wrong);
	kill(shrinking, SIGKILL);
	waitpid(shrinking, NULL, 0);
	ok(stat_of("reclaims") > reclaims, "meanwhile the shrinker broke up %lu blocks and %lu were folded",
	   stat_of("reclaims") - reclaims, stat_of("folds") - folds);
	munmap(p, (BLOCKS + 1) * BLOCK);
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
