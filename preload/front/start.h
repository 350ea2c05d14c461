/* SPDX-License-Identifier: MIT */
/* Start-up: at the first request or in our constructor, whichever comes first. */
#ifndef DPHUGE_START_H
#define DPHUGE_START_H

#include <stdbool.h>

/**
 * start_ready() - is the library ready? If it hasn't started yet, start it
 *
 * Called when a request takes the slow path. One thread starts it; calls from there (dlsym
 * may call calloc), and from other threads meanwhile, are told that it isn't ready.
 *
 * Return: true if fixed-> has its final values.
 */
bool start_ready(void);

#endif /* DPHUGE_START_H */
