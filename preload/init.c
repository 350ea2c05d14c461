// SPDX-License-Identifier: MIT
/*
 * Start-up: at the first request or in our constructor, whichever comes first.
 *
 * Before that, and for calls made while it is under way (dlsym may call
 * calloc), the state is such that everything works without a large heap: the
 * threshold is 0, which sends all to the slow path, and that finds us not
 * ready; the window is empty; jemalloc is called by its own API.
 */
#include "internal.h"
#include "base/sys.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

extern char **environ;

static enum { STARTING_NOT, STARTING, STARTED } _Atomic phase;

/*
 * libc's list of open streams. fork() locks it after the handlers of
 * pthread_atfork() have run, and who holds it may ask for memory (fopen, getline,
 * fflush(NULL) of a cookie): so whoever locks a heap for a fork locks it first. It's
 * recursive. Our handler runs before jemalloc's, which was registered earlier.
 */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

static void prefork(void)
{
	if (_IO_list_lock)
		_IO_list_lock();
	pthread_mutex_lock(&purge_lock);
	pthread_mutex_lock(&quarantine_lock);
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		pthread_mutex_lock(&arenas[i].lock);
	window_prefork();
	span_prefork();
	backend_prefork();
}

static void postfork_parent(void)
{
	backend_postfork_parent();
	span_postfork_parent();
	window_postfork_parent();
	for (unsigned int i = ARENAS_MAX + 1; i-- > 0;)
		pthread_mutex_unlock(&arenas[i].lock);
	pthread_mutex_unlock(&quarantine_lock);
	pthread_mutex_unlock(&purge_lock);
	if (_IO_list_unlock)
		_IO_list_unlock();
}

static void postfork_child(void)
{
	backend_postfork_child();
	window_postfork_child();
	span_postfork_child();
	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		pthread_mutex_init(&arenas[i].lock, NULL);
	pthread_mutex_init(&purge_lock, NULL);
	pthread_mutex_init(&quarantine_lock, NULL);
	caches_fork_child();
	decay_fork_child();
	stats_fork_child();
	if (_IO_list_resetlock)
		_IO_list_resetlock();
}

/* RAM and swap: a request beyond can never be backed, and glibc's mmap would
 * refuse it (heuristic overcommit), where a mapping of the device wouldn't. */
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

/* For programs that ask, see dphuge-malloc.h. NULL: there is no large heap. */
__attribute__((visibility("default"))) const char *dphuge_backend_name(void)
{
	return init_ready() && fixed->backend ? fixed->backend->name : NULL;
}

static void describe(struct dphuge_beacon *b)
{
	*b = (struct dphuge_beacon){
	    .magic = DPHUGE_BEACON_MAGIC,
	    .size = sizeof(*b),
	    .version = DPHUGE_VERSION,
	    .threshold = fixed->threshold,
	    .window = fixed->window,
	    .window_len = atomic_load(&fixed->window_bytes),
	    .arena = (uintptr_t)arenas,
	    .arenas = ARENAS_MAX + 1,
	    .arena_size = sizeof(arenas[0]),
	    .live = offsetof(struct arena, live),
	    .dirty = offsetof(struct arena, dirty_bytes),
	    .served = offsetof(struct arena, bytes),
	    .purged = offsetof(struct arena, purged_bytes),
	};
	snprintf(b->backend, sizeof(b->backend), "%s", fixed->backend ? fixed->backend->name : "");
	snprintf(b->no_backend, sizeof(b->no_backend), "%s", fixed->backend ? "" : fixed->no_backend);
	b->ready = 1;
}

static void start(void)
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
	(void)caches_init();
	boot_free(boot_malloc(1)); /* jemalloc's handlers shall be registered before ours */
	pthread_atfork(prefork, postfork_parent, postfork_child);
	if (state->backend && state->config.small == SMALL_HUGE && !extents_install())
		message("DPHUGE_SMALL=huge: jemalloc doesn't take memory from elsewhere; it goes on with its own");
	state->threshold = state->backend ? state->config.threshold : SIZE_MAX;
	describe(&state->beacon);
	state_seal();
	errno = saved;
}

/* Is the large heap there? Called when a request takes the slow path. */
bool init_ready(void)
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
	start();
	atomic_store_explicit(&phase, STARTED, memory_order_release);
	return true;
}

__attribute__((constructor)) static void on_load(void)
{
	(void)init_ready();
}

__attribute__((destructor)) static void on_exit_report(void)
{
	if (fixed->config.stats)
		stats_report();
}
