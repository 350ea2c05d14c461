// SPDX-License-Identifier: GPL-2.0
/*
 * No byte that the process did not write is ever anything but zero, at a first
 * touch, after a discard, and in a child. First another process fills the free
 * memory with a pattern, so that a page which is not cleared shows it. Run with
 * init_on_alloc=0, or the page allocator clears what the driver forgets.
 */
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define BLOCKS 48

static char model[BLOCKS * BLOCK_PAGES]; /* what each page was filled with */

static unsigned long wrong_pages(const char *p)
{
	unsigned long wrong = 0;

	for (unsigned int i = 0; i < BLOCKS * BLOCK_PAGES; i++)
		wrong += !all_bytes(p + i * PAGE, PAGE, model[i]);
	return wrong;
}

/* Random touches, writes and discards; then every byte is looked at. Return 0 if all are right. */
static int live(char *p, unsigned int seed, unsigned int steps)
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

	return live(l->p, l->seed, 400);
}

static void round_of(int percent)
{
	char *p = map(BLOCKS * BLOCK, percent);
	struct lives l = { p, 77 };
	unsigned long wrong = 0;

	memset(model, 0, sizeof(model));
	/*
	 * One byte is written in each block, then all are read: this finds 2 MiB that are
	 * mapped although only 4 KiB of them were cleared.
	 */
	for (unsigned int b = 0; b < BLOCKS; b++) {
		p[b * BLOCK + (b * 13 % BLOCK_PAGES) * PAGE] = 0;
		wrong += !all_bytes(p + b * BLOCK, BLOCK, 0);
	}
	ok(!wrong, "T=%d %%: a first touch shows nothing but zeroes", percent);
	must(!madvise(p, BLOCKS * BLOCK, MADV_REMOVE));
	ok(!wrong_pages(p), "T=%d %%: after MADV_REMOVE of everything all is zero", percent);
	must(!madvise(p, BLOCKS * BLOCK, MADV_REMOVE));
	ok(!live(p, 1234 + percent, 3000),
	   "T=%d %%: all is right after 3,000 steps of touches, promotions and discards", percent);
	ok(in_child(child_life, &l), "T=%d %%: and after more of them in a child", percent);
	ok(!live(p, 4321 + percent, 1000), "T=%d %%: and in the parent after the child", percent);
	munmap(p, BLOCKS * BLOCK);
}

int main(void)
{
	static const int percents[] = { DEFAULT_PERCENT, 0, 20, 50, 100 };
	unsigned int fill_percent = 85;

	for (unsigned int i = 0; i < COUNT_OF(percents); i++) {
		must(in_child(fill_free_memory, &fill_percent));
		round_of(percents[i]);
	}
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
