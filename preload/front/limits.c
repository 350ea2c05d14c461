// SPDX-License-Identifier: MIT
/*
 * setrlimit(2) and prlimit(2): when the program limits its addresses, those that we have
 * reserved would leave it none, so we give up what was never used. A limit that another
 * process sets is noticed when a request fails (api.c).
 */
#undef _FILE_OFFSET_BITS /* it would give both functions one name */
#include "front/start.h"
#include "window/window.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* x86-64 has one layout for both. */
_Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "one struct rlimit");

static int set_limit(pid_t pid, unsigned int resource, const void *new_limit, void *old_limit)
{
	int result = (int)syscall(SYS_prlimit64, pid, resource, new_limit, old_limit);

	if (!result && new_limit && resource == RLIMIT_AS && (!pid || pid == getpid()) && start_ready())
		window_trim();
	return result;
}

EXPORT int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	return set_limit(0, resource, limit, NULL);
}

EXPORT int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *limit)
{
	return set_limit(0, resource, limit, NULL);
}

EXPORT int prlimit(pid_t pid, enum __rlimit_resource resource, const struct rlimit *new_limit, struct rlimit *old_limit)
{
	return set_limit(pid, resource, new_limit, old_limit);
}

EXPORT int prlimit64(pid_t pid, enum __rlimit_resource resource, const struct rlimit64 *new_limit,
		     struct rlimit64 *old_limit)
{
	return set_limit(pid, resource, new_limit, old_limit);
}
