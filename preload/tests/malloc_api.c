// SPDX-License-Identifier: MIT
/* Each entry point of the malloc family, small and large, and the edge cases
 * that glibc documents (malloc(3), posix_memalign(3), mallinfo(3), ...). */
#include "../../tests/tap.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#pragma weak cfree
#pragma weak free_sized
#pragma weak free_aligned_sized
void cfree(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);

static const size_t sizes[] = {1, 100, 5000, 128 << 10, (128 << 10) - 1, 300000, 2 << 20, (2 << 20) + 1, 70 << 20};

#define NR_SIZES (sizeof(sizes) / sizeof(*sizes))

static volatile size_t huge = SIZE_MAX; /* keeps the compiler from knowing */

static bool all(const unsigned char *p, size_t n, unsigned char byte)
{
	return !n || (p[0] == byte && !memcmp(p, p + 1, n - 1));
}

static bool aligned_to(const void *p, size_t align)
{
	return p && !((uintptr_t)p % align);
}

static bool enomem(void *p)
{
	bool good = !p && errno == ENOMEM;

	errno = 0;
	free(p);
	return good;
}

static void basics(void)
{
	for (unsigned int i = 0; i < NR_SIZES; i++) {
		size_t n = sizes[i];
		unsigned char *p = malloc(n), *q = calloc(1, n), *r;

		ok(aligned_to(p, 16) && malloc_usable_size(p) >= n, "malloc(%zu): aligned and large enough", n);
		memset(p, 0xa5, malloc_usable_size(p));
		ok(q && all(q, n, 0), "calloc(%zu): zero", n);
		memset(q, 0x77, n);
		free(q);
		q = calloc(n, 1);
		ok(q && all(q, n, 0), "calloc(%zu) of used memory: zero", n);
		r = realloc(p, n * 2);
		ok(r && all(r, n, 0xa5) && malloc_usable_size(r) >= 2 * n, "realloc grows %zu", n);
		r = realloc(r, n / 2 + 1);
		ok(r && all(r, n / 2 + 1, 0xa5), "realloc shrinks %zu", n);
		r = reallocarray(r, n, 3);
		ok(r && all(r, n / 2 + 1, 0xa5) && malloc_usable_size(r) >= 3 * n, "reallocarray(%zu, 3)", n);
		errno = EDOM;
		free(r);
		free(q);
		ok(errno == EDOM, "free keeps errno (%zu)", n);
	}
	free(NULL);
	cfree(malloc(300000));
	cfree(malloc(30));
	free_sized(malloc(300000), 300000);
	free_aligned_sized(aligned_alloc(64, 640000), 64, 640000);
	ok(true, "free(NULL), cfree, free_sized, free_aligned_sized");
}

static void zero_size(void)
{
	void *p = malloc(0), *q = malloc(0);

	ok(p && q && p != q, "malloc(0): distinct pointers");
	free(p);
	free(q);
	p = calloc(0, 5);
	ok(p != NULL, "calloc(0, 5)");
	ok(realloc(p, 0) == NULL, "realloc(p, 0) frees and returns NULL");
	ok(realloc(malloc(500000), 0) == NULL, "also for a large block");
	p = realloc(NULL, 0);
	ok(p != NULL, "realloc(NULL, 0) is malloc(0)");
	free(p);
	p = realloc(NULL, 400000);
	ok(p && malloc_usable_size(p) >= 400000, "realloc(NULL, n) is malloc(n)");
	free(p);
	ok(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) is 0");
	p = aligned_alloc(64, 0);
	q = valloc(0);
	ok(p && q, "aligned_alloc and valloc of 0");
	free(p);
	free(q);
}

