/* SPDX-License-Identifier: MIT */
/* Random numbers of which the same seed always gives the same sequence. */
#ifndef DPHUGE_BENCH_XORSHIFT_H
#define DPHUGE_BENCH_XORSHIFT_H

#include <stdint.h>

#define XORSHIFT_SEED 88172645463325252ull /* the one of the paper */

/**
 * xorshift() - the next random number (xorshift64: Marsaglia, Xorshift RNGs, 2003)
 * @x:	the state, which must not be 0 at first
 *
 * Return: a number that is not 0.
 */
static inline uint64_t xorshift(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

#endif
