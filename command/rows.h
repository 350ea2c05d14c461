/* SPDX-License-Identifier: MIT */
/* Processes with a large heap, and their figures: one row for each. */
#ifndef DPHUGE_COMMAND_ROWS_H
#define DPHUGE_COMMAND_ROWS_H

#include "process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct row - one process with a large heap
 * @process:	the process
 * @heap:	what the library says of the heap
 * @resident:	bytes that are resident
 * @huge:	of these, bytes in 2 MiB pages
 * @counted:	whether the driver told the three counters below; they are 0 otherwise
 * @promotions:	blocks that became a 2 MiB page
 * @copies:	4 KiB pages that were copied on write after a fork
 * @fallbacks:	times that no 2 MiB folio could be had
 */
struct row {
	struct process process;
	struct heap_figures heap;
	uint64_t resident, huge;
	bool counted;
	uint64_t promotions, copies, fallbacks;
};

/**
 * struct rows - a list of rows
 * @row:	the rows; the caller frees them with free(3)
 * @n:		how many there are
 * @room:	how many there is room for at @row
 * @forbidden:	processes that this user may not examine
 */
struct rows {
	struct row *row;
	size_t n, room;
	unsigned int forbidden;
};

/**
 * rows_look_at() - examine one process
 * @pid:	its ID
 * @row:	the result, complete if the process is PROCESS_ACTIVE
 *
 * Return: the state of the library in the process.
 */
enum process_state rows_look_at(pid_t pid, struct row *row);

/**
 * rows_look() - examine all processes
 * @rows:	the result, those with most resident memory first; all zero before the
 *		first call, and the next call uses the same memory again
 */
void rows_look(struct rows *rows);

#endif
