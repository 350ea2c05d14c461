// SPDX-License-Identifier: MIT
/* Chance for the large heap's test: each thread has its own numbers, the same for the same
 * seed; under scripts/fuzz libFuzzer's bytes take their place. */
#include "large_heap.h"

static __thread uint64_t state = 88172645463325252ull;
static const uint8_t *bytes;
static size_t bytes_left;

void chance_seed(uint64_t seed)
{
	state = seed;
}

void chance_input(const uint8_t *input, size_t size)
{
	bytes = input;
	bytes_left = size;
}

size_t chance_input_left(void)
{
	return bytes_left;
}

uint64_t chance_next(void)
{
	uint64_t r = 0;

	for (unsigned int i = 0; i < 3 && bytes_left; i++, bytes_left--)
		r = r << 8 | *bytes++;
	if (r) /* spread over all bits, as sizes take the upper ones */
		return r * 0x9e3779b97f4a7c15ull >> 8;
	state ^= state << 13; /* xorshift64, Marsaglia 2003 */
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}
