/* SPDX-License-Identifier: MIT */
/* Process IDs on the command line. */
#ifndef DPHUGE_COMMAND_PID_H
#define DPHUGE_COMMAND_PID_H

#include <argp.h>
#include <sys/types.h>

/**
 * pid_from_text() - read a process ID
 * @text:	what the user typed
 *
 * If @text is not a number from 1 to INT_MAX, the command ends with a message and
 * STATUS_USAGE. Whether such a process exists is not looked at.
 *
 * Return: the process ID.
 */
pid_t pid_from_text(const char *text);

/**
 * pid_parse() - the argp parser of a subcommand whose only argument is one process ID
 * @key:	as argp calls it
 * @value:	as argp calls it
 * @state:	@state->input points to the pid_t that is set; it must be 0 before
 *
 * Return: 0, or ARGP_ERR_UNKNOWN for what is none of its business.
 */
error_t pid_parse(int key, char *value, struct argp_state *state);

#endif
