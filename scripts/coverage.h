/* SPDX-License-Identifier: MIT */
/*
 * scripts/coverage includes this before each file that it compiles. gcov writes its counters
 * when a program returns from main() or calls exit(). Here they are written also before
 * abort() and _exit(), as many tests end: those of the program, and those of the library,
 * whose function for this is not exported; $COVERAGE_DUMP has its offset there.
 *
 * No system header is included: some files choose first what these shall declare.
 */
#ifndef DPHUGE_COVERAGE_H
#define DPHUGE_COVERAGE_H

void __gcov_dump(void);

extern void coverage_real_abort(void) __asm__("abort") __attribute__((noreturn));
extern void coverage_real_exit(int status) __asm__("_exit") __attribute__((noreturn));
extern char *coverage_getenv(const char *name) __asm__("getenv");
extern char *coverage_strstr(const char *text, const char *word) __asm__("strstr");
extern unsigned long coverage_strtoul(const char *text, char **end, int base) __asm__("strtoul");
extern int coverage_iterate(int (*each)(void *info, unsigned long size, void *arg),
			    void *arg) __asm__("dl_iterate_phdr");

/* @info is a struct dl_phdr_info: a base address, then a name. */
static inline int coverage_dump_library(void *info, unsigned long size, void *offset)
{
	unsigned long at = *(unsigned long *)info + (unsigned long)offset;

	(void)size;
	if (coverage_strstr(((const char **)info)[1], "/libdphuge.so") && at != (unsigned long)__gcov_dump)
		((void (*)(void))at)();
	return 0;
}

static inline void coverage_dump(void)
{
	const char *offset = coverage_getenv("COVERAGE_DUMP");

	__gcov_dump();
	if (offset)
		coverage_iterate(coverage_dump_library, (void *)coverage_strtoul(offset, (char **)0, 16));
}

__attribute__((noreturn)) static inline void coverage_abort(void)
{
	coverage_dump();
	coverage_real_abort();
}

__attribute__((noreturn)) static inline void coverage_exit(int status)
{
	coverage_dump();
	coverage_real_exit(status);
}

#define abort coverage_abort
#define _exit coverage_exit

#endif
