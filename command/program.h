/* SPDX-License-Identifier: MIT */
/* Whether a library can be preloaded into a program. */
#ifndef DPHUGE_COMMAND_PROGRAM_H
#define DPHUGE_COMMAND_PROGRAM_H

#include <limits.h>

#define PROGRAM_REASON_BYTES 160

/**
 * struct program - what program_check() found
 * @path:	the file that is executed, as execvp(3) would find it
 * @why:	if the program is refused: the file and the reason, for the user
 */
struct program {
	char path[PATH_MAX];
	char why[PATH_MAX + PROGRAM_REASON_BYTES];
};

/**
 * program_check() - find a program, and check that a library can be preloaded into it
 * @name:	a path, or a name that is looked up in $PATH
 * @program:	the result
 *
 * For a script its interpreter is checked.
 *
 * Return: 0, or the exit status to end with: STATUS_NOT_FOUND, STATUS_CANT_RUN or
 * STATUS_CANT_PRELOAD; then @program->why says why.
 */
int program_check(const char *name, struct program *program);

#endif
