// SPDX-License-Identifier: GPL-2.0
/*
 * What operations need in a slice: random numbers and ranges, comparison with
 * the model, and the record of calls that is printed when something is wrong.
 */
#include "fuzz.h"

struct shared *shared;
struct slice slices[SLICES];
_Thread_local struct slice *current;

uint32_t random_bits(struct slice *s)
{
	s->seed = s->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return s->seed >> 33;
}

void record_call(struct slice *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->call[s->calls++ % CALLS_KEPT], sizeof(s->call[0]), fmt, ap);
	va_end(ap);
	atomic_fetch_add(&shared->calls, 1);
}

void fail_test(struct slice *s, const char *fmt, ...)
{
	va_list ap;

	if (!atomic_exchange(&shared->failed, true)) {
		char text[256];

		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		printf("# after %.0f s, slice %u, depth %u, process %d: %s\n", (now_ms() - shared->begin_ms) / 1e3,
		       s->nr, s->depth, getpid(), text);
		for (unsigned long i = s->calls < CALLS_KEPT ? 0 : s->calls - CALLS_KEPT; i < s->calls; i++)
			printf("#   %s\n", s->call[i % CALLS_KEPT]);
		fflush(stdout);
	}
	atomic_store(&shared->stop, true);
	_exit(1);
}

void check_page(struct slice *s, unsigned int v, const char *when)
{
	const volatile uint64_t *word = (uint64_t *)page_at(v);
	uint64_t want = model_value(v, *word);

	for (unsigned int i = 0; i < PAGE / sizeof(*word); i++) {
		uint64_t is = word[i];

		if (is != want)
			fail_test(s, "%s: page %u word %u is %#lx, must be %#lx (region %u offset %u)",
				  when, v, i, is, want, vpages[v].region, vpages[v].off);
	}
	atomic_fetch_add(&shared->checked, 1);
}

void check_window(struct slice *s, bool all_slices, const char *when)
{
	for (unsigned int v = 0; v < WINDOW_PAGES; v++)
		if ((all_slices || v / SLICE_PAGES == s->nr) && model_shown(v) &&
		    (vpages[v].prot & PROT_READ) && model_written(v))
			check_page(s, v, when);
}

uint64_t new_value(struct slice *s)
{
	return kin_value(atomic_fetch_add(&shared->values, 1), s->nr);
}

void fill_page(void *page, uint64_t value)
{
	uint64_t *word = page;

	for (unsigned int i = 0; i < PAGE / sizeof(*word); i++)
		word[i] = value;
}

void write_page(struct slice *s, unsigned int v)
{
	uint64_t value = new_value(s);

	fill_page(page_at(v), value);
	model_write(v, value);
}

void write_some(struct slice *s, unsigned int v, unsigned int n)
{
	unsigned int step = once_in(s, 3) ? 1 : 1 + below(s, 7);

	for (unsigned int i = below(s, step); i < n; i += step)
		write_page(s, v + i);
	kin_peek(s, v, n);
}

unsigned int random_range(struct slice *s, unsigned int *n)
{
	unsigned int first = s->nr * SLICE_PAGES, end = first + SLICE_PAGES;
	unsigned int v = first + below(s, SLICE_PAGES);

	*n = 1 + below(s, once_in(s, 6) ? 1400 : once_in(s, 3) ? 200 : 12);
	if (once_in(s, 4)) { /* one block, or its part in the slice */
		v &= ~(BLOCK_PAGES - 1);
		*n = BLOCK_PAGES;
	}
	if (v < first)
		v = first;
	if (v + *n > end)
		*n = end - v;
	return v;
}

bool random_stretch(struct slice *s, unsigned int *v, unsigned int *n, int prot)
{
	for (unsigned int try = 0; try < 8; try++) {
		*v = random_range(s, n);
		if (model_shown(*v) && (vpages[*v].prot & prot) == prot) {
			*n = model_run(*v, *n);
			return true;
		}
	}
	return false;
}

bool random_forked(struct slice *s, unsigned int *v, unsigned int *n)
{
	unsigned int i = 0;

	if (!random_stretch(s, v, n, PROT_READ | PROT_WRITE))
		return false;
	while (i < *n && !vpages[*v + i].dontfork)
		i++;
	*n = i;
	return i;
}
