// SPDX-License-Identifier: MIT
/*
 * The large heap over a backend and a clock of the test's own: random calls, with contents
 * checked, while the backend fails at any call. Proves that contents and zeroes stay right,
 * that most requests are served all the same, that blocks grow without copies, and that in
 * the end nothing is in use and nothing kept.
 *
 * Built with the heap's invariants checked after each step, and once more each with
 * AddressSanitizer and UBSan, and with ThreadSanitizer.
 *
 * Usage: large_heap [STEPS [SEED]]
 */
#include "large_heap.h"

#include "backend/driver.h"
#include "backend/hugetlb.h"
#include "base/state.h"
#include "heap/large.h"
#include "../../tests/tap.h"

#include <pthread.h>

static unsigned long steps = 20000;
static uint64_t seed = 1;

static void *run_thread(void *arg)
{
	struct slot *mine = arg;

	chance_seed((seed * 16 + (uint64_t)(mine - model_slots[0])) * 0x9e3779b97f4a7c15ull + 1);
	for (unsigned long i = 0; i < steps / THREADS; i++)
		model_step(mine);
	return NULL;
}

static void run_all_threads(void)
{
	pthread_t t[THREADS];

	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, run_thread, model_slots[i]);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void phase(const char *what, unsigned int one_in)
{
	unsigned long before = model_served;

	atomic_store(&fake_fail_one_in, one_in);
	run_all_threads();
	ok(!model_wrong, "%s: contents and zeroes are right", what);
	ok(model_served - before > steps / 20, "%lu requests served, %lu refused, %lu failures of %lu calls",
	   model_served - before, model_refused, fake_failures,
	   fake_maps + fake_purges + fake_extends + fake_moves + fake_failures);
}

/* A block with a mapping of its own grows and grows, now and then with another behind it. */
static void growing(unsigned int one_in)
{
	struct slot s = {.size = 64 * MIB, .stamp = 1ull << 60}, behind = {.size = 64 * MIB};
	unsigned int copies = 0;

	atomic_store(&fake_fail_one_in, 0);
	s.p = large_alloc(s.size, 1, false);
	if (!s.p) {
		ok(false, "no addresses are left for a block that is to grow");
		return;
	}
	model_stamp(&s, 0);
	atomic_store(&fake_fail_one_in, one_in);
	for (unsigned int i = 0; i < 60; i++) {
		size_t old = s.size;
		char *p = large_realloc(s.p, old + 2 * MIB);

		if (p) {
			s.p = p;
			s.size = old + 2 * MIB;
		}
		copies += !p;
		model_check(&s, old, false);
		model_stamp(&s, old);
		if (i % 8 == 0 && (behind.p = large_alloc(behind.size, 1, false)))
			large_free(behind.p);
	}
	ok(!model_wrong && copies <= (one_in ? 50 : 0),
	   "grown 60 times by 2 MiB: contents are right, %u would be copied", copies);
	atomic_store(&fake_fail_one_in, 0);
	large_free(s.p);
}

static void nothing_works(void)
{
	struct arena_totals huge = {0};
	char *p[50];
	unsigned int got = 0;

	model_free_all();
	atomic_store(&fake_fail_one_in, 0);
	state_open()->backend = &backend_driver;
	state_open()->choice = BACKEND_DRIVER;
	p[0] = large_alloc(65 * MIB, 256 * MIB, false); /* with much beside it that is clean */
	large_free(p[0]);
	large_trim();
	ok(p[0] && !model_dirty(), "all freed: nothing is kept, %zu KiB", model_dirty() >> 10);
	arena_totals(ARENA_HUGE, &huge);
	ok(!huge.mapped, "no huge block stays mapped, %zu MiB", huge.mapped >> 20);
	atomic_store(&fake_fail_one_in, 1);
	for (unsigned int i = 0; i < 50; i++)
		got += (p[i] = large_alloc(65 * MIB, 1, false)) != NULL;
	ok(!got, "a backend that maps nothing: NULL");
	atomic_store(&fake_fail_one_in, 0);
	p[0] = large_alloc(65 * MIB, 1, true);
	ok(p[0] && model_is_zero(p[0], 65 * MIB), "and when it works again, it works");
	if (p[0])
		large_free(p[0]);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		steps = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	if (!model_start())
		return 1;
	phase("all works", 0);
	phase("one call in 5 fails", 5);
	seed++;
	phase("one call in 2 fails", 2);
	model_free_all();
	model_few_that_grow = true;
	seed++;
	phase("few blocks that grow", 0);
	seed++;
	phase("few blocks that grow, one call in 5 fails", 5);
	model_few_that_grow = false;
	state_open()->backend = &backend_hugetlb;
	state_open()->choice = BACKEND_HUGETLB;
	seed++;
	phase("one call in 5 fails, memory must be unmapped", 5);
	growing(0);
	growing(2);
	nothing_works();
	model_free_all();
	large_trim();
	ok(!model_wrong && !model_live(), "all freed: nothing is live");
	ok(!model_dirty(), "and nothing is kept: %zu KiB", model_dirty() >> 10);
	ok(fake_maps && fake_purges && fake_extends && fake_moves && fake_replaces,
	   "%lu maps, %lu purges, %lu extends, %lu moves, %lu replaces", fake_maps, fake_purges, fake_extends,
	   fake_moves, fake_replaces);
	return tap_done();
}
