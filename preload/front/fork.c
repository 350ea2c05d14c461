// SPDX-License-Identifier: MIT
/*
 * The order in which a fork locks; it is the order of locks everywhere: libc's list of
 * streams, then the purge, the quarantine, the arenas, the window, and the spans'
 * descriptors. Caches have no lock: what is in them is put in and taken out by atomic
 * operations. No lock is held while we call what may allocate in libc.
 */
#include "front/fork.h"

#include "backend/backend.h"
#include "front/stats.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "heap/decay.h"
#include "heap/purge.h"
#include "heap/quarantine.h"
#include "window/window.h"

#include <pthread.h>

/*
 * libc's list of open streams. fork() locks it after the handlers of pthread_atfork() have
 * run, and a thread that holds it may ask for memory (fopen, getline, fflush(NULL) of a
 * cookie): so whoever locks a heap for a fork locks it first. It is recursive. Our handler
 * runs before jemalloc's, which was registered earlier.
 */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static void lock_for_fork(void)
{
	if (_IO_list_lock)
		_IO_list_lock();
	purge_lock();
	quarantine_prefork();
	arena_prefork();
	window_prefork();
	span_prefork();
	backend_prefork();
}

static void unlock_in_parent(void)
{
	backend_postfork_parent();
	span_postfork_parent();
	window_postfork_parent();
	arena_postfork_parent();
	quarantine_postfork_parent();
	purge_unlock();
	if (_IO_list_unlock)
		_IO_list_unlock();
}

/* The child has one thread, which is not the one that glibc thinks holds the locks, so
 * they are made anew. */
static void renew_in_child(void)
{
	backend_postfork_child();
	window_postfork_child();
	span_postfork_child();
	arena_postfork_child();
	purge_postfork_child();
	quarantine_postfork_child();
	cache_postfork_child();
	decay_postfork_child();
	stats_postfork_child();
	if (_IO_list_resetlock)
		_IO_list_resetlock();
}

void fork_register(void)
{
	pthread_atfork(lock_for_fork, unlock_in_parent, renew_in_child);
}
