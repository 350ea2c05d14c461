/* SPDX-License-Identifier: MIT */
/* Sizes as people read them. */
#ifndef DPHUGE_COMMAND_SIZE_H
#define DPHUGE_COMMAND_SIZE_H

#include <stdint.h>

#define SIZE_TEXT_BYTES 16 /* enough for each text that size_text() makes */

/**
 * size_text() - write a number of bytes as people read it, for example "3.5 GiB"
 * @bytes:	the size
 * @text:	where the text is put
 *
 * Return: @text.
 */
const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES]);

#endif
