// SPDX-License-Identifier: MIT
/*
 * Each entry point of the malloc family does what glibc documents (malloc(3),
 * posix_memalign(3), mallinfo(3) and their like), for small and large blocks and in the
 * edge cases.
 */
#include "malloc_api.h"

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
		ok(q && all(q, n, 0), "calloc(%zu) gives zeroes", n);
		memset(q, 0x77, n);
		free(q);
		q = calloc(n, 1);
		ok(q && all(q, n, 0), "calloc(%zu) gives zeroes from used memory", n);
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
	ok(true, "free(NULL), cfree, free_sized and free_aligned_sized free");
}

static void zero_size(void)
{
	void *p = malloc(0), *q = malloc(0);

	ok(p && q && p != q, "malloc(0) gives distinct pointers");
	free(p);
	free(q);
	p = calloc(0, 5);
	ok(p != NULL, "calloc(0, 5) gives a pointer");
	ok(realloc(p, 0) == NULL, "realloc(p, 0) frees and returns NULL");
	ok(realloc(malloc(500000), 0) == NULL, "and so it does with a large block");
	p = realloc(NULL, 0);
	ok(p != NULL, "realloc(NULL, 0) is malloc(0)");
	free(p);
	p = realloc(NULL, 400000);
	ok(p && malloc_usable_size(p) >= 400000, "realloc(NULL, n) is malloc(n)");
	free(p);
	ok(malloc_usable_size(NULL) == 0, "malloc_usable_size(NULL) is 0");
	p = aligned_alloc(64, 0);
	q = valloc(0);
	ok(p && q, "aligned_alloc and valloc of 0 bytes give pointers");
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
	ok(!realloc(large, tera) && errno == ENOMEM && all(large, 1 << 20, 3),
	   "realloc to more than the machine has is ENOMEM, and the block is as it was");
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
			ok(good, "memalign, aligned_alloc and posix_memalign of %zu bytes are aligned to %zu", n,
			   align);
			free(a);
			free(b);
			free(out);
		}
	for (unsigned int i = 0; i < NR_SIZES; i++) {
		p = valloc(sizes[i]);
		out = pvalloc(sizes[i]);
		ok(aligned_to(p, 4096) && aligned_to(out, 4096) &&
		       malloc_usable_size(out) >= ((sizes[i] + 4095) & ~4095ul),
		   "valloc(%zu) and pvalloc(%zu) are aligned to pages", sizes[i], sizes[i]);
		free(p);
		free(out);
	}
	p = aligned_alloc(2 << 20, 2 << 20);
	out = malloc(3 << 20);
	ok(aligned_to(p, 2 << 20) && aligned_to(out, 64), "large blocks begin on a cache line");
	free(p);
	free(out);
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
	ok(m.uordblks >= 50 << 20 && m.arena >= m.uordblks, "mallinfo2 counts a block (%zu bytes in use)", m.uordblks);
	ok(old.uordblks >= 50 << 20, "and so does mallinfo");
	ok(malloc_info(1, f) == EINVAL, "malloc_info with options is EINVAL");
	ok(malloc_info(0, f) == 0 && !fclose(f) && strstr(text, "<malloc version=") && strstr(text, "</malloc>"),
	   "malloc_info writes XML");
	free(text);
	ok(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1, "mallopt accepts M_MMAP_THRESHOLD");
	free(p);
	ok(malloc_trim(0) == 1, "malloc_trim gives memory back");
	ok(mallinfo2().keepcost < 4 << 20, "and little is kept after it");
	malloc_stats();
}

/* Blocks that one thread allocates are freed by others. */
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
	information();
	threads();
	return tap_done();
}
