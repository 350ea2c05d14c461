// SPDX-License-Identifier: MIT
/*
 * Memory that has been free for DPHUGE_DECAY_MS goes back, also while the program sleeps: a
 * helper thread sees to that. The thread exists only while there is something to give back,
 * and a moment longer; it blocks all signals and holds no lock while it waits. Without it
 * (DPHUGE_BACKGROUND=0, or no thread can be started) the program's own calls of free() do
 * the work.
 */
#include "heap/decay.h"

#include "base/clock.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/purge.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

/* The helper stays for so long with nothing to give back: a program that takes at once
 * what it frees should not start one again and again. */
#define LINGER_MS 5000

static atomic_bool running;
static atomic_bool refused; /* pthread_create failed: don't try again */
static _Atomic uint32_t swept_ms;

/* Give back what is due. Returns milliseconds until more is; -1: there is nothing. */
static long sweep_all(void)
{
	/* A little before the time is up, as the helper may come a little late. */
	uint32_t decay = (uint32_t)(fixed->config.decay_ms - fixed->config.decay_ms / 16);
	long wait;

	purge_lock();
	wait = cache_sweep(decay);
	purge_unlock();
	for (unsigned int i = 0; i <= ARENAS_MAX; i++) {
		long left;

		(void)purge_arena(i, decay);
		left = arena_due(i, decay);
		if (left >= 0)
			wait = wait < 0 || left < wait ? left : wait;
	}
	return wait;
}

static void *run_helper(void *unused)
{
	long idle = 0, wait; /* milliseconds */

	(void)unused;
	for (;;) {
		wait = sweep_all();
		if (wait < 0 && idle >= LINGER_MS) {
			atomic_store(&running, false);
			/* Somebody may have freed after the sweep and seen that we run. */
			wait = sweep_all();
			if (wait < 0 || atomic_exchange(&running, true))
				return NULL;
		}
		if (wait < 0) {
			/* What is freed meanwhile is seen before it is due. */
			wait = fixed->config.decay_ms < LINGER_MS ? fixed->config.decay_ms : LINGER_MS;
			idle += wait;
		} else {
			idle = 0;
		}
		/* One step of the coarse clock more; and what is due soon after is then due, too. */
		wait += 10 + fixed->config.decay_ms / 32;
		nanosleep(&(struct timespec){wait / 1000, wait % 1000 * 1000000}, NULL);
	}
}

static void start_helper(void)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int saved = errno;

	if (atomic_exchange(&running, true))
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 128 * KIB);
	if (pthread_create(&thread, &attr, run_helper, NULL)) {
		atomic_store(&refused, true);
		atomic_store(&running, false);
	}
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
}

/* Without a helper, eight times in the decay time. */
static void sweep_now_and_then(void)
{
	uint32_t now = clock_ms(), last = atomic_load_explicit(&swept_ms, memory_order_relaxed);

	if (now - last > (uint32_t)fixed->config.decay_ms / 8 && atomic_compare_exchange_strong(&swept_ms, &last, now))
		(void)sweep_all();
}

void decay_poke(unsigned int arena)
{
	if (fixed->config.decay_ms < 0)
		return;
	if (!fixed->config.decay_ms)
		(void)purge_arena(arena, 0);
	else if (!fixed->config.background || atomic_load_explicit(&refused, memory_order_relaxed))
		sweep_now_and_then();
	else if (!atomic_load_explicit(&running, memory_order_relaxed))
		start_helper();
}

void decay_postfork_child(void)
{
	atomic_store(&running, false);
}