static void impossible(void)
{
	void *small = malloc(10), *large = malloc(1 << 20), *out = &out;
	size_t tera = (size_t)1 << 45;

	memset(large, 3, 1 << 20);
	errno = 0;
	ok(enomem(malloc(huge)), "malloc(SIZE_MAX) is ENOMEM");
	ok(enomem(malloc(huge / 2)), "malloc(PTRDIFF_MAX) is ENOMEM");
	ok(enomem(malloc(huge / 2 + 1)), "malloc(PTRDIFF_MAX + 1) is ENOMEM");
	ok(enomem(malloc(tera)), "malloc of more than the machine has is ENOMEM");
	ok(enomem(calloc(huge, 2)), "calloc that overflows is ENOMEM");
	ok(enomem(calloc(huge / 4, 2)), "calloc of SIZE_MAX / 2 is ENOMEM");
	ok(enomem(calloc(tera, 1)), "calloc of more than the machine has is ENOMEM");
	ok(!realloc(small, huge) && errno == ENOMEM, "realloc(small, SIZE_MAX) is ENOMEM");
	errno = 0;
	ok(!realloc(large, huge / 2) && errno == ENOMEM, "realloc(large, PTRDIFF_MAX) is ENOMEM");
	errno = 0;
	ok(!realloc(large, tera) && errno == ENOMEM && all(large, 1 << 20, 3), "and the block is as it was");
	errno = 0;
	ok(!reallocarray(large, huge / 2, 3) && errno == ENOMEM, "reallocarray that overflows is ENOMEM");
	errno = 0;
	ok(enomem(memalign(64, huge)), "memalign(SIZE_MAX) is ENOMEM");
	ok(enomem(memalign(64, tera)), "memalign of more than the machine has is ENOMEM");
	ok(enomem(aligned_alloc(4096, huge - 8192)), "aligned_alloc that overflows is ENOMEM");
	ok(enomem(valloc(huge)), "valloc(SIZE_MAX) is ENOMEM");
	ok(enomem(pvalloc(huge)), "pvalloc(SIZE_MAX) is ENOMEM");
	ok(enomem(valloc(tera)), "valloc of more than the machine has is ENOMEM");
	errno = EDOM;
	ok(posix_memalign(&out, 64, huge) == ENOMEM && out == &out && errno == ENOMEM,
	   "posix_memalign(SIZE_MAX) returns ENOMEM, leaves the pointer, and errno is as glibc's");
	free(small);
	free(large);
}

static void alignments(void)
{
	void *out = &out, *p;

	ok(posix_memalign(&out, 3, 10) == EINVAL && out == &out, "posix_memalign: alignment 3 is EINVAL");
	ok(posix_memalign(&out, 4, 10) == EINVAL, "posix_memalign: alignment 4 is EINVAL");
	ok(posix_memalign(&out, 0, 10) == EINVAL, "posix_memalign: alignment 0 is EINVAL");
	errno = 0;
	ok(!aligned_alloc(24, 100) && errno == EINVAL, "aligned_alloc: alignment 24 is EINVAL");
	errno = 0;
	ok(!memalign(huge / 2 + 2, 1) && errno == EINVAL, "memalign: an alignment beyond all is EINVAL");
	p = memalign(100, 50);
	ok(aligned_to(p, 128), "memalign rounds 100 up to 128");
	free(p);
	for (size_t align = 8; align <= 64 << 20; align *= 8)
		for (unsigned int i = 0; i < 6; i++) {
			size_t n = sizes[i] * 2;
			unsigned char *a = memalign(align, n), *b = aligned_alloc(align, n);
			bool good = aligned_to(a, align) && aligned_to(b, align) && !posix_memalign(&out, align, n) &&
				    aligned_to(out, align) && malloc_usable_size(a) >= n;

			if (good) {
				memset(a, 1, n);
				memset(b, 2, n);
				memset(out, 3, n);
				good = all(a, n, 1) && all(b, n, 2) && all(out, n, 3);
			}
			ok(good, "alignment %zu, size %zu: memalign, aligned_alloc, posix_memalign", align, n);
			free(a);
			free(b);
			free(out);
		}
	for (unsigned int i = 0; i < NR_SIZES; i++) {
		p = valloc(sizes[i]);
		out = pvalloc(sizes[i]);
		ok(aligned_to(p, 4096) && aligned_to(out, 4096) &&
		       malloc_usable_size(out) >= ((sizes[i] + 4095) & ~4095ul),
		   "valloc(%zu), pvalloc(%zu)", sizes[i], sizes[i]);
		free(p);
		free(out);
	}
	p = aligned_alloc(2 << 20, 2 << 20);
	out = malloc(3 << 20);
	ok(aligned_to(p, 2 << 20) && aligned_to(out, 64), "blocks begin on a cache line");
	free(p);
	free(out);
}

