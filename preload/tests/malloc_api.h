/* SPDX-License-Identifier: MIT */
/* What the two files of malloc_api share. */
#ifndef DPHUGE_MALLOC_API_H
#define DPHUGE_MALLOC_API_H

#include <string.h>

#include "../../tests/tap.h"

static inline bool all(const unsigned char *p, size_t n, unsigned char byte)
{
	return !n || (p[0] == byte && !memcmp(p, p + 1, n - 1));
}

/* The checks of malloc_growth.c. */
void growth(void);

#endif /* DPHUGE_MALLOC_API_H */
