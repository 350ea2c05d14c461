// SPDX-License-Identifier: MIT
/* Messages, and small things that are read and written everywhere. */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static void say_args(const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", program_invocation_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_args(fmt, ap);
	va_end(ap);
}

void die(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_args(fmt, ap);
	va_end(ap);
	exit(status);
}

pid_t pid_of(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > INT_MAX)
		die(STATUS_USAGE, "'%s' is no process's number", text);
	return (pid_t)n;
}

error_t parse_pid(int key, char *value, struct argp_state *state)
{
	pid_t *pid = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (*pid)
			argp_error(state, "one PID at a time");
		*pid = pid_of(value);
		return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "no PID"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

const char *human(uint64_t bytes, char text[16])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes;
	unsigned int unit = 0;

	while (n >= 1000 && unit < sizeof(units) / sizeof(*units) - 1) {
		n /= 1024;
		unit++;
	}
	snprintf(text, 16, unit && n < 100 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return text;
}

char *line_of(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	char *line = f ? fgets(text, (int)size, f) : NULL;

	if (f)
		fclose(f);
	if (line)
		line[strcspn(line, "\n")] = 0;
	return line;
}
