// SPDX-License-Identifier: MIT
/*
 * A process may fork while its other threads allocate: the child can allocate and
 * free, and what it writes is its own.
 */
#include "../../tests/tap.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>

static atomic_bool stop;

static void *busy(void *arg)
{
	unsigned int seed = (unsigned int)(size_t)arg;

	while (!atomic_load(&stop)) {
		char *p;

		seed = seed * 1103515245 + 12345;
		p = malloc(seed % 3 ? 100 : 140000 + (seed >> 8) % 4000000);
		p[0] = 1;
		p = realloc(p, 150000 + (seed >> 9) % 4000000);
		free(p);
		if (seed % 101 == 0)
			malloc_trim(0);
	}
	return NULL;
}

static int child(char *shared, size_t n)
{
	char *p = malloc(5 << 20), *q = malloc(100);

	for (size_t i = 0; i < n; i++)
		if (shared[i] != 'p')
			return 1;
	memset(shared, 'c', n);
	memset(p, 'c', 5 << 20);
	p = realloc(p, 9 << 20);
	free(shared);
	free(q);
	shared = calloc(1, 8 << 20);
	for (size_t i = 0; i < 8 << 20; i++)
		if (shared[i])
			return 2;
	free(p);
	free(shared);
	return 0;
}

/* The signals that this thread has blocked. */
static sigset_t blocked_now(void)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return set;
}

static bool same_signals(const sigset_t *a, const sigset_t *b)
{
	for (int sig = 1; sig < NSIG; sig++)
		if (sigismember(a, sig) != sigismember(b, sig))
			return false;
	return true;
}

/* The library blocks signals while a fork holds its locks, and neither side is to notice. */
static void check_signals(void)
{
	sigset_t one, before, after;
	int status = -1;
	pid_t pid;

	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &one, NULL);
	before = blocked_now();
	pid = fork();
	after = blocked_now();
	if (!pid)
		_exit(!same_signals(&before, &after));
	waitpid(pid, &status, 0);
	ok(same_signals(&before, &after), "a fork leaves the parent the signals that it had blocked");
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "and the child has the same");
}

int main(void)
{
	pthread_t t[3];
	size_t n = 6 << 20;
	char *shared = malloc(n);
	int bad = 0, changed = 0, status;

	check_signals(); /* first: a fork that forgot to restore them would hide it from the next */
	memset(shared, 'p', n);
	for (size_t i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, busy, (void *)(i + 7));
	for (int round = 0; round < 60; round++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(300); /* a deadlock must not hang the test */
			_exit(child(shared, n));
		}
		waitpid(pid, &status, 0);
		bad += !WIFEXITED(status) || WEXITSTATUS(status);
		for (size_t i = 0; i < n; i += 4096)
			changed += shared[i] != 'p';
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	ok(!bad, "60 children allocate and free, forked while 3 threads of the parent do (%d failed)", bad);
	ok(!changed, "and the parent sees nothing of what they write");
	return tap_done();
}