/* A vector that grows and shrinks, across all boundaries, with its neighbours. */
static void growth(void)
{
	bool good = true;
	unsigned char *p = NULL, *fence = NULL;
	size_t n = 0;

	for (size_t next = 1000; next < (300 << 20); next += next / 3) {
		p = realloc(p, next);
		good = good && p && all(p, n, 0x42);
		memset(p + n, 0x42, next - n);
		n = next;
		free(fence);
		fence = malloc(n / 7 + 1); /* now and then something stands in the way */
		memset(fence, 0x99, n / 7 + 1);
	}
	ok(good && all(p, n, 0x42), "realloc from 1 kB to 300 MB keeps the bytes");
	for (; n > 1000; n -= n / 3) {
		p = realloc(p, n);
		good = good && p && all(p, n, 0x42);
	}
	ok(good, "and back down");
	free(p);
	free(fence);
}

/*
 * A block grows to where a part of its mapping once lay that has moved away since.
 * On the driver that part's pages would be there twice, if mremap did the growing.
 */
static void growth_after_a_move(void)
{
	const size_t m = 1 << 20;
	unsigned char *all_of_it = malloc(200 * m), *p, *q;
	bool good;

	memset(all_of_it, 0x11, 200 * m);
	free(all_of_it);
	p = malloc(70 * m);
	q = malloc(80 * m);
	memset(p, 0x22, 70 * m);
	memset(q, 0x33, 80 * m);
	q = realloc(q, 300 * m);
	p = realloc(p, 140 * m);
	good = all(p, 70 * m, 0x22) && all(q, 80 * m, 0x33);
	memset(p + 70 * m, 0x22, 70 * m);
	ok(good && all(q, 80 * m, 0x33), "two parts of a mapping that moved and grew keep apart");
	memset(q + 80 * m, 0x33, 220 * m);
	ok(all(p, 140 * m, 0x22), "in both directions");
	free(p);
	free(q);
}

/* In which page frames [p, p + n) lies, by pagemap of proc(5): zeroes, if that isn't ours
 * to know (it takes root). */
static uint64_t *frames_of(const unsigned char *p, size_t n)
{
	size_t pages = n / 4096;
	uint64_t *frames = calloc(pages, sizeof(*frames));
	FILE *f = fopen("/proc/self/pagemap", "r");
	volatile unsigned char seen;

	for (size_t i = 0; i < pages; i++)
		seen = p[i * 4096];
	(void)seen;
	if (!f || fseek(f, (long)((uintptr_t)p / 4096 * sizeof(*frames)), SEEK_SET) ||
	    fread(frames, sizeof(*frames), pages, f) != pages)
		memset(frames, 0, pages * sizeof(*frames));
	if (f)
		fclose(f);
	for (size_t i = 0; i < pages; i++)
		frames[i] &= (1ull << 55) - 1;
	return frames;
}

/* How much of a block that is in another's way is elsewhere once it has grown. Now and
 * then the kernel migrates pages by itself: the least of some times counts. */
