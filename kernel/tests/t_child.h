/* SPDX-License-Identifier: GPL-2.0 */
/* Child processes: to run a function, and to sleep until they are killed. */
#ifndef DPH_TEST_CHILD_H
#define DPH_TEST_CHILD_H

#include <signal.h>
#include <sys/wait.h>

#include "t.h"

/* fork(), with nothing in stdio's buffer that both sides would print. */
static inline pid_t fork_now(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	return pid;
}

/* The status of a child that has ended, as waitpid() says it. */
static inline int wait_for(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid);
	return status;
}

static inline bool succeeded(int status)
{
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Run @fn in a child. Return what @fn returned, or -1 if a signal ended it. */
static inline int status_of(int (*fn)(void *), void *arg)
{
	pid_t pid = fork_now();
	int status;

	if (!pid)
		_exit(fn(arg));
	status = wait_for(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Run @fn in a child. Return whether @fn returned 0. */
static inline bool in_child(int (*fn)(void *), void *arg)
{
	return !status_of(fn, arg);
}

/* For in_child(): a child that does nothing, as only its end matters. */
static inline int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static inline void __attribute__((noreturn)) sleep_forever(void)
{
	for (;;)
		pause();
}

/* A child that shares all memory as it is now and changes nothing. */
static inline pid_t sleeping_child(void)
{
	pid_t pid = fork_now();

	if (!pid)
		sleep_forever();
	return pid;
}

/* No relative of what is mapped later: it makes the shrinkers go over all of their lists, each time after @us. */
static inline pid_t start_shrinking(unsigned int us)
{
	pid_t pid = fork_now();

	if (pid)
		return pid;
	for (;;) {
		drop_caches();
		usleep(us);
	}
}

static inline void kill_child(pid_t pid)
{
	must(!kill(pid, SIGKILL));
	wait_for(pid);
}

#endif /* DPH_TEST_CHILD_H */
