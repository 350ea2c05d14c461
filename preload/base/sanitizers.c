// SPDX-License-Identifier: MIT
/*
 * Sanitizers have a malloc of their own, and a program cannot have both. Their runtimes
 * are known by names that the loader has bound before anything runs: they may ask us for
 * memory before libc itself has started, when dlsym() cannot be called.
 */
#include "base/sanitizers.h"

#include "base/message.h"

#include <stddef.h>

#define RUNTIMES(X)                                                                                                    \
	X(__asan_init, "AddressSanitizer")                                                                             \
	X(__hwasan_init, "HWAddressSanitizer")                                                                         \
	X(__lsan_init, "LeakSanitizer")                                                                                \
	X(__msan_init, "MemorySanitizer")                                                                              \
	X(__tsan_init, "ThreadSanitizer")
#define DECLARE_SYMBOL(symbol, name) extern char symbol[] __attribute__((weak));
RUNTIMES(DECLARE_SYMBOL)

void sanitizers_refuse(void)
{
	const char *found = NULL;

#define LOOK_FOR(symbol, name) found = symbol ? name : found;
	RUNTIMES(LOOK_FOR)
	if (found)
		fatal("this program has %s, which needs its own malloc: run it without libdphuge.so", found);
}
