// SPDX-License-Identifier: MIT
/* The clock that tells how long memory has been free. It is a file of its own because
 * the tests of the heap bring another. */
#include "base/clock.h"

#include <time.h>

uint32_t clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
