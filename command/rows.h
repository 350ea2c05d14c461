/* SPDX-License-Identifier: MIT */
/* Processes with a large heap, a row each, and the forms they are shown in. */
#ifndef DPHUGE_COMMAND_ROWS_H
#define DPHUGE_COMMAND_ROWS_H

#include "command.h"

struct row {
	struct process process;
	struct heap_figures heap;
	uint64_t resident, huge; /* bytes; of these in 2 MiB pages */
	bool counted;            /* on the driver, and what follows could be had */
	uint64_t promotions, copies, fallbacks;
};

struct rows {
	struct row *row;
	size_t n, room;
	unsigned int forbidden; /* processes that we may not look into */
};

/* --- rows.c */

enum process_state row_look(pid_t pid, struct row *row);
/* All processes; those of most resident memory first. */
void rows_look(struct rows *rows);

/* --- show.c */

enum form { FORM_TABLE, FORM_JSON, FORM_PROMETHEUS };

/* @again: over what was shown before, if it's a terminal. */
void rows_show(FILE *to, enum form form, bool again, const struct rows *rows);

#endif
