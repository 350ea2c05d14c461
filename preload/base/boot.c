// SPDX-License-Identifier: MIT
/* malloc by jemalloc's own API, until the addresses of its malloc and free are known. */
#include "base/boot.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>

/* jemalloc's own API leaves errno alone. */
static void *with_errno(void *p)
{
	if (!p)
		errno = ENOMEM;
	return p;
}

void *boot_malloc(size_t size)
{
	return with_errno(mallocx(size ? size : 1, 0));
}

void *boot_calloc(size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return with_errno(NULL);
	return with_errno(mallocx(bytes ? bytes : 1, MALLOCX_ZERO));
}

void *boot_realloc(void *p, size_t size)
{
	return with_errno(p ? rallocx(p, size ? size : 1, 0) : mallocx(size ? size : 1, 0));
}

void *boot_memalign(size_t align, size_t size)
{
	return with_errno(mallocx(size ? size : 1, MALLOCX_ALIGN(align)));
}

void boot_free(void *p)
{
	if (p)
		dallocx(p, 0);
}

size_t boot_usable(void *p)
{
	return p ? sallocx(p, 0) : 0;
}
