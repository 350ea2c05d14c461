/* SPDX-License-Identifier: MIT */
/*
 * One line on standard error. It is written without stdio, so these functions may be
 * called anywhere: under any lock, before libc has started, with stderr closed.
 */
#ifndef DPHUGE_MESSAGE_H
#define DPHUGE_MESSAGE_H

/**
 * message_to() - choose where further messages go
 * @fd: a descriptor; until this is called it is standard error
 */
void message_to(int fd);

/**
 * message() - write one line, "dphuge: " and what follows
 * @fmt: as for printf(), without a newline; what is longer than about 500 bytes is cut
 *
 * errno stays as it was, also where nothing can be written.
 */
__attribute__((format(printf, 1, 2))) void message(const char *fmt, ...);

/**
 * fatal() - write one line as message() does, and abort the program
 * @fmt: as for printf()
 */
__attribute__((format(printf, 1, 2), noreturn)) void fatal(const char *fmt, ...);

#endif /* DPHUGE_MESSAGE_H */
