// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever calls a process makes, in whatever order, from several threads and
 * through forks, each byte of the device's memory is what it must be, and the
 * kernel has no complaint.
 *
 * Random calls on random ranges are made for a while, against a model that
 * knows each byte (fuzz_model.h); fuzz.h lists the parts of this program.
 *
 * What a kernel refuses for want of a feature fails the test, unless the test is
 * told that this guest lacks it:
 *
 *   wp-async		userfaultfd's asynchronous write protection (Linux 6.7)
 *   guard-pages	MADV_GUARD_INSTALL for files (6.15)
 *   uffd-unregister	that userfaultfd can let go of memory; 6.12 stops with a BUG
 *   memory-failure	that a memory error can be feigned (CONFIG_MEMORY_FAILURE)
 *   nodes		a second memory node
 *
 * Usage: fuzz [SECONDS [SEED [inject] [lacks=FEATURE,...] [only=TEXT] [calls=N]]].
 * With "inject", allocations fail at random (fuzz_fail.h). With "only", operations
 * are made whose names have TEXT in them, and plain reads and writes. With "calls" it
 * ends sooner, when it has made so many. Needs root, in a guest (scripts/vm).
 */
#include "fuzz.h"

#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

int main(int argc, char **argv);

_Thread_local bool error_expected;

static const char *lacking = ""; /* features, separated by commas */
static const char *only = "";
static unsigned long enough = -1; /* calls */

bool fuzz_wants(const char *operation)
{
	return strstr(operation, only) || !strcmp(operation, "read") || !strcmp(operation, "write");
}

bool fuzz_lacks(const char *feature)
{
	size_t n = strlen(feature);

	for (const char *at = lacking; (at = strstr(at, feature)); at += n)
		if ((at == lacking || at[-1] == ',') && (!at[n] || at[n] == ','))
			return true;
	return false;
}

/* No operation touches what it may not: a fault is a finding, but for memory that has run out. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	if (error_expected && sig == SIGBUS && info->si_code == BUS_MCEERR_AR)
		return;
	if (sig == SIGBUS && fail_injecting && current->depth) {
		atomic_fetch_add(&shared->lost, 1);
		kin_leave();
		_exit(FAIL_LOST);
	}
	fail_test(current, "signal %d, code %d, at page %ld (%p), instruction at main%+lld", sig,
		  info->si_code, ((char *)info->si_addr - window) / (long)PAGE, info->si_addr,
		  uc->uc_mcontext.gregs[REG_RIP] - (long long)(uintptr_t)main);
}

/* Signals, memory that is shared, the window and its model, and all kinds of operations. */
static void prepare(void)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED);
	shared->values = 1; /* 0 is what a page holds that nobody has written */
	window = map(WINDOW_PAGES * PAGE, DEFAULT_PERCENT);
	model_init();
	kin_init();
	ways_init();
	life_init();
}

static void run_threads(unsigned int seconds, unsigned long seed)
{
	pthread_t t;

	shared->begin_ms = now_ms();
	for (unsigned int i = 0; i < SLICES; i++) {
		slices[i].nr = i;
		slices[i].seed = seed * 1000 + i;
		atomic_fetch_add(&shared->threads, 1);
		must(!pthread_create(&t, NULL, life_of_thread, &slices[i]));
		pthread_detach(t);
	}
	for (unsigned int i = 0; i < seconds && !atomic_load(&shared->stop) && atomic_load(&shared->calls) < enough; i++)
		sleep(1);
	atomic_store(&shared->stop, true);
	/* Not pthread_join(): it relies on a write by the kernel, which may fail. */
	if (!becomes(!atomic_load(&shared->threads))) {
		printf("# these processes should have ended:\n");
		for (unsigned int i = 0; i < 3; i++, sleep(2))
			kin_print();
		bail("a call does not end");
	}
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 20;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;

	for (int i = 3; i < argc; i++) {
		if (!strcmp(argv[i], "inject"))
			fail_injecting = true;
		else if (!strncmp(argv[i], "lacks=", 6))
			lacking = argv[i] + 6;
		else if (!strncmp(argv[i], "only=", 5))
			only = argv[i] + 5;
		else if (!strncmp(argv[i], "calls=", 6)) {
			char *end;

			enough = strtoul(argv[i] + 6, &end, 0);
			if (!enough || *end)
				bail("%s: not a number of calls above 0", argv[i]);
		} else
			bail("%s: not \"inject\", \"lacks=FEATURE,...\", \"only=TEXT\" or \"calls=N\"", argv[i]);
	}
	/* The kernel writes to a thread's rseq area. If that finds no memory, it sends SIGSEGV. */
	if (fail_injecting && !getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		execv("/proc/self/exe", argv);
	}
	printf("# %u s, seed %lu%s%s%s\n", seconds, seed, fail_injecting ? ", allocations fail" : "",
	       *lacking ? ", a guest without " : "", lacking);
	fflush(stdout);
	prepare();
	if (fail_injecting)
		fail_start();
	run_threads(seconds, seed);
	ok(!shared->failed, "every byte is what it must be");
	ok(shared->calls && shared->checked && (shared->forks || *only), "%lu calls, %lu forks, %lu pages compared",
	   shared->calls, shared->forks, shared->checked);
	ok(!life_print(), "every kind of operation that had the chance has succeeded");
	if (fail_injecting)
		printf("# %lu calls found no memory and were made again, %lu children lost a block\n", shared->again,
		       shared->lost);
	for (unsigned int i = 0; i < SLICES; i++)
		check_window(&slices[i], false, "in the end");
	munmap(window, WINDOW_PAGES * PAGE);
	ok(!shared->failed, "and so it is after all threads have ended");
	return tap_done();
}
