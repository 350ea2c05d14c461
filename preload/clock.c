// SPDX-License-Identifier: MIT
/* The clock that ages freed memory, apart so that tests have one of their own. */
#include "internal.h"

#include <time.h>

uint32_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}
