// SPDX-License-Identifier: GPL-2.0
/*
 * Two views of the same memory in one process always show the same bytes, wherever
 * one of them is moved meanwhile. mremap with an old size of 0 makes the second one.
 * One thread moves it about, entries and all, and reads and writes through it; others
 * fault, write and discard through the first. A child that exists meanwhile has the
 * bytes of the fork in both views and sees no later write; in some rounds the second
 * view isn't copied to the child at all (MADV_DONTFORK), and must still not show a page
 * that is shared as if it could be written.
 *
 * A copy-on-write in one view that leaves the old page in the other is what this is
 * after: the views would differ from then on.
 *
 * Usage: views [ROUNDS]
 */
#include <pthread.h>
#include <stdatomic.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define BLOCKS 4UL
#define LEN (BLOCKS * BLOCK)
#define PAGES (BLOCKS * BLOCK_PAGES)
#define WORDS (PAGE / sizeof(unsigned long))
#define WRITERS 2U

typedef volatile unsigned long word;

static char *first, *second;
static char *places[3];	/* for the second view; one isn't aligned as the file is */
static unsigned long value[PAGES];	/* what is in each page; its owner's */
static atomic_bool stop;
static atomic_ulong wrong, moves, writes, discards;

static word *page_of(char *view, unsigned long i)
{
	return (word *)(view + i * PAGE);
}

static bool page_is(char *view, unsigned long i, unsigned long v)
{
	word *p = page_of(view, i);

	return p[0] == v && p[WORDS - 1] == v;
}

static void set_page(char *view, unsigned long i)
{
	word *p = page_of(view, i);

	value[i]++;
	p[0] = value[i];
	p[WORDS - 1] = value[i];
	atomic_fetch_add(&writes, 1);
}

/* These are the mover's; of the others each writer has every second one. */
static bool movers(unsigned long i)
{
	return i % 16 == 15;
}

/* These are never discarded: their numbers only grow. */
static bool grows(unsigned long i)
{
	return i % 8 < 2;
}

static void *writer(void *arg)
{
	unsigned long t = (uintptr_t)arg;
	unsigned int seed = 7 + t;

	while (!atomic_load(&stop)) {
		unsigned long i = next_random(&seed) % (PAGES / WRITERS) * WRITERS + t;
		unsigned int what = next_random(&seed) % 32;

		if (movers(i))
			continue;
		if (!page_is(first, i, value[i]))
			atomic_fetch_add(&wrong, 1);
		if (what == 0 && !grows(i)) {
			must(!madvise(first + i * PAGE, PAGE, MADV_REMOVE));
			value[i] = 0;
			atomic_fetch_add(&discards, 1);
		} else if (what == 1) {
			must(!madvise(first + i * PAGE, PAGE, MADV_DONTNEED)); /* fault again */
		} else {
			set_page(first, i);
		}
	}
	return NULL;
}

/* What others write through the first view: no older than what was there before, no newer than afterwards. */
static bool in_step(unsigned long i)
{
	unsigned long before = page_of(first, i)[0], here = page_of(second, i)[0];

	return before <= here && here <= page_of(first, i)[0];
}

