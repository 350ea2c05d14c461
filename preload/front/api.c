// SPDX-License-Identifier: MIT
/*
 * The malloc family: every entry point of C, POSIX, GNU and C23, with glibc's documented
 * edge cases, and the one branch between small and large.
 *
 * A missing entry point would crash somebody's program: libc would serve it, and our free()
 * would get a foreign pointer.
 */
#include "base/boot.h"
#include "front/small.h"
#include "front/start.h"
#include "heap/large.h"
#include "window/window.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

static bool is_impossible(size_t size)
{
	return size > PTRDIFF_MAX || size > fixed->memory_bytes;
}

/* jemalloc found no memory: perhaps our reserved addresses are in its way. */
static bool make_room(void)
{
	size_t before = atomic_load(&fixed->window_bytes);

	window_trim();
	return atomic_load(&fixed->window_bytes) != before;
}

static __attribute__((noinline)) void *slow_malloc(size_t size)
{
	void *p = NULL;

	if (start_ready() && size >= fixed->threshold) {
		if (is_impossible(size))
			return no_memory();
		p = large_alloc(size, 1, false);
	}
	if (!p)
		p = fixed->small.malloc(size);
	if (!p && start_ready() && make_room())
		p = fixed->small.malloc(size);
	return p;
}

EXPORT void *malloc(size_t size)
{
	if (likely(size < fixed->threshold))
		return fixed->small.malloc(size);
	return slow_malloc(size);
}

static __attribute__((noinline)) void *slow_calloc(size_t n, size_t size, size_t bytes)
{
	void *p;

	if (start_ready() && bytes >= fixed->threshold) {
		if (is_impossible(bytes))
			return no_memory();
		p = large_alloc(bytes, 1, true);
		if (p)
			return p;
	}
	p = fixed->small.calloc(n, size);
	if (!p && start_ready() && make_room())
		p = fixed->small.calloc(n, size);
	return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;

	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		return no_memory();
	if (likely(bytes < fixed->threshold))
		return fixed->small.calloc(n, size);
	return slow_calloc(n, size, bytes);
}

EXPORT void free(void *p)
{
	if (unlikely(window_has(p))) {
		int saved = errno;

		large_free(p);
		errno = saved;
		return;
	}
	fixed->small.free(p);
}

EXPORT void cfree(void *p)
{
	free(p);
}

EXPORT void free_aligned_sized(void *p, size_t align, size_t size)
{
	if (unlikely(window_has(p))) {
		int saved = errno;

		large_free_sized(p, align, size);
		errno = saved;
		return;
	}
	fixed->small.free(p);
}

EXPORT void free_sized(void *p, size_t size)
{
	free_aligned_sized(p, 1, size);
}

EXPORT size_t malloc_usable_size(void *p)
{
	if (!p)
		return 0;
	return window_has(p) ? large_usable(p) : fixed->small.usable(p);
}

static void *copy_to_new(void *p, size_t old_size, size_t size)
{
	void *q = malloc(size);

	if (!q)
		return NULL;
	memcpy(q, p, old_size < size ? old_size : size);
	free(p);
	return q;
}

EXPORT void *realloc(void *p, size_t size)
{
	void *q;

	if (!p)
		return malloc(size);
	if (!size) { /* as glibc does; C23 leaves it undefined */
		free(p);
		return NULL;
	}
	if (unlikely(window_has(p))) {
		if (is_impossible(size))
			return no_memory();
		if (size >= fixed->threshold && (q = large_realloc(p, size)))
			return q;
		return copy_to_new(p, large_usable(p), size);
	}
	if (unlikely(size >= fixed->threshold) && start_ready() && fixed->backend) {
		if (is_impossible(size))
			return no_memory();
		return copy_to_new(p, fixed->small.usable(p), size);
	}
	q = fixed->small.realloc(p, size);
	if (!q && start_ready() && make_room())
		q = fixed->small.realloc(p, size);
	return q;
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return no_memory();
	return realloc(p, bytes);
}

