/* SPDX-License-Identifier: MIT */
/* The clock that tells how long memory has been free. */
#ifndef DPHUGE_CLOCK_H
#define DPHUGE_CLOCK_H

#include <stdint.h>

/**
 * clock_ms() - the time
 *
 * It costs no system call, and is right to a few milliseconds.
 *
 * Return: milliseconds since some moment in the past. They wrap around after 49 days,
 * so compare two of them by their difference.
 */
uint32_t clock_ms(void);

#endif /* DPHUGE_CLOCK_H */
