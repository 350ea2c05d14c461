/* SPDX-License-Identifier: MIT */
/* The dphuge driver: mappings of /dev/dphuge. */
#ifndef DPHUGE_DRIVER_H
#define DPHUGE_DRIVER_H

#include "backend/ops.h"

#include <stdint.h>

extern const struct backend backend_driver;

/**
 * struct driver_totals - counters of the driver for this process's large heap
 * @promotions: blocks that became one 2 MiB page
 * @fallbacks: blocks that should have, but there was no memory for it
 * @copies: single pages copied on write after a fork
 */
struct driver_totals {
	uint64_t promotions, fallbacks, copies;
};

/**
 * driver_error() - why the device cannot be used
 *
 * Maps 2 MiB of it and unmaps them. errno stays as it was.
 *
 * Return: an errno, or 0 if it can be used.
 */
int driver_error(void);

/**
 * driver_totals() - ask the driver for the counters of all our mappings
 * @totals: their sum
 *
 * Return: false if the device cannot be opened; the sums are 0 then.
 */
bool driver_totals(struct driver_totals *totals);

#endif /* DPHUGE_DRIVER_H */
