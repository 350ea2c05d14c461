// SPDX-License-Identifier: MIT
/* One line on standard error, without stdio: it may be called anywhere, and stderr may
 * be closed. */
#include "base/message.h"

#include "base/sys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int message_fd = STDERR_FILENO;

void message_to(int fd)
{
	message_fd = fd;
}

static void write_line(const char *fmt, va_list ap)
{
	int saved = errno;
	char line[512] = "dphuge: ";
	int n = 8 + vsnprintf(line + 8, sizeof(line) - 9, fmt, ap);

	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	(void)!sys_write(message_fd, line, (size_t)n);
	errno = saved;
}

void message(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(fmt, ap);
	va_end(ap);
}

void fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_line(fmt, ap);
	va_end(ap);
	abort();
}
