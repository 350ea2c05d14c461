/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The processes that forks made of the first one. Each value that a page is
 * filled with says which of them wrote it, and when: so whoever looks at another
 * process's memory can tell, without its model, that a value does not belong there.
 * A process may see what it wrote itself, and what its ancestors wrote before
 * they forked the branch that leads to it.
 */
#ifndef DPH_FUZZ_KIN_H
#define DPH_FUZZ_KIN_H

#include <sys/types.h>

#include "t.h"

struct slice;

/* The first process makes the table; it is number 0. */
void kin_init(void);

/* The value number @count, written by this process in slice @nr. */
uint64_t kin_value(uint64_t count, unsigned int nr);

/* A number for the child that will be forked now, or 0 if there are no more. */
unsigned int kin_next(void);

/* This process is child @id. @at_rest: nothing of its parent's ran during the fork. */
void kin_born(unsigned int id, uint64_t forked_at, bool at_rest);

/* This process ends, or becomes another program. */
void kin_leave(void);

/* Child @id has ended: its pid is nobody's from now on, until it is waited for. */
void kin_ended(unsigned int id);

/*
 * Look into a relative's pages [@v, @v + @n), if one is found that lives: nothing
 * may be there that it may not see. Return whether something was read.
 */
bool kin_peek(struct slice *s, unsigned int v, unsigned int n);

/* Print where each process that lives is, and its last calls: one of them does not end. */
void kin_print(void);

#endif /* DPH_FUZZ_KIN_H */
