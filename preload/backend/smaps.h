/* SPDX-License-Identifier: MIT */
/* Which page sizes the large heap has, as the kernel tells in /proc/self/smaps. */
#ifndef DPHUGE_SMAPS_H
#define DPHUGE_SMAPS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * smaps_coverage() - how much of the window is resident, and how much in 2 MiB pages
 * @resident: bytes that are resident
 * @huge: those of them in 2 MiB pages
 *
 * Takes no lock and allocates nothing.
 *
 * Return: false if there is no /proc; both are 0 then.
 */
bool smaps_coverage(size_t *resident, size_t *huge);

#endif /* DPHUGE_SMAPS_H */
