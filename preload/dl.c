// SPDX-License-Identifier: MIT
/*
 * dlopen(3) with RTLD_DEEPBIND would bind the new library's malloc to libc's, and
 * what it allocates would come to our free(). So the flag is left out.
 *
 * dlopen() looks where its caller's RUNPATH says: the call below is a jump, after
 * which it still sees our caller.
 */
#include "internal.h"

#include <dlfcn.h>

EXPORT void *dlopen(const char *file, int mode)
{
	if (!fixed->dlopen && !init_ready())
		return ((void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen"))(file, mode & ~RTLD_DEEPBIND);
	return fixed->dlopen(file, mode & ~RTLD_DEEPBIND);
}

/* Sanitizers have a malloc of their own, and both at once is none. */
void dl_refuse_sanitizers(void)
{
	static const struct {
		const char *symbol, *name;
	} runtimes[] = {
	    {"__asan_init", "AddressSanitizer"}, {"__hwasan_init", "HWAddressSanitizer"},
	    {"__msan_init", "MemorySanitizer"},  {"__tsan_init", "ThreadSanitizer"},
	    {"__lsan_init", "LeakSanitizer"},
	};

	for (unsigned int i = 0; i < sizeof(runtimes) / sizeof(*runtimes); i++)
		if (dlsym(RTLD_DEFAULT, runtimes[i].symbol))
			fatal("this program has %s, which needs its own malloc: run it without libdphuge.so",
			      runtimes[i].name);
}
