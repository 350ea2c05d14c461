// SPDX-License-Identifier: GPL-2.0
/*
 * With a threshold of T %, a block of which k pages are touched is a 2 MiB page
 * exactly when k / 512 reaches T / 100: for reads and writes, in any order, and
 * if several threads touch it. Each mapping may have its own threshold.
 */
#include <pthread.h>

#include "t_device.h"
#include "t_memory.h"

static unsigned int order[BLOCK_PAGES];

static void shuffle(unsigned int seed)
{
	srandom(seed);
	for (unsigned int i = BLOCK_PAGES - 1; i; i--) {
		unsigned int j = random() % (i + 1), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

enum { FORWARD, BACKWARD, RANDOM, STRIDED, NR_ORDERS };
static const char *const order_name[] = { "forward", "backward", "random", "strided" };

static void make_order(int kind)
{
	for (unsigned int i = 0; i < BLOCK_PAGES; i++)
		order[i] = kind == BACKWARD ? BLOCK_PAGES - 1 - i :
			   kind == STRIDED ? (i * 37) % BLOCK_PAGES : i;
	if (kind == RANDOM)
		shuffle(42);
}

static bool huge(const char *p)
{
	return all_huge(p, BLOCK);
}

/* With how many touched pages a block must become a 2 MiB page: ceil(T * 512 / 100), at least 1. */
static unsigned int turning_point(unsigned int percent)
{
	unsigned int need = (percent * BLOCK_PAGES + 99) / 100;

	return need ? need : 1;
}

/* A read touches a page as a write does. */
static void touch(volatile char *p, unsigned int page, bool write)
{
	if (write)
		p[page * PAGE] = (char)page;
	else
		(void)p[page * PAGE];
}

static void exact(unsigned int percent, int kind, bool write)
{
	unsigned int need = turning_point(percent), wrong = 0;
	unsigned long copied = stat_of("promote_copies");
	unsigned long fallbacks = stat_of("fallbacks");
	char *p = map(BLOCK, percent);

	make_order(kind);
	for (unsigned int k = 1; k <= BLOCK_PAGES; k++) {
		touch(p, order[k - 1], write);
		/* Around the turning point each time, elsewhere now and then. */
		if (k + 3 >= need || k % 64 == 0)
			wrong += huge(p) != (k >= need);
		if (k > need + 3)
			break;
	}
	ok(!wrong, "T=%u %%, %s, %s: a 2 MiB page from touch %u on", percent, order_name[kind],
	   write ? "writes" : "reads", need);
	if (stat_of("fallbacks") == fallbacks && stat_of("promote_copies") != copied)
		ok(false, "promotion copies nothing");
	munmap(p, BLOCK);
}

struct job {
	char *p;
	unsigned int first, last;
};

static pthread_barrier_t barrier;

static void *toucher(void *arg)
{
	struct job *job = arg;

	pthread_barrier_wait(&barrier);
	for (unsigned int k = job->first; k < job->last; k++) {
		touch(job->p, order[k], true);
		touch(job->p, order[(k * 7) % job->last], false); /* others' pages too */
	}
	return NULL;
}

/* Pages [first, last) of the order, shared out to four threads. */
static void touch_together(char *p, unsigned int first, unsigned int last)
{
	struct job job[4];
	pthread_t thread[4];

	pthread_barrier_init(&barrier, NULL, 4);
	for (unsigned int t = 0; t < 4; t++) {
		job[t] = (struct job){ p, first + (last - first) * t / 4,
				       first + (last - first) * (t + 1) / 4 };
		must(!pthread_create(&thread[t], NULL, toucher, &job[t]));
	}
	for (unsigned int t = 0; t < 4; t++)
		pthread_join(thread[t], NULL);
	pthread_barrier_destroy(&barrier);
}

/* No page beyond job->last is touched early, as k * 7 % last < last. */
static void exact_with_threads(unsigned int percent, unsigned int round)
{
	unsigned int need = turning_point(percent);
	unsigned int wrong = 0;
	char *p = map(BLOCK, percent);

	make_order(FORWARD);
	shuffle(round);
	touch_together(p, 0, need - 1);
	wrong += huge(p);
	touch(p, order[need - 1], true);
	wrong += !huge(p);
	munmap(p, BLOCK);

	p = map(BLOCK, percent);
	touch_together(p, 0, BLOCK_PAGES);
	wrong += !huge(p);
	for (unsigned int i = 0; i < BLOCK_PAGES; i++)
		wrong += p[i * PAGE] != (char)i || !all_bytes(p + i * PAGE + 1, PAGE - 1, 0);
	ok(!wrong, "T=%u %%, 4 threads, round %u: exact, and no touch is lost", percent, round);
	munmap(p, BLOCK);
}

static void per_mapping(void)
{
	struct dphuge_threshold t = { .size = sizeof(t), .percent = 100 };
	char *a = map(BLOCK, 25), *b = map(BLOCK, 75);
	int fd = device();

	for (unsigned int i = 0; i < 128; i++)
		a[i * PAGE] = b[i * PAGE] = 1;
	ok(huge(a) && !huge(b), "each mapping has its own threshold");
	t.addr = (uintptr_t)b + 5;
	must(!ioctl(fd, DPHUGE_IOC_THRESHOLD, &t));
	ok(info_of(b).threshold == 100 && info_of(a).threshold == 25, "and it can be changed later");
	for (unsigned int i = 128; i < BLOCK_PAGES - 1; i++)
		b[i * PAGE] = 1;
	must(!huge(b));
	b[BLOCK - 1] = 1;
	ok(huge(b), "T=100 %%: the last page makes it a 2 MiB page");
	close(fd);
	munmap(a, BLOCK);
	munmap(b, BLOCK);
}

static void module_parameter(void)
{
	char text[16];
	unsigned long old = number_in(PARAMS, "threshold");
	char *p;

	must(!write_to(PARAMS "threshold", "10"));
	p = map(BLOCK, DEFAULT_PERCENT);
	ok(info_of(p).threshold == 10, "the module parameter sets new mappings' threshold");
	munmap(p, BLOCK);
	snprintf(text, sizeof(text), "%lu", old);
	must(!write_to(PARAMS "threshold", text));
}

int main(void)
{
	static const unsigned int percents[] = { 0, 1, 25, 33, 50, 75, 99, 100 };

	for (unsigned int i = 0; i < COUNT_OF(percents); i++)
		for (int kind = 0; kind < NR_ORDERS; kind++)
			exact(percents[i], kind, (i + kind) % 2);
	for (unsigned int round = 0; round < 10; round++)
		exact_with_threads(round % 2 ? 50 : 90, round);
	per_mapping();
	module_parameter();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
