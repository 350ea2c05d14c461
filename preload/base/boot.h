/* SPDX-License-Identifier: MIT */
/*
 * malloc(3) and the like, by means of jemalloc's own API (mallocx and others, see
 * jemalloc(3)).
 *
 * Our library exports malloc, so jemalloc's malloc cannot be named by linking, and is
 * looked up at start. Until then, and if that fails, these do the same work, a little
 * slower. All set errno to ENOMEM and return NULL where there is no memory.
 */
#ifndef DPHUGE_BOOT_H
#define DPHUGE_BOOT_H

#include <stddef.h>

/**
 * boot_malloc() - malloc(3) by jemalloc
 * @size: bytes; 0 counts as 1
 *
 * Return: a block that boot_free() and jemalloc's own free() take, or NULL.
 */
void *boot_malloc(size_t size);

/**
 * boot_calloc() - calloc(3) by jemalloc
 * @n: how many
 * @size: bytes of each
 *
 * Return: a block of zeroes, or NULL, also if the product is too large.
 */
void *boot_calloc(size_t n, size_t size);

/**
 * boot_realloc() - realloc(3) by jemalloc
 * @p: a block of jemalloc's, or NULL
 * @size: bytes; 0 counts as 1
 *
 * Return: the block, perhaps moved, or NULL; then @p is as it was.
 */
void *boot_realloc(void *p, size_t size);

/**
 * boot_memalign() - memalign(3) by jemalloc
 * @align: a power of two
 * @size: bytes; 0 counts as 1
 *
 * Return: a block at a multiple of @align, or NULL.
 */
void *boot_memalign(size_t align, size_t size);

/**
 * boot_free() - free(3) by jemalloc
 * @p: a block of jemalloc's, or NULL
 */
void boot_free(void *p);

/**
 * boot_usable() - malloc_usable_size(3) by jemalloc
 * @p: a block of jemalloc's, or NULL
 *
 * Return: how many bytes of it may be used; 0 for NULL.
 */
size_t boot_usable(void *p);

#endif /* DPHUGE_BOOT_H */
