// SPDX-License-Identifier: MIT
/* Which backend memory is from, and which it comes from next. */
#include "internal.h"

const struct backend *backend_by(enum backend_choice choice)
{
	static const struct backend *const backends[] = {
	    [BACKEND_DRIVER] = &backend_driver,
	    [BACKEND_THP] = &backend_thp,
	    [BACKEND_HUGETLB] = &backend_hugetlb,
	    [BACKEND_BASE] = &backend_base,
	};

	return backends[choice];
}

/* Fresh memory at @p from the backend of this process; @got says which it was. */
bool backend_map(char *p, size_t len, enum backend_choice *got)
{
	*got = fixed->choice;
	if (fixed->backend->map(p, len))
		return true;
	/* The device is full or out of sight (chroot): go on without it. */
	if (fixed->choice != BACKEND_DRIVER || fixed->config.backend == BACKEND_DRIVER)
		return false;
	*got = BACKEND_THP;
	return backend_thp.map(p, len);
}