static void *mover(void *arg)
{
	unsigned int seed = 5;

	(void)arg;
	while (!atomic_load(&stop)) {
		char *from = second, *to = places[atomic_fetch_add(&moves, 1) % COUNT_OF(places)];

		if (to == from)
			continue;
		second = mremap(from, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to);
		must(second == to);
		/* Nobody else is to settle where it was. */
		must(mmap(from, LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == from);
		for (unsigned int n = 0; n < 40; n++) {
			unsigned long i = next_random(&seed) % PAGES & ~7UL, own = i | 15;

			if (!in_step(i) || !in_step(i + 1))
				atomic_fetch_add(&wrong, 1);
			if (!page_is(first, own, value[own]) || !page_is(second, own, value[own]))
				atomic_fetch_add(&wrong, 1);
			set_page(n % 3 ? second : first, own);
			if (!page_is(n % 3 ? first : second, own, value[own]))
				atomic_fetch_add(&wrong, 1);
		}
	}
	return NULL;
}

/* How many pages are not as they should be in one view or the other. */
static unsigned int wrong_pages(bool both)
{
	unsigned int n = 0;

	for (unsigned long i = 0; i < PAGES; i++)
		n += !page_is(first, i, value[i]) ||
		     (both && memcmp(first + i * PAGE, second + i * PAGE, PAGE));
	return n;
}

/* Memory stays as it was at the fork until the child itself writes. */
static int child(int go, bool both)
{
	unsigned int n;
	char x;

	must(read(go, &x, 1) == 1);
	n = wrong_pages(both);
	for (unsigned long i = 0; i < PAGES; i += 5)
		set_page(both && i % 2 ? second : first, i);
	n += wrong_pages(both);
	return n < 255 ? n : 255;
}

/* Until the threads have done something: how soon depends on the machine. */
static void let_them_run(void)
{
	unsigned long m = atomic_load(&moves), w = atomic_load(&writes);

	becomes(atomic_load(&moves) >= m + 6 && atomic_load(&writes) >= w + 1000);
}

/* The threads run, while a child is there, if @with_child. */
static void round_of(bool with_child, bool both)
{
	pthread_t thread[WRITERS + 1];
	int go[2], status;
	pid_t pid = 0;

	must(!pipe(go));
	must(!madvise(second, LEN, both ? MADV_DOFORK : MADV_DONTFORK));
	if (with_child) {
		pid = fork_now();
		if (!pid)
			_exit(child(go[0], both));
	}
	atomic_store(&stop, false);
	for (uintptr_t t = 0; t < WRITERS; t++)
		must(!pthread_create(&thread[t], NULL, writer, (void *)t));
	must(!pthread_create(&thread[WRITERS], NULL, mover, NULL));
	let_them_run();
	atomic_store(&stop, true);
	for (unsigned int t = 0; t <= WRITERS; t++)
		must(!pthread_join(thread[t], NULL));
	atomic_fetch_add(&wrong, wrong_pages(true));
	if (with_child) {
		must(write(go[1], "x", 1) == 1);
		status = wait_for(pid);
		atomic_fetch_add(&wrong, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
		atomic_fetch_add(&wrong, wrong_pages(true));
	}
	close(go[0]);
	close(go[1]);
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 1 ? atoi(argv[1]) : 30;
	unsigned long held;

	must(!write_to(PARAMS "pool_mib", "0"));
	first = map(LEN, 50);
	for (unsigned int i = 0; i < COUNT_OF(places); i++)
		places[i] = aligned_place(LEN + BLOCK) + (i == 1 ? 3 * PAGE : 0);
	second = mremap(first, 0, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, places[0]);
	must(second == places[0]);
	for (unsigned long i = 0; i < PAGES; i++)
		set_page(i % 2 ? first : second, i);
	ok(!wrong_pages(true), "what is written in one view shows in the other");
	for (unsigned int n = 0; n < rounds; n++)
		round_of(n % 4 != 3, n % 3 != 2);
	ok(!wrong && moves && writes && discards, "%u rounds: %lu moves, %lu writes and %lu discards: %lu pages were wrong", rounds,
	   moves, writes, discards, wrong);

	must(!madvise(second, LEN, MADV_REMOVE));
	memset(value, 0, sizeof(value));
	ok(!wrong_pages(true), "what is discarded in one view is zero in the other");
	for (unsigned long i = 0; i < PAGES; i++)
		set_page(second, i);
	held = stat_of("bytes");
	must(!munmap(second, LEN));
	ok(!wrong_pages(false) && stat_of("bytes") == held, "one view goes: the other keeps all");
	must(!munmap(first, LEN));
	ok(device_empty(), "and when both are gone, nothing is left");
	return tap_done();
}
