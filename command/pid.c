// SPDX-License-Identifier: MIT
/* Process IDs on the command line. */
#include "pid.h"
#include "say.h"
#include "status.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

pid_t pid_from_text(const char *text)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < 1 || n > INT_MAX)
		say_and_exit(STATUS_USAGE, "'%s' is not a process ID", text);
	return (pid_t)n;
}

error_t pid_parse(int key, char *value, struct argp_state *state)
{
	pid_t *pid = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		if (*pid)
			argp_error(state, "only one PID can be given");
		*pid = pid_from_text(value);
		return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "the PID is missing"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}
