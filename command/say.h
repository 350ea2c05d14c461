/* SPDX-License-Identifier: MIT */
/* Messages for the user, on standard error. */
#ifndef DPHUGE_COMMAND_SAY_H
#define DPHUGE_COMMAND_SAY_H

/**
 * say() - print one line on standard error, "dphuge NAME: ..."
 * @fmt:	the text as for printf(3), without the newline
 */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * say_and_exit() - print one line on standard error as say() does, and end the command
 * @status:	the exit status, of enum status
 * @fmt:	the text as for printf(3), without the newline
 */
void say_and_exit(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

#endif
