// SPDX-License-Identifier: GPL-2.0
/* No byte that the process did not write is ever non-zero. First another
 * process fills all free memory with a pattern, so that a page that is not
 * cleared shows. Run with init_on_alloc=0, or the page allocator hides it. */
#include "t.h"

#define PATTERN 0x5a
#define BLOCKS 48

static char model[BLOCKS * BLOCK_PAGES]; /* what each page was filled with */

static int fill_memory(void *arg)
{
	size_t len = meminfo_kb("MemAvailable") * 1024UL / 100 * 85;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)arg;
	must(p != MAP_FAILED);
	memset(p, PATTERN, len);
	return 0;
}

static unsigned long wrong_pages(const char *p)
{
	unsigned long wrong = 0;

	for (unsigned int i = 0; i < BLOCKS * BLOCK_PAGES; i++)
		wrong += !all_bytes(p + i * PAGE, PAGE, model[i]);
	return wrong;
}

static unsigned int next_random(unsigned int *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 8;
}

/* Random touches, writes and discards; then every byte is looked at. */
static int life(char *p, unsigned int seed, unsigned int steps)
{
	for (unsigned int s = 0; s < steps; s++) {
		unsigned int i = next_random(&seed) % (BLOCKS * BLOCK_PAGES), n;

		switch (next_random(&seed) % 16) {
		default: /* whole pages, so that the model stays simple */
			model[i] = 1 + next_random(&seed) % 100;
			memset(p + i * PAGE, model[i], PAGE);
			break;
		case 13:
			if (!all_bytes(p + i * PAGE, PAGE, model[i]))
				return 1;
			break;
		case 14:
			n = 1 + next_random(&seed) % 40;
			if (next_random(&seed) % 4 == 0) {
				i &= ~(BLOCK_PAGES - 1);
				n = BLOCK_PAGES;
			}
			if (i + n > BLOCKS * BLOCK_PAGES)
				n = BLOCKS * BLOCK_PAGES - i;
			must(!madvise(p + i * PAGE, n * PAGE, MADV_REMOVE));
			memset(model + i, 0, n);
			break;
		case 15: /* a dense run */
			n = 1 + next_random(&seed) % 300;
			for (; n && i < BLOCKS * BLOCK_PAGES; n--, i++) {
				model[i] = 7;
				memset(p + i * PAGE, 7, PAGE);
			}
			break;
		}
	}
	return wrong_pages(p) != 0;
}

struct lives {
	char *p;
	unsigned int seed;
};

static int child_life(void *arg)
{
	struct lives *l = arg;

	return life(l->p, l->seed, 400);
}

static void round_of(int percent)
{
	char *p = map(BLOCKS * BLOCK, percent);
	struct lives l = { p, 77 };
	unsigned long wrong = 0;

	memset(model, 0, sizeof(model));
	/* One byte in each block, then read it all: the trap of mapping 2 MiB
	 * of which 4 KiB were cleared.
	 */
	for (unsigned int b = 0; b < BLOCKS; b++) {
		p[b * BLOCK + (b * 13 % BLOCK_PAGES) * PAGE] = 0;
		wrong += !all_bytes(p + b * BLOCK, BLOCK, 0);
	}
	ok(!wrong, "T=%d %%: a first touch shows zeroes only", percent);
	must(!madvise(p, BLOCKS * BLOCK, MADV_REMOVE));
	ok(!wrong_pages(p), "T=%d %%: zero after MADV_REMOVE of all", percent);
	must(!madvise(p, BLOCKS * BLOCK, MADV_REMOVE));
	ok(!life(p, 1234 + percent, 3000), "T=%d %%: 3,000 steps of touch, promote, discard", percent);
	ok(in_child(child_life, &l), "T=%d %%: the same in a child", percent);
	ok(!life(p, 4321 + percent, 1000), "T=%d %%: and in the parent after it", percent);
	munmap(p, BLOCKS * BLOCK);
}

int main(void)
{
	static const int percents[] = { DEFAULT_PERCENT, 0, 20, 50, 100 };

	for (unsigned int i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
		must(in_child(fill_memory, NULL));
		round_of(percents[i]);
	}
	ok(device_empty(), "nothing is left behind");
	return t_done();
}
