// SPDX-License-Identifier: MIT
/*
 * dlopen(3) with RTLD_DEEPBIND would bind the new library's malloc to libc's, and what it
 * allocates would come to our free(). So the flag is left out.
 *
 * dlopen() looks where its caller's RUNPATH says: the call below is a jump, after which it
 * still sees our caller.
 */
#include "base/state.h"
#include "front/start.h"

#include <dlfcn.h>

EXPORT void *dlopen(const char *file, int mode)
{
	if (!fixed->dlopen && !start_ready())
		return ((void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen"))(file, mode & ~RTLD_DEEPBIND);
	return fixed->dlopen(file, mode & ~RTLD_DEEPBIND);
}
