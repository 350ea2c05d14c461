/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A statue is a child that keeps still. Its memory is what its parent's was at the
 * fork, and what is written to it from outside: nothing that its parent does may
 * change it, and what is done to it must not change its parent. Each thread has one
 * at a time.
 */
#ifndef DPH_FUZZ_STATUE_H
#define DPH_FUZZ_STATUE_H

#include "fuzz.h"

/* A statue whose pages [@v, @v + @n), which a fork hands on, will be looked at. False: no memory. */
bool statue_make(struct slice *s, unsigned int v, unsigned int n);

/* It was forked while nothing could be read there: what can be read with force is compared. */
void statue_hidden(void);

/* Compare some of these pages with what they must be. @when: what has just happened. */
void statue_check(struct slice *s, const char *when);

enum statue_how { BY_VM_WRITEV, BY_PROC_MEM, BY_POKE, STATUE_HOWS };

/* Fill one of these pages with a new value from outside. Return whether the kernel did it. */
bool statue_write(struct slice *s, enum statue_how how);

/* Look once more, and let it go. Without a statue nothing is done. */
void statue_end(struct slice *s, const char *when);

#endif /* DPH_FUZZ_STATUE_H */
