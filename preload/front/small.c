// SPDX-License-Identifier: MIT
/*
 * Small requests go to jemalloc, the machine's shared library, so that programs which call
 * its own API share one heap with us. Its malloc and free are looked up here, once; until
 * then base/boot.c serves.
 */
#include "front/small.h"

#include <dlfcn.h>
#include <jemalloc/jemalloc.h>

#define JEMALLOC "libjemalloc.so.2"

/*
 * jemalloc's defaults as we want them, see TUNING in jemalloc(3); /etc/malloc.conf
 * and MALLOC_CONF are read after it. Each thread looks for cached blocks that
 * it no longer uses once in so many bytes, 64 KiB by default. That is often
 * enough to be felt in each call; to do it less often makes up for our
 * comparison of the size.
 * Before 5.3 jemalloc has no such option and would warn.
 */
#if JEMALLOC_VERSION_MAJOR > 5 || (JEMALLOC_VERSION_MAJOR == 5 && JEMALLOC_VERSION_MINOR >= 3)
const char *malloc_conf = "tcache_gc_incr_bytes:262144";
#else
const char *malloc_conf = "";
#endif

void small_resolve(struct small_heap *small)
{
	void *lib = fixed->dlopen(JEMALLOC, RTLD_LAZY | RTLD_NOLOAD);
	struct small_heap found = *small;

	if (!lib)
		return;
	*(void **)&found.malloc = dlsym(lib, "malloc");
	*(void **)&found.calloc = dlsym(lib, "calloc");
	*(void **)&found.realloc = dlsym(lib, "realloc");
	*(void **)&found.free = dlsym(lib, "free");
	*(void **)&found.usable = dlsym(lib, "malloc_usable_size");
	if (found.malloc && found.calloc && found.realloc && found.free && found.usable)
		*small = found;
}

void small_purge(void)
{
	(void)mallctl("arena.4096.purge", NULL, NULL, NULL, 0); /* MALLCTL_ARENAS_ALL */
}

/* @value stays as it was if jemalloc doesn't count that. */
static void read_size(const char *name, size_t *value)
{
	size_t len = sizeof(*value);

	(void)mallctl(name, value, &len, NULL, 0);
}

void small_stats(struct small_stats *stats)
{
	uint64_t epoch = 1;
	size_t len = sizeof(epoch), small = 0, large = 0;

	*stats = (struct small_stats){0};
	(void)mallctl("thread.tcache.flush", NULL, NULL, NULL, 0);
	if (mallctl("epoch", &epoch, &len, &epoch, len))
		return;
	read_size("stats.allocated", &stats->live);
	read_size("stats.mapped", &stats->mapped);
	read_size("stats.arenas.4096.small.nrequests", &small);
	read_size("stats.arenas.4096.large.nrequests", &large);
	stats->calls = small + large;
}
