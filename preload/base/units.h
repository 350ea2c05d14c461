/* SPDX-License-Identifier: MIT */
/* The units that the whole library counts in, and hints for the compiler and the linker. */
#ifndef DPHUGE_UNITS_H
#define DPHUGE_UNITS_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A page is what the heap counts in; a block is what can be one 2 MiB page. */
#define PAGE_SHIFT 12
#define PAGE_BYTES ((size_t)1 << PAGE_SHIFT)
#define BLOCK_SHIFT 21
#define BLOCK_BYTES ((size_t)1 << BLOCK_SHIFT)
#define BLOCK_PAGES ((uint32_t)(BLOCK_BYTES / PAGE_BYTES))

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A symbol that programs see; all others are hidden, and libdphuge.map lists them again. */
#define EXPORT __attribute__((visibility("default")))

/**
 * round_up() - the next multiple
 * @n: a number, at most SIZE_MAX - @multiple + 1
 * @multiple: a power of two
 *
 * Return: @n, or the smallest multiple of @multiple above it.
 */
static inline size_t round_up(size_t n, size_t multiple)
{
	return (n + multiple - 1) & ~(multiple - 1);
}

/**
 * round_down() - the multiple before
 * @n: a number
 * @multiple: a power of two
 *
 * Return: @n, or the largest multiple of @multiple below it.
 */
static inline size_t round_down(size_t n, size_t multiple)
{
	return n & ~(multiple - 1);
}

/**
 * pages_for() - how many pages hold so many bytes
 * @size: bytes, less than 16 TiB
 *
 * Return: pages of 4 KiB, rounded up.
 */
static inline uint32_t pages_for(size_t size)
{
	return (uint32_t)((size + PAGE_BYTES - 1) >> PAGE_SHIFT);
}

/**
 * whole_blocks() - a number of pages, or the number of a page, rounded up to 2 MiB
 * @pages: pages of 4 KiB
 *
 * Return: the next multiple of BLOCK_PAGES.
 */
static inline uint32_t whole_blocks(uint32_t pages)
{
	return (pages + BLOCK_PAGES - 1) & ~(BLOCK_PAGES - 1);
}

/**
 * blocks_within() - a number of pages, or the number of a page, rounded down to 2 MiB
 * @pages: pages of 4 KiB
 *
 * Return: the multiple of BLOCK_PAGES at or before @pages.
 */
static inline uint32_t blocks_within(uint32_t pages)
{
	return pages & ~(BLOCK_PAGES - 1);
}

#endif /* DPHUGE_UNITS_H */
