// SPDX-License-Identifier: MIT
/*
 * A block that grows keeps its bytes, whatever lies in its way. Growing copies little,
 * as the kernel moves pages, and leaves little behind. (Part of malloc_api.)
 */
#include "malloc_api.h"

#include <malloc.h>
#include <stdint.h>

/* A vector grows and shrinks across all boundaries, and so does its neighbour. */
static void growth_of_a_vector(void)
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
	ok(good, "and so does realloc back to 1 kB");
	free(p);
	free(fence);
}

/*
 * A block grows to addresses where a part of its mapping once lay that has moved away
 * since. If mremap did the growing, the driver would show that part's pages twice.
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
	ok(good && all(q, 80 * m, 0x33), "two parts of a mapping that moved and grew show different memory");
	memset(q + 80 * m, 0x33, 220 * m);
	ok(all(p, 140 * m, 0x22), "in both directions");
	free(p);
	free(q);
}

/* The page frames of [p, p + n), as proc(5)'s pagemap tells root; zeroes for other users. */
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

/*
 * How much of a block lies elsewhere once it has grown with another block in its way. Now
 * and then the kernel migrates pages by itself, so the least of three times counts.
 */
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
		ok(least <= 4 * m, "growing from %zu to %zu MiB copies %zu KiB", from / m, to / m, least >> 10);
	}
}

/*
 * Two vectors are in each other's way, again and again. What they leave behind is used
 * again, although the decay time is far away.
 */
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
	ok(kept < 320 * m, "after two vectors grew to 80 MiB six times, %zu MiB are kept", kept / m);
}

void growth(void)
{
	growth_of_a_vector();
	growth_after_a_move();
	growth_without_copies();
	growth_in_turns();
}
