// SPDX-License-Identifier: MIT
/* Sizes as people read them. */
#include "size.h"

#include <stdio.h>

const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double n = (double)bytes;
	unsigned int unit = 0;

	while (n >= 1000 && unit < sizeof(units) / sizeof(*units) - 1) {
		n /= 1024;
		unit++;
	}
	snprintf(text, SIZE_TEXT_BYTES, unit && n < 100 ? "%.1f %s" : "%.0f %s", n, units[unit]);
	return text;
}
