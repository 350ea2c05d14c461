/* SPDX-License-Identifier: GPL-2.0 */
/* Pages whose bytes are known, wherever they are mapped: each is full of one byte. */
#ifndef DPH_TEST_KNOWN_H
#define DPH_TEST_KNOWN_H

#include <sys/mman.h>

#include "t_child.h"

#define KNOWN_MAX 16384U

/*
 * struct known - the pages
 * @n: how many
 * @at: where each is mapped
 * @byte: what fills it
 */
struct known {
	unsigned int n;
	char *at[KNOWN_MAX];
	char byte[KNOWN_MAX];
};

/* Add pages that nobody has touched yet. Return the number of the first. */
static inline unsigned int known_add(struct known *k, char *p, unsigned long pages)
{
	unsigned int first = k->n;

	must(k->n + pages <= KNOWN_MAX);
	for (unsigned long i = 0; i < pages; i++, k->n++) {
		k->at[k->n] = p + i * PAGE;
		k->byte[k->n] = 0;
	}
	return first;
}

static inline void known_write(struct known *k, unsigned int i, char byte)
{
	memset(k->at[i], byte, PAGE);
	k->byte[i] = byte;
}

/* Give pages [i, i + n) back, which lie side by side. */
static inline void known_remove(struct known *k, unsigned int i, unsigned int n)
{
	must(!madvise(k->at[i], n * PAGE, MADV_REMOVE));
	memset(k->byte + i, 0, n);
}

/* How many pages have a byte that they should not have. */
static inline unsigned int known_wrong(const struct known *k)
{
	unsigned int wrong = 0;

	for (unsigned int i = 0; i < k->n; i++)
		wrong += !all_bytes(k->at[i], PAGE, k->byte[i]);
	return wrong;
}

/* Every @step-th touched page gets another byte. */
static inline void known_change(struct known *k, unsigned int first, unsigned int step, char byte)
{
	for (unsigned int i = first; i < k->n; i += step)
		if (k->byte[i])
			known_write(k, i, byte);
}

/*
 * Fork. Both sides write, one after the other and at the same time, and each sees
 * what was there at the fork and what it has written itself. Return how many
 * pages are wrong in the parent, plus those of the child, at most 255.
 */
static inline unsigned int known_fork(struct known *k)
{
	unsigned int wrong;
	int written[2];
	int status;
	pid_t pid;
	char x;

	must(!pipe(written));
	pid = fork_now();
	if (!pid) {
		known_change(k, 1, 3, 'c');
		wrong = known_wrong(k);
		must(read(written[0], &x, 1) == 1);
		wrong += known_wrong(k);
		known_change(k, 0, 7, 'd');
		wrong += known_wrong(k);
		_exit(wrong < 255 ? wrong : 255);
	}
	known_change(k, 0, 2, 'p');
	must(write(written[1], "x", 1) == 1);
	wrong = known_wrong(k);
	status = wait_for(pid);
	close(written[0]);
	close(written[1]);
	wrong += known_wrong(k);
	return wrong + (WIFEXITED(status) ? WEXITSTATUS(status) : 255);
}

#endif /* DPH_TEST_KNOWN_H */
