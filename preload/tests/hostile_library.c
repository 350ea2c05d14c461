// SPDX-License-Identifier: MIT
/*
 * A library that allocates, which hostile.c opens with RTLD_DEEPBIND. Built with
 * COUNTING, it is preloaded beside ours: its malloc counts the calls and calls the next.
 */
#include <dlfcn.h>
#include <stdlib.h>

void *hostile_get(size_t size);

void *hostile_get(size_t size)
{
	return malloc(size);
}

#ifdef COUNTING
#include <stdio.h>

static unsigned long calls;

void *malloc(size_t size)
{
	static void *(*next)(size_t);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "malloc");
	calls++;
	return next(size);
}

__attribute__((destructor)) static void report(void)
{
	fprintf(stderr, "counted %s\n", calls ? "calls" : "nothing");
}
#endif
