// SPDX-License-Identifier: MIT
/* Start-up: what is set up in which order, and the beacon that shows it to tools. Before
 * that, everything works without a large heap, see base/state.h. */
#include "front/start.h"

#include "backend/choose.h"
#include "backend/ops.h"
#include "base/boot.h"
#include "base/message.h"
#include "base/sanitizers.h"
#include "base/sys.h"
#include "front/extents.h"
#include "front/fork.h"
#include "front/small.h"
#include "front/stats.h"
#include "heap/arena.h"
#include "heap/cache.h"
#include "window/window.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/sysinfo.h>

extern char **environ;

static enum { STARTING_NOT, STARTING, STARTED } _Atomic phase;

/* RAM and swap: a larger request can never be backed, and glibc's mmap would refuse it
 * (heuristic overcommit), where a mapping of the device wouldn't. */
static size_t memory_bytes(void)
{
	int fd = sys_open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	struct sysinfo info;
	char mode = '0';

	if (fd >= 0) {
		(void)!sys_read(fd, &mode, 1);
		sys_close(fd);
	}
	if (mode == '1' || sysinfo(&info))
		return SIZE_MAX;
	return ((size_t)info.totalram + info.totalswap) * info.mem_unit;
}

static size_t window_size(void)
{
	struct sysinfo info;
	size_t ram = sysinfo(&info) ? 4 * GIB : (size_t)info.totalram * info.mem_unit;
	size_t wanted = ram * 16;

	return wanted < 64 * GIB ? 64 * GIB : wanted > 4096 * GIB ? 4096 * GIB : wanted;
}

static unsigned int arena_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > ARENAS_MAX ? ARENAS_MAX : (unsigned int)cpus;
}

static void fill_beacon(struct dphuge_beacon *b)
{
	*b = (struct dphuge_beacon){
	    .magic = DPHUGE_BEACON_MAGIC,
	    .size = sizeof(*b),
	    .version = DPHUGE_VERSION,
	    .threshold = fixed->threshold,
	    .window = fixed->window,
	    .window_len = atomic_load(&fixed->window_bytes),
	};
	arena_describe(b);
	snprintf(b->backend, sizeof(b->backend), "%s", fixed->backend ? fixed->backend->name : "");
	snprintf(b->no_backend, sizeof(b->no_backend), "%s", fixed->backend ? "" : fixed->no_backend);
	b->ready = 1;
}

static void start_all(void)
{
	struct state *state = state_open();
	int saved = errno;

	*(void **)&state->dlopen = dlsym(RTLD_NEXT, "dlopen");
	config_read(&state->config);
	if (state->config.stats) {
		stats_init();
		state->before_purge = stats_sample;
	}
	small_resolve(&state->small);
	state->memory_bytes = memory_bytes();
	state->arenas = arena_count();
	choose_backend(state);
	if (state->backend && !window_init(state, window_size())) {
		state->backend = NULL;
		state->no_backend = "too few addresses can be reserved (ulimit -v or -d)";
	}
	(void)cache_init();
	boot_free(boot_malloc(1)); /* so that jemalloc's handlers are registered before ours */
	fork_register();
	if (state->backend && state->config.small == SMALL_HUGE && !extents_install())
		message("DPHUGE_SMALL=huge: jemalloc doesn't accept our memory, and goes on with its own");
	state->threshold = state->backend ? state->config.threshold : SIZE_MAX;
	fill_beacon(&state->beacon);
	state_seal();
	errno = saved;
}

bool start_ready(void)
{
	int expected = STARTING_NOT;

	if (likely(atomic_load_explicit(&phase, memory_order_acquire) == STARTED))
		return true;
	sanitizers_refuse();
	/* Without an environment libc itself hasn't started. */
	if (!environ)
		return false;
	if (!atomic_compare_exchange_strong(&phase, (__typeof__(phase) *)&expected, STARTING))
		return false;
	start_all();
	atomic_store_explicit(&phase, STARTED, memory_order_release);
	return true;
}

__attribute__((constructor)) static void on_load(void)
{
	(void)start_ready();
}

__attribute__((destructor)) static void on_exit_report(void)
{
	if (fixed->config.stats)
		stats_report();
}

/* For programs that ask, see include/dphuge-malloc.h. NULL: there is no large heap. */
EXPORT const char *dphuge_backend_name(void)
{
	return start_ready() && fixed->backend ? fixed->backend->name : NULL;
}
