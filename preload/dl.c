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

/*
 * Sanitizers have a malloc of their own, and both at once is none. Their runtimes are
 * known by names that the loader has bound before anything runs: they may ask us for
 * memory before libc itself has started, when dlsym() can't be asked.
 */
#define RUNTIMES(X)                                                                                                    \
	X(__asan_init, "AddressSanitizer")                                                                             \
	X(__hwasan_init, "HWAddressSanitizer")                                                                         \
	X(__lsan_init, "LeakSanitizer")                                                                                \
	X(__msan_init, "MemorySanitizer")                                                                              \
	X(__tsan_init, "ThreadSanitizer")
#define DECLARE(symbol, name) extern char symbol[] __attribute__((weak));
RUNTIMES(DECLARE)

void dl_refuse_sanitizers(void)
{
	const char *found = NULL;

#define LOOK(symbol, name) found = symbol ? name : found;
	RUNTIMES(LOOK)
	if (found)
		fatal("this program has %s, which needs its own malloc: run it without libdphuge.so", found);
}