/* @align is a power of two. If there is no memory, NULL with errno set. */
static void *alloc_aligned(size_t align, size_t size)
{
	void *p = NULL;

	if (size > PTRDIFF_MAX || align > PTRDIFF_MAX - size)
		return no_memory();
	if (start_ready()) {
		if (is_impossible(size))
			return no_memory();
		if (size >= fixed->threshold)
			p = large_alloc(size, align, false);
	}
	return p ? p : boot_memalign(align, size);
}

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	int saved = errno;
	void *p;

	if (!is_power_of_two(align) || align % sizeof(void *))
		return EINVAL;
	p = alloc_aligned(align, size);
	if (!p)
		return ENOMEM; /* errno says so too, as glibc's own tests expect */
	errno = saved;
	*out = p;
	return 0;
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (!is_power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	return alloc_aligned(align, size);
}

/* glibc rounds an odd alignment up to the next power of two. */
EXPORT void *memalign(size_t align, size_t size)
{
	size_t up = sizeof(void *);

	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	while (up < align)
		up <<= 1;
	return alloc_aligned(up, size);
}

EXPORT void *valloc(size_t size)
{
	return alloc_aligned(PAGE_BYTES, size);
}

EXPORT void *pvalloc(size_t size)
{
	size_t bytes;

	if (__builtin_add_overflow(size, PAGE_BYTES - 1, &bytes))
		return no_memory();
	bytes &= ~(PAGE_BYTES - 1);
	return alloc_aligned(PAGE_BYTES, bytes ? bytes : PAGE_BYTES);
}

EXPORT int malloc_trim(size_t pad)
{
	bool any;

	(void)pad;
	if (!start_ready())
		return 0;
	any = large_trim();
	small_purge();
	return any;
}

EXPORT int mallopt(int param, int value)
{
	(void)param;
	(void)value;
	return 1; /* it is accepted and ignored, as our heap has settings of its own */
}

static void sum_totals(struct small_stats *sum, size_t *dirty)
{
	struct arena_totals large;

	small_stats(sum);
	large_totals(&large);
	sum->live += large.live;
	sum->mapped += large.mapped;
	*dirty = large.dirty;
}

EXPORT struct mallinfo2 mallinfo2(void)
{
	struct small_stats sum;
	size_t dirty;

	sum_totals(&sum, &dirty);
	return (struct mallinfo2){
	    .arena = sum.mapped,
	    .uordblks = sum.live,
	    .fordblks = sum.mapped - sum.live,
	    .keepcost = dirty,
	};
}

EXPORT struct mallinfo mallinfo(void)
{
	struct mallinfo2 m = mallinfo2();

	return (struct mallinfo){
	    .arena = (int)m.arena,
	    .uordblks = (int)m.uordblks,
	    .fordblks = (int)m.fordblks,
	    .keepcost = (int)m.keepcost,
	};
}

EXPORT int malloc_info(int options, FILE *out)
{
	struct small_stats sum;
	size_t dirty;

	if (options)
		return EINVAL;
	sum_totals(&sum, &dirty);
	fprintf(out,
		"<malloc version=\"1\">\n<heap nr=\"0\">\n</heap>\n"
		"<system type=\"current\" size=\"%zu\"/>\n<total type=\"used\" size=\"%zu\"/>\n"
		"<total type=\"rest\" size=\"%zu\"/>\n</malloc>\n",
		sum.mapped, sum.live, sum.mapped - sum.live);
	return 0;
}

/* The words are glibc's, as programs parse them. As in glibc it is no cancellation point. */
EXPORT void malloc_stats(void)
{
	struct small_stats sum;
	size_t dirty;
	int cancel;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
	sum_totals(&sum, &dirty);
	fprintf(stderr,
		"Arena 0:\nsystem bytes     = %10zu\nin use bytes     = %10zu\n"
		"Total (incl. mmap):\nsystem bytes     = %10zu\nin use bytes     = %10zu\n"
		"max mmap regions = %10u\nmax mmap bytes   = %10u\n",
		sum.mapped, sum.live, sum.mapped, sum.live, 0u, 0u);
	pthread_setcancelstate(cancel, NULL);
}
