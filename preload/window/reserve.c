// SPDX-License-Identifier: MIT
/* Reserved addresses: mapped, so that nobody else gets them, and backed by nothing. */
#include "window/reserve.h"

#include <sys/mman.h>

#define RESERVED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

void *reserve_anywhere(size_t len, int prot)
{
	void *p = mmap(NULL, len, prot, RESERVED, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

bool reserve_over(char *p, size_t len)
{
	return mmap(p, len, PROT_NONE, RESERVED | MAP_FIXED, -1, 0) != MAP_FAILED;
}

bool reserve_if_free(char *p, size_t len)
{
	char *got = mmap(p, len, PROT_NONE, RESERVED | MAP_FIXED_NOREPLACE, -1, 0);

	if (got == p)
		return true;
	if (got != MAP_FAILED) /* before Linux 4.17 the flag is only a wish */
		munmap(got, len);
	return false;
}
