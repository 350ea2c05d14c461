// SPDX-License-Identifier: MIT
/*
 * The large heap over a backend and a clock of the test's own: random calls,
 * with contents checked, while the backend fails at any call. Each failure must
 * leave the heap whole: a request may fail, a block may not.
 *
 * Built with the heap's invariants checked after each step, and once more each
 * with AddressSanitizer and UBSan, and with ThreadSanitizer.
 *
 * Usage: large_heap [STEPS [SEED]]
 *
 * scripts/fuzz builds it with FUZZ: libFuzzer's bytes take the place of chance.
 */
#include "../internal.h"
#include "tap.h"

#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW (64 * GIB) /* addresses that a failing backend loses are lost */
#define SLOTS 160
#define THREADS 4

/* --- what the heap is linked with here instead of the real thing -------------- */

static _Atomic uint32_t test_clock = 1000;
static _Atomic unsigned int fail_one_in; /* 0: none */
static _Atomic unsigned long failures, maps, purges, extends, moves, replaces;
static __thread uint64_t random_state = 88172645463325252ull;

#ifdef FUZZ
static const uint8_t *input;
static size_t input_left;
#endif

static uint64_t next_random(void)
{
#ifdef FUZZ
	uint64_t r = 0;

	for (unsigned int i = 0; i < 3 && input_left; i++, input_left--)
		r = r << 8 | *input++;
	if (r) /* spread over all bits, as sizes take the upper ones */
		return r * 0x9e3779b97f4a7c15ull >> 8;
#endif
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool fails(void)
{
	unsigned int n = atomic_load(&fail_one_in);

	if (!n || next_random() % n)
		return false;
	atomic_fetch_add(&failures, 1);
	return true;
}

uint32_t clock_ms(void)
{
	return atomic_load(&test_clock);
}

bool init_ready(void)
{
	return true;
}

/* jemalloc's part: no request comes to it. */
void *boot_malloc(size_t size)
{
	return malloc(size);
}

void *boot_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void *boot_realloc(void *p, size_t size)
{
	return realloc(p, size);
}

void boot_free(void *p)
{
	free(p);
}

size_t boot_usable(void *p)
{
	return malloc_usable_size(p);
}

/*
 * The driver's backend itself, over files in memory in the place of the device: these
 * too give each mapping a file of its own, with whose offsets memory moves.
 */
#define DPHUGE_SYS_H
static int sys_open(const char *path, int flags)
{
	int fd = memfd_create(path, MFD_CLOEXEC);

	(void)flags;
	if (fd >= 0 && ftruncate(fd, (off_t)(4 * WINDOW))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int sys_close(int fd)
{
	return close(fd);
}

#define backend_driver real
#include "../backend/driver.c"
#undef backend_driver

static bool map_anything(char *p, size_t len)
{
	return mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
	       p;
}

static bool fake_map(char *p, size_t len)
{
	if (fails()) {
		/* A failed mmap(MAP_FIXED) may have emptied the place. */
		if (next_random() % 2)
			munmap(p, len);
		return false;
	}
	atomic_fetch_add(&maps, 1);
	return real.map(p, len);
}

static bool fake_purge(char *p, size_t len)
{
	if (fails())
		return false;
	atomic_fetch_add(&purges, 1);
	return real.purge(p, len);
}

static enum outcome fake_extend(char *p, size_t old_len, size_t new_len)
{
	if (fails()) {
		if (next_random() % 16)
			return FAILED;
		return map_anything(p + old_len, new_len - old_len) ? LOST : FAILED;
	}
	atomic_fetch_add(&extends, 1);
	return real.extend(p, old_len, new_len);
}

static bool fake_move(char *p, size_t old_len, char *to, size_t new_len)
{
	if (fails()) {
		if (next_random() % 2)
			munmap(to, new_len);
		return false;
	}
	atomic_fetch_add(&moves, 1);
	return real.move(p, old_len, to, new_len);
}

static enum outcome fake_replace(char *p, size_t len, char *to)
{
	if (fails()) {
		if (next_random() % 2)
			munmap(to, len);
		return FAILED;
	}
	if (real.replace(p, len, to) != DONE)
		return FAILED;
	atomic_fetch_add(&replaces, 1);
	/* As if memory for the old place couldn't be mapped: a hole, or somebody else's. */
	if (fails()) {
		munmap(p, len);
		if (next_random() % 2)
			map_anything(p, len);
		return LOST;
	}
	return DONE;
}

#define FAKE(title)                                                                                                    \
	{                                                                                                              \
		.name = title, .map = fake_map, .purge = fake_purge, .extend = fake_extend, .move = fake_move,         \
		.replace = fake_replace                                                                                \
	}
const struct backend backend_driver = FAKE("one"), backend_thp = FAKE("another"), backend_base = FAKE("third");
/* Unmapped in the place of purged. */
const struct backend backend_hugetlb = {
    .name = "fourth", .map = fake_map, .extend = fake_extend, .move = fake_move, .replace = fake_replace};

/* --- the model ------------------------------------------------------------------ */

struct slot {
	char *p;
	size_t size;
	uint64_t stamp;
};

/* Slots of each thread, and those through which blocks change hands. */
static struct slot slots[THREADS + 1][SLOTS];
static pthread_mutex_t exchange = PTHREAD_MUTEX_INITIALIZER;
static _Atomic unsigned long wrong, served, refused, stamps;

static size_t words_of(size_t size)
{
	return size / sizeof(uint64_t);
}

/* The first and last word of each page, so that a mix-up of any page shows. */
static void stamp(struct slot *s, size_t from)
{
	uint64_t *w = (uint64_t *)s->p;

	for (size_t at = from & ~(PAGE_BYTES - 1); at + sizeof(*w) <= s->size; at += PAGE_BYTES)
		w[words_of(at)] = s->stamp + at;
	w[words_of(s->size) - 1] = ~s->stamp;
}

static void check(const struct slot *s, size_t upto, bool end)
{
	const uint64_t *w = (const uint64_t *)s->p;
	bool good = !end || w[words_of(s->size) - 1] == ~s->stamp;

	for (size_t at = 0; good && at + PAGE_BYTES <= upto; at += PAGE_BYTES)
		good = w[words_of(at)] == s->stamp + at;
	if (!good)
		atomic_fetch_add(&wrong, 1);
}

static bool is_zero(const char *p, size_t size)
{
	const uint64_t *w = (const uint64_t *)p;

	for (size_t at = 0; at + sizeof(*w) <= size; at += PAGE_BYTES / 2)
		if (w[words_of(at)])
			return false;
	return !w[words_of(size) - 1];
}

/* Few blocks, that grow: out of the shared mappings, over what others leave, away. */
static bool few_that_grow;

static struct slot *any_of(struct slot *of)
{
	return &of[next_random() % (few_that_grow ? SLOTS / 16 : SLOTS)];
}

/* Whole words; mostly blocks' tails, sometimes what gets a mapping of its own. */
static size_t random_size(void)
{
	uint64_t r = next_random();
	size_t size;

	if (few_that_grow)
		return (4 * MIB + r % (12 * MIB)) & ~(size_t)7;
	switch (r % 8) {
	case 0: size = 2 * MIB - 8192 + (r >> 8) % 16384; break;
	case 1: size = (r >> 8) % 8 ? 4 * MIB : 64 * MIB + (r >> 12) % (16 * MIB); break;
	case 2: size = (r >> 8) % (12 * MIB); break;
	default: size = 128 * KIB + (r >> 8) % (2 * MIB);
	}
	return (size < 64 ? 64 : size) & ~(size_t)7;
}

static size_t random_align(void)
{
	uint64_t r = next_random();

	return r % 4 ? 1 : (size_t)1 << ((r >> 8) % 26);
}

static void get(struct slot *s)
{
	bool zero = next_random() % 2;
	size_t align = random_align();

	s->size = random_size();
	s->p = large_alloc(s->size, align, zero);
	if (!s->p) {
		atomic_fetch_add(&refused, 1);
		return;
	}
	atomic_fetch_add(&served, 1);
	if ((uintptr_t)s->p % align || (zero && !is_zero(s->p, s->size)) || !window_has(s->p) ||
	    large_usable(s->p) < s->size)
		atomic_fetch_add(&wrong, 1);
	s->stamp = atomic_fetch_add(&stamps, 1) << 32;
	stamp(s, 0);
}

static void put(struct slot *s)
{
	check(s, s->size, true);
	large_free(s->p);
	s->p = NULL;
}

static void resize(struct slot *s)
{
	size_t old = s->size, size = old + (old >> 2 & ~(size_t)7) + 4096;
	char *p;

	if (few_that_grow && old > 24 * MIB)
		size = old / 4 & ~(size_t)7;
	else if (!few_that_grow && next_random() % 3)
		size = random_size();

	check(s, old, true);
	p = large_realloc(s->p, size);
	if (!p) /* realloc() would copy */
		return;
	s->p = p;
	s->size = size;
	check(s, old < size ? old : size, false);
	stamp(s, old < size ? old : 0);
}

static void pass_on(struct slot *s)
{
	struct slot *other, mine = *s;

	pthread_mutex_lock(&exchange);
	other = any_of(slots[THREADS]);
	*s = *other;
	*other = mine;
	pthread_mutex_unlock(&exchange);
}

static void step(struct slot *mine)
{
	struct slot *s = any_of(mine);
	unsigned int what = next_random() % 32;

	if (what == 0)
		atomic_fetch_add(&test_clock, (uint32_t)(next_random() % 300));
	else if (what == 1)
		arena_purge(&arenas[next_random() % (ARENAS_MAX + 1)], 1000);
	else if (what == 2 && !(next_random() % 8))
		large_trim();
	else if (what < 6)
		pass_on(s);
	else if (!s->p)
		get(s);
	else if (what < (few_that_grow ? 24 : 14))
		resize(s);
	else
		put(s);
}

static unsigned long steps = 20000;
static uint64_t seed = 1;

static void *run(void *arg)
{
	struct slot *mine = arg;

	random_state = (seed * 16 + (uint64_t)(mine - slots[0])) * 0x9e3779b97f4a7c15ull + 1;
	for (unsigned long i = 0; i < steps / THREADS; i++)
		step(mine);
	return NULL;
}

static void all_threads(void)
{
	pthread_t t[THREADS];

	for (unsigned int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, run, slots[i]);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
}

static void free_all(void)
{
	for (unsigned int i = 0; i <= THREADS; i++)
		for (unsigned int j = 0; j < SLOTS; j++)
			if (slots[i][j].p)
				put(&slots[i][j]);
}

static size_t sum_live(void)
{
	size_t live = 0;

	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		live += arenas[i].live;
	return live;
}

static size_t sum_dirty(void)
{
	size_t dirty = 0;

	for (unsigned int i = 0; i <= ARENAS_MAX; i++)
		dirty += arenas[i].dirty_bytes;
	return dirty;
}

static void phase(const char *what, unsigned int one_in)
{
	unsigned long before = served;

	atomic_store(&fail_one_in, one_in);
	all_threads();
	ok(!wrong, "%s: contents and zeroes are right", what);
	ok(served - before > steps / 20, "%lu requests served, %lu refused, %lu failures of %lu calls", served - before,
	   refused, failures, maps + purges + extends + moves + failures);
}

/* A block with a mapping of its own grows and grows, now and then with another behind it. */
static void growing(unsigned int one_in)
{
	struct slot s = {.size = 64 * MIB, .stamp = 1ull << 60}, behind = {.size = 64 * MIB};
	unsigned int copies = 0;

	atomic_store(&fail_one_in, 0);
	s.p = large_alloc(s.size, 1, false);
	if (!s.p) {
		ok(false, "no addresses are left for a block that is to grow");
		return;
	}
	stamp(&s, 0);
	atomic_store(&fail_one_in, one_in);
	for (unsigned int i = 0; i < 60; i++) {
		size_t old = s.size;
		char *p = large_realloc(s.p, old + 2 * MIB);

		if (p) {
			s.p = p;
			s.size = old + 2 * MIB;
		}
		copies += !p;
		check(&s, old, false);
		stamp(&s, old);
		if (i % 8 == 0 && (behind.p = large_alloc(behind.size, 1, false)))
			large_free(behind.p);
	}
	ok(!wrong && copies <= (one_in ? 50 : 0), "grown 60 times by 2 MiB: contents are right, %u would be copied",
	   copies);
	atomic_store(&fail_one_in, 0);
	large_free(s.p);
}

static void nothing_works(void)
{
	char *p[50];
	unsigned int got = 0;

	free_all();
	atomic_store(&fail_one_in, 0);
	state_open()->backend = &backend_driver;
	state_open()->choice = BACKEND_DRIVER;
	p[0] = large_alloc(65 * MIB, 256 * MIB, false); /* with much beside it that is clean */
	large_free(p[0]);
	large_trim();
	ok(p[0] && !sum_dirty(), "all freed: nothing is kept, %zu KiB", sum_dirty() >> 10);
	ok(!arenas[ARENA_HUGE].mapped, "no huge block stays mapped, %zu MiB", arenas[ARENA_HUGE].mapped >> 20);
	atomic_store(&fail_one_in, 1);
	for (unsigned int i = 0; i < 50; i++)
		got += (p[i] = large_alloc(65 * MIB, 1, false)) != NULL;
	ok(!got, "a backend that maps nothing: NULL");
	atomic_store(&fail_one_in, 0);
	p[0] = large_alloc(65 * MIB, 1, true);
	ok(p[0] && is_zero(p[0], 65 * MIB), "and when it works again, it works");
	if (p[0])
		large_free(p[0]);
}

static bool start(void)
{
	struct state *state = state_open();

	state->backend = &backend_driver;
	state->choice = BACKEND_DRIVER;
	state->config.decay_ms = -1; /* the test purges by itself */
	state->config.promote = -1;
	state->arenas = 3;
	state->memory_bytes = SIZE_MAX;
	return window_init(state, WINDOW) && caches_init();
}

#ifdef FUZZ
/* One sequence of calls, of which the first byte says how often the backend fails. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!fixed->backend && !start())
		abort();
	input = data;
	input_left = size;
	random_state = 88172645463325252ull;
	atomic_store(&fail_one_in, (unsigned int)(next_random() % 8));
	for (unsigned int i = 0; i < 500 && input_left; i++)
		step(slots[0]);
	atomic_store(&fail_one_in, 0);
	free_all();
	large_trim();
	if (wrong || sum_live() || sum_dirty())
		fatal("%lu wrong, %zu bytes live, %zu dirty", wrong, sum_live(), sum_dirty());
	return 0;
}
#else
int main(int argc, char **argv)
{
	if (argc > 1)
		steps = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		seed = strtoull(argv[2], NULL, 0);
	if (!start())
		return 1;
	phase("all works", 0);
	phase("one call in 5 fails", 5);
	seed++;
	phase("one call in 2 fails", 2);
	free_all();
	few_that_grow = true;
	seed++;
	phase("few blocks that grow", 0);
	seed++;
	phase("few blocks that grow, one call in 5 fails", 5);
	few_that_grow = false;
	state_open()->backend = &backend_hugetlb;
	state_open()->choice = BACKEND_HUGETLB;
	seed++;
	phase("one call in 5 fails, memory must be unmapped", 5);
	growing(0);
	growing(2);
	nothing_works();
	free_all();
	large_trim();
	ok(!wrong && !sum_live(), "all freed: nothing is live");
	ok(!sum_dirty(), "and nothing is kept: %zu KiB", sum_dirty() >> 10);
	ok(maps && purges && extends && moves && replaces, "%lu maps, %lu purges, %lu extends, %lu moves, %lu replaces",
	   maps, purges, extends, moves, replaces);
	return tap_done();
}
#endif
