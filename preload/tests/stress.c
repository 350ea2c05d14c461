// SPDX-License-Identifier: MIT
/*
 * Under random calls from many threads each block keeps its bytes, while blocks pass
 * from thread to thread, signals arrive, and children are forked that look at all of
 * them.
 *
 * Usage: stress [SECONDS]
 */
#include "../../tests/tap.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define THREADS 6
#define SLOTS 400

struct slot {
	pthread_mutex_t lock;
	unsigned char *p;
	size_t size;
	unsigned char byte;
};

static struct slot slots[SLOTS];
static atomic_bool stop;
static atomic_ulong calls, wrong;
static atomic_size_t in_use;

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Mostly around the threshold and the page sizes, sometimes very large. */
static size_t random_size(uint64_t *x)
{
	uint64_t r = next_random(x);

	switch (r % 16) {
	case 0:
	case 1:
	case 2: return 1 + (r >> 8) % 5000;
	case 3: return (128 << 10) - 32 + (r >> 8) % 64;
	case 4: return (2 << 20) - 8192 + (r >> 8) % 16384;
	case 5: return 4096 * (32 + (r >> 8) % 600);
	case 6: return (r >> 8) % 64 ? (r >> 16) % (8 << 20) : (64 << 20) + (r >> 16) % (32 << 20);
	default: return 100000 + (r >> 8) % 1500000;
	}
}

static void fill(struct slot *s, size_t from)
{
	/* The ends and one byte in each page are enough to notice that blocks overlap. */
	for (size_t i = from; i < s->size; i += 4096)
		s->p[i] = s->byte;
	if (s->size)
		s->p[0] = s->p[s->size - 1] = s->byte;
	if (from && from < s->size)
		s->p[from] = s->byte;
}

static bool intact(const struct slot *s, size_t n)
{
	if (!n)
		return true;
	if (s->p[0] != s->byte)
		return false;
	return n < s->size || s->p[s->size - 1] == s->byte;
}

static void drop(struct slot *s)
{
	atomic_fetch_sub(&in_use, s->size);
	free(s->p);
	s->p = NULL;
	s->size = 0;
}

static void step(struct slot *s, uint64_t *x)
{
	size_t n = random_size(x), old = s->size;
	uint64_t r = next_random(x);
	unsigned char *p;

	if (s->p && !intact(s, s->size))
		atomic_fetch_add(&wrong, 1);
	if (atomic_load(&in_use) > (size_t)600 << 20 || (s->p && r % 4 == 0)) {
		if (s->p)
			drop(s);
		return;
	}
	if (s->p && r % 4 == 1) {
		p = realloc(s->p, n);
		if (!p)
			return;
		s->p = p;
		s->size = n;
		if (p[0] != s->byte)
			atomic_fetch_add(&wrong, 1);
		if (n > old && old && p[old - 1] != s->byte)
			atomic_fetch_add(&wrong, 1);
		atomic_fetch_add(&in_use, n - old);
		s->byte = (unsigned char)(r >> 32);
		fill(s, 0);
		return;
	}
	if (s->p)
		drop(s);
	switch (r / 4 % 4) {
	case 0:
		p = calloc(1, n);
		for (size_t i = 0; p && i < n; i += 1000)
			if (p[i])
				atomic_fetch_add(&wrong, 1);
		break;
	case 1: p = memalign((size_t)16 << (r >> 40) % 18, n); break;
	default: p = malloc(n);
	}
	if (!p)
		return;
	if (malloc_usable_size(p) < n)
		atomic_fetch_add(&wrong, 1);
	s->p = p;
	s->size = n;
	s->byte = (unsigned char)(r >> 32);
	atomic_fetch_add(&in_use, n);
	fill(s, 0);
}

static void *worker(void *arg)
{
	uint64_t x = 88172645463325252ull * (1 + (uintptr_t)arg);

	while (!atomic_load(&stop)) {
		struct slot *s = &slots[next_random(&x) % SLOTS];

		if (pthread_mutex_trylock(&s->lock))
			continue;
		step(s, &x);
		pthread_mutex_unlock(&s->lock);
		if (atomic_fetch_add(&calls, 1) % 200000 == 199999)
			malloc_trim(0);
	}
	return NULL;
}

/* In a child all blocks are as they were at the fork, and can be used and freed. */
static int look_around(void)
{
	uint64_t x = 4711;

	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &slots[i];

		if (pthread_mutex_trylock(&s->lock))
			continue; /* a thread was at work in it */
		if (s->p && !intact(s, s->size))
			return 1;
		step(s, &x);
	}
	return atomic_load(&wrong) != 0;
}

static atomic_ulong signals;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&signals, 1);
}

int main(int argc, char **argv)
{
	const struct itimerval every = {{0, 10000}, {0, 10000}}; /* of processor time */
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	long seconds = argc > 1 ? atol(argv[1]) : 30;
	time_t end = time(NULL) + seconds;
	unsigned long forks = 0;
	pthread_t t[THREADS];

	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&slots[i].lock, NULL);
	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)i);
	sigaction(SIGPROF, &action, NULL);
	setitimer(ITIMER_PROF, &every, NULL);
	while (time(NULL) < end) {
		int status;
		pid_t pid;

		usleep(300000);
		pid = fork();
		if (!pid) {
			alarm(300);
			_exit(look_around());
		}
		waitpid(pid, &status, 0);
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			atomic_fetch_add(&wrong, 1);
		forks++;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].p && !intact(&slots[i], slots[i].size))
			atomic_fetch_add(&wrong, 1);
	ok(!atomic_load(&wrong) && atomic_load(&calls) && atomic_load(&signals),
	   "%ld s, %d threads, %lu calls, %lu forks, %lu signals: %lu mismatches", seconds, THREADS,
	   atomic_load(&calls), forks, atomic_load(&signals), atomic_load(&wrong));
	return tap_done();
}
