/* SPDX-License-Identifier: MIT */
/* Reserved addresses: mapped, so that nobody else gets them, and backed by nothing. */
#ifndef DPHUGE_RESERVE_H
#define DPHUGE_RESERVE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * reserve_anywhere() - reserve addresses where the kernel has room for them
 * @len: bytes, a multiple of the page size
 * @prot: PROT_NONE; or for an array of which only what is written costs memory,
 *	PROT_READ | PROT_WRITE
 *
 * Return: the first address, or NULL: there are none to be had.
 */
void *reserve_anywhere(size_t len, int prot);

/**
 * reserve_over() - replace whatever is mapped by reserved addresses
 * @p: an address of the window's, at a multiple of the page size
 * @len: bytes
 *
 * Return: false if the kernel refuses; what is mapped there then is unknown.
 */
bool reserve_over(char *p, size_t len);

/**
 * reserve_if_free() - reserve addresses at which nothing is mapped
 * @p: the first
 * @len: bytes
 *
 * Return: false if another thread's mmap() was faster, and its mapping is there now.
 */
bool reserve_if_free(char *p, size_t len);

#endif /* DPHUGE_RESERVE_H */
