/* SPDX-License-Identifier: MIT */
/* The library inside another process. */
#ifndef DPHUGE_COMMAND_PROCESS_H
#define DPHUGE_COMMAND_PROCESS_H

#include "../preload/beacon.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * enum process_state - what is known of the library in a process
 * @PROCESS_ACTIVE:	the process has a large heap
 * @PROCESS_IDLE:	the library is loaded, but there is no large heap
 * @PROCESS_STARTING:	the library is loaded, but not ready yet, or of another version
 *			than this command
 * @PROCESS_WITHOUT:	the library is not loaded
 * @PROCESS_FORBIDDEN:	this user may not examine the process
 * @PROCESS_GONE:	there is no such process (any more)
 */
enum process_state {
	PROCESS_ACTIVE,
	PROCESS_IDLE,
	PROCESS_STARTING,
	PROCESS_WITHOUT,
	PROCESS_FORBIDDEN,
	PROCESS_GONE,
};

/**
 * struct process - a process, as process_look() found it
 * @pid:	its ID
 * @name:	its name; "" if it is gone
 * @library:	the path of the library in it; "" if it is not loaded
 * @beacon:	the library's own description of its heap, valid in the states
 *		PROCESS_ACTIVE and PROCESS_IDLE
 *
 * All texts are printable ASCII.
 */
struct process {
	pid_t pid;
	char name[32];
	char library[PATH_MAX];
	struct dphuge_beacon beacon;
};

/**
 * struct heap_figures - the memory of a large heap, in bytes
 * @live:	in use, or kept by a thread for reuse
 * @dirty:	freed, and not yet returned to the system
 * @purged:	returned to the system since the process started
 */
struct heap_figures {
	uint64_t live, dirty, purged;
};

/**
 * process_look() - examine a process
 * @pid:	its ID
 * @process:	the result
 *
 * Return: the state of the library in it.
 */
enum process_state process_look(pid_t pid, struct process *process);

/**
 * process_figures() - read the figures of a large heap
 * @process:	a process in the state PROCESS_ACTIVE
 * @figures:	the sums over all arenas
 *
 * Return: false if they cannot be read, usually because the process has ended.
 */
bool process_figures(const struct process *process, struct heap_figures *figures);

#endif
