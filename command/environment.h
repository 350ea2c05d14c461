/* SPDX-License-Identifier: MIT */
/* The environment that brings the library into a program. */
#ifndef DPHUGE_COMMAND_ENVIRONMENT_H
#define DPHUGE_COMMAND_ENVIRONMENT_H

#include <stdbool.h>

/**
 * struct environment - the library's settings that the user chose
 * @threshold:	DPHUGE_THRESHOLD
 * @backend:	DPHUGE_BACKEND
 * @promote:	DPHUGE_PROMOTE
 * @small:	DPHUGE_SMALL
 * @stats:	whether DPHUGE_STATS is set to 1
 *
 * NULL or false leaves the variable as it is.
 */
struct environment {
	const char *threshold, *backend, *promote, *small;
	bool stats;
};

/**
 * environment_apply() - set LD_PRELOAD and the library's settings in this process
 * @chosen:	the settings
 *
 * The settings, those that the environment had before included, are tried on a program
 * that does nothing. If one of them is wrong, or the library is missing, the command ends
 * with a message and the right exit status.
 */
void environment_apply(const struct environment *chosen);

#endif
