/* SPDX-License-Identifier: MIT */
/*
 * scripts/coverage includes this before each file that it compiles. gcov writes its counters
 * when a program returns from main() or calls exit(). Here they are written also before
 * abort() and _exit(), as many tests end: those of the program, and those of the library,
 * whose function for this is not exported; $DPHUGE_GCOV_DUMP has its address there.
 */
#ifndef DPHUGE_COVERAGE_H
#define DPHUGE_COVERAGE_H

#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void __gcov_dump(void) __attribute__((weak));

static inline int coverage_dump_library(struct dl_phdr_info *info, size_t size, void *offset)
{
	uintptr_t at = info->dlpi_addr + (uintptr_t)offset;

	(void)size;
	if (strstr(info->dlpi_name, "/libdphuge.so") && (void *)at != (void *)__gcov_dump)
		((void (*)(void))at)();
	return 0;
}

static inline void coverage_dump(void)
{
	const char *offset = getenv("DPHUGE_GCOV_DUMP");

	if (__gcov_dump)
		__gcov_dump();
	if (offset)
		dl_iterate_phdr(coverage_dump_library, (void *)(uintptr_t)strtoul(offset, NULL, 16));
}

static inline void coverage_abort(void)
{
	coverage_dump();
	abort();
}

static inline void coverage_exit(int status)
{
	coverage_dump();
	_exit(status);
}

#define abort() (coverage_abort(), abort())
#define _exit(status) (coverage_exit(status), _exit(status))

#endif
