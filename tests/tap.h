/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * TAP, the Test Anything Protocol, for test programs in C: one line for each check,
 * "ok N - what" or "not ok N - what", and the plan "1..N" at the end.
 *
 * There are two ways for a line to reach standard output:
 *
 *   write(2)  The default, for programs that test malloc: nothing is allocated for a
 *             buffer, and a line that was printed is not lost when the program aborts.
 *   stdio     If TAP_STDIO is defined before this file is included: for programs that
 *             print comments with printf(), so that all lines keep their order.
 *
 * Several files of one program may include this file. They share one count.
 */
#ifndef DPHUGE_TAP_H
#define DPHUGE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TAP_LINE 512 /* bytes of a line; what is longer is cut off */

/* Weak, so that the linker keeps one for all files of the program. */
__attribute__((weak)) struct tap {
	unsigned int count, failed;
} tap;

#ifdef TAP_STDIO
static inline void tap_write(const char *line, size_t len)
{
	fwrite(line, 1, len, stdout);
	fflush(stdout);
}
#else
static inline void tap_write(const char *line, size_t len)
{
	(void)!write(STDOUT_FILENO, line, len);
}
#endif

/**
 * ok() - print the result of a check
 * @good: whether the check passed
 * @fmt: as for printf(): what was checked, in one line, without a line break
 */
__attribute__((format(printf, 2, 3))) static inline void ok(bool good, const char *fmt, ...)
{
	char line[TAP_LINE];
	size_t len = (size_t)snprintf(line, sizeof(line), "%sok %u - ", good ? "" : "not ", ++tap.count);
	va_list ap;

	tap.failed += !good;
	va_start(ap, fmt);
	len += (size_t)vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len++] = '\n'; /* in the place of the terminating zero */
	tap_write(line, len);
}

/**
 * tap_done() - print the plan, after the last check
 *
 * Return: the program's exit status, 0 if all checks passed.
 */
static inline int tap_done(void)
{
	char line[32];

	tap_write(line, (size_t)snprintf(line, sizeof(line), "1..%u\n", tap.count));
	return tap.failed != 0;
}

#endif /* DPHUGE_TAP_H */
