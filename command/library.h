/* SPDX-License-Identifier: MIT */
/* The library that belongs to this command. */
#ifndef DPHUGE_COMMAND_LIBRARY_H
#define DPHUGE_COMMAND_LIBRARY_H

/**
 * library_path() - find libdphuge.so
 *
 * A command in a build folder takes the library of the same build folder. Any other
 * takes the installed one, whether or not that file exists.
 *
 * Return: the path, in memory that the next call overwrites.
 */
const char *library_path(void);

#endif
