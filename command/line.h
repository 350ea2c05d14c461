/* SPDX-License-Identifier: MIT */
/* Files of one line, as /proc and /sys have many. */
#ifndef DPHUGE_COMMAND_LINE_H
#define DPHUGE_COMMAND_LINE_H

#include <stddef.h>

/**
 * line_first() - read the first line of a file
 * @path:	the file
 * @text:	where the line is put, without its newline; cut off if it is too long
 * @size:	bytes at @text, the terminating zero included
 *
 * Return: @text, or NULL if the file cannot be read or is empty; then what @text holds
 * is undefined.
 */
char *line_first(const char *path, char *text, size_t size);

#endif
