// SPDX-License-Identifier: MIT
/* Which backend some memory is from, and which one new memory comes from. */
#include "backend/backend.h"

#include "backend/anonymous.h"
#include "backend/driver.h"
#include "backend/hugetlb.h"
#include "base/state.h"

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

void backend_prefork(void)
{
	if (fixed->backend && fixed->backend->prefork)
		fixed->backend->prefork();
}

void backend_postfork_parent(void)
{
	if (fixed->backend && fixed->backend->postfork_parent)
		fixed->backend->postfork_parent();
}

void backend_postfork_child(void)
{
	if (fixed->backend && fixed->backend->postfork_child)
		fixed->backend->postfork_child();
}
