/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations that fail at random, in these processes and in the driver's
 * thread, on a kernel with fault injection (Documentation/fault-injection/).
 * Then a call that found no memory is made again, and a child whose copy of a
 * block was lost may end with SIGBUS.
 */
#ifndef DPH_FUZZ_FAIL_H
#define DPH_FUZZ_FAIL_H

#include "t.h"

#define FAIL_LOST 77	/* exit status of a child that ended with SIGBUS as memory had run out */
#define FAIL_TRIES 200	/* of one call, at the most */

/* Whether allocations are made to fail: set once, before the first thread starts. */
extern bool fail_injecting;

/* Start to inject failures, wherever a process asks for them. */
void fail_start(void);

/* Whether this thread's allocations fail. They must not while the test itself needs them. */
void fail_here(bool on);

/* Whether a call that has set errno is to be made again; it is counted. */
bool fail_again(void);

/* The result of @call, which is made again as long as it finds no memory. */
#define retried(call) ({ \
	long ret_; \
	for (unsigned int try_ = 0;; try_++) { \
		ret_ = (long)(call); \
		if (ret_ != -1 || try_ == FAIL_TRIES || !fail_again()) \
			break; \
	} \
	ret_; \
})

#endif /* DPH_FUZZ_FAIL_H */
