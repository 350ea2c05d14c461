// SPDX-License-Identifier: GPL-2.0
/*
 * The default policy learns from the neighbours of a block. Memory that is used
 * densely gets 2 MiB pages at its first touch, memory that is used sparsely does
 * not, and a mapping with a threshold of its own, or the parameter adaptive = 0,
 * makes no guess. Needs 2 GiB.
 */
#include "t_device.h"
#include "t_memory.h"

static void dense(bool down)
{
	const size_t blocks = 512;
	char *p = map(blocks * BLOCK, DEFAULT_PERCENT);
	unsigned long first = 0, rest;

	for (size_t n = 0; n < blocks * BLOCK_PAGES; n++) {
		size_t i = down ? blocks * BLOCK_PAGES - 1 - n : n;

		p[i * PAGE] = 1;
		if (n == 4 * BLOCK_PAGES - 1)
			first = info_of(p).faults;
	}
	rest = info_of(p).faults - first;
	ok(rest <= blocks - 4 && all_huge(p, blocks * BLOCK),
	   "1 GiB is touched %s: %lu faults for the first 4 blocks, %lu for the other %zu, all 2 MiB pages",
	   down ? "downwards" : "upwards", first, rest, blocks - 4);
	munmap(p, blocks * BLOCK);
}

static void sparse(size_t dense_blocks, unsigned int most)
{
	const size_t blocks = 128;
	char *p = map(blocks * BLOCK, DEFAULT_PERCENT);

	memset(p, 1, dense_blocks * BLOCK);
	for (size_t b = dense_blocks; b < blocks; b++)
		p[b * BLOCK + b % BLOCK_PAGES * PAGE] = 1;
	ok(huge_kb(p, blocks * BLOCK) <= KB((dense_blocks + most) * BLOCK),
	   "%zu dense blocks, then one page in each of %zu: %ld of these are 2 MiB pages", dense_blocks,
	   blocks - dense_blocks, (long)(huge_kb(p, blocks * BLOCK) / KB(BLOCK) - dense_blocks));
	munmap(p, blocks * BLOCK);
}

static void random_order(void)
{
	const size_t blocks = 32;
	char *p = map(blocks * BLOCK, DEFAULT_PERCENT);
	uint32_t seed = 1;

	for (size_t n = 0; n < 12 * blocks * BLOCK_PAGES; n++) {
		seed = seed * 1664525 + 1013904223;
		p[(seed >> 8) % (blocks * BLOCK_PAGES) * PAGE] = 1;
	}
	ok(all_huge(p, blocks * BLOCK), "dense use in random order: all in 2 MiB pages");
	munmap(p, blocks * BLOCK);
}

static void switched_off(void)
{
	const size_t blocks = 16;
	char *p = map(blocks * BLOCK, 50);

	memset(p, 1, blocks * BLOCK);
	ok(info_of(p).given == 0, "a mapping with a threshold of its own makes no guess");
	munmap(p, blocks * BLOCK);
	must(!write_to(PARAMS "adaptive", "0"));
	p = map(blocks * BLOCK, DEFAULT_PERCENT);
	memset(p, 1, blocks * BLOCK);
	ok(info_of(p).given == 0, "with the parameter adaptive = 0 no mapping does");
	munmap(p, blocks * BLOCK);
	ok(write_to(PARAMS "adaptive", "2") == EINVAL, "adaptive = 2 is EINVAL");
	must(!write_to(PARAMS "adaptive", "1"));
}

int main(void)
{
	dense(false);
	dense(true);
	sparse(0, 0);
	sparse(8, 2);
	random_order();
	switched_off();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