static void growth_without_copies(void)
{
	const size_t m = 1 << 20, sizes_in_mib[] = {20, 50, 90, 150, 230};

	for (unsigned int i = 1; i < sizeof(sizes_in_mib) / sizeof(*sizes_in_mib); i++) {
		size_t from = sizes_in_mib[i - 1] * m, to = sizes_in_mib[i] * m, least = SIZE_MAX;

		for (unsigned int times = 0; times < 3 && least > 4 * m; times++) {
			unsigned char *p = malloc(from), *fence = malloc(from);
			uint64_t *before, *after;
			size_t copied = 0;

			memset(p, 0x17, from);
			memset(fence, 0x18, from);
			before = frames_of(p, from);
			p = realloc(p, to);
			after = frames_of(p, from);
			for (size_t page = 0; page < from / 4096; page++)
				copied += before[page] != after[page] || (!before[page] && !geteuid()) ? 4096 : 0;
			least = copied < least ? copied : least;
			free(before);
			free(after);
			free(fence);
			free(p);
		}
		ok(least <= 4 * m, "grown from %zu to %zu MiB, %zu KiB are copied", from / m, to / m, least >> 10);
	}
}

/* Two vectors stand in each other's way, again and again. What they leave behind is
 * used again, though the decay time is far away. */
static void growth_in_turns(void)
{
	const size_t m = 1 << 20;
	size_t kept;
	char *p[2];

	malloc_trim(0);
	for (unsigned int round = 0; round < 6; round++) {
		p[0] = p[1] = NULL;
		for (size_t n = m; n < 80 * m; n += n / 5)
			for (unsigned int i = 0; i < 2; i++) {
				p[i] = realloc(p[i], n);
				for (size_t at = n - n / 6; at < n; at += 4096)
					p[i][at] = 1;
			}
		free(p[0]);
		free(p[1]);
	}
	kept = mallinfo2().keepcost;
	ok(kept < 320 * m, "two vectors of 80 MiB, six times: %zu MiB are kept", kept / m);
}

static void information(void)
{
	void *p = malloc(50 << 20);
	struct mallinfo2 m = mallinfo2();
	struct mallinfo old = mallinfo();
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	memset(p, 1, 50 << 20);
	ok(m.uordblks >= 50 << 20 && m.arena >= m.uordblks, "mallinfo2 counts it (%zu in use)", m.uordblks);
	ok(old.uordblks >= 50 << 20, "mallinfo, too");
	ok(malloc_info(1, f) == EINVAL, "malloc_info: options are EINVAL");
	ok(malloc_info(0, f) == 0 && !fclose(f) && strstr(text, "<malloc version=") && strstr(text, "</malloc>"),
	   "malloc_info writes XML");
	free(text);
	ok(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1, "mallopt accepts");
	free(p);
	ok(malloc_trim(0) == 1, "malloc_trim gives back");
	ok(mallinfo2().keepcost < 4 << 20, "and little is kept then");
	malloc_stats();
}

/* Allocated here, freed there, by many threads. */
#define SHARED 64

static void *_Atomic slots[SHARED];

static void *exchanger(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;

	for (int n = 0; n < 20000; n++) {
		size_t size;
		unsigned char *p, *q;

		seed = seed * 1103515245 + 12345;
		size = n % 10 ? 16 + (seed >> 8) % 1000 : 130000 + (seed >> 8) % 3000000;
		p = malloc(size);
		if (!p)
			return (void *)1;
		memcpy(p, &size, sizeof(size));
		p[size - 1] = (unsigned char)size;
		q = __atomic_exchange_n((unsigned char **)&slots[(seed >> 4) % SHARED], p, __ATOMIC_ACQ_REL);
		if (q) {
			memcpy(&size, q, sizeof(size));
			if (q[size - 1] != (unsigned char)size || malloc_usable_size(q) < size)
				return (void *)1;
			free(q);
		}
	}
	return NULL;
}

static void threads(void)
{
	pthread_t t[6];
	bool good = true;

	for (uintptr_t i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, exchanger, (void *)(i + 1));
	for (int i = 0; i < 6; i++) {
		void *wrong;

		pthread_join(t[i], &wrong);
		good = good && !wrong;
	}
	ok(good, "6 threads free each other's blocks");
}

int main(void)
{
	basics();
	zero_size();
	impossible();
	alignments();
	growth();
	growth_after_a_move();
	growth_without_copies();
	growth_in_turns();
	information();
	threads();
	return tap_done();
}
