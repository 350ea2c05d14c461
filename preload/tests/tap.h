/* SPDX-License-Identifier: MIT */
/* TAP output for programs that test malloc: they print without stdio buffers. */
#ifndef DPHUGE_TAP_H
#define DPHUGE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int tap_count, tap_failed;

__attribute__((format(printf, 2, 3))) static void ok(bool good, const char *fmt, ...)
{
	char line[300];
	va_list ap;
	int n = snprintf(line, sizeof(line), "%sok %d - ", good ? "" : "not ", ++tap_count);

	tap_failed += !good;
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	(void)!write(1, line, n);
}

static int tap_done(void)
{
	char line[32];

	(void)!write(1, line, snprintf(line, sizeof(line), "1..%d\n", tap_count));
	return tap_failed != 0;
}

#endif /* DPHUGE_TAP_H */
