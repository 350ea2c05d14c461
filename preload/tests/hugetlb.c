// SPDX-License-Identifier: MIT
/*
 * With DPHUGE_BACKEND=hugetlb, memory is right and no process gets SIGBUS, whether
 * hugetlb's pool of pages is large enough, too small or empty, and across forks. What
 * is trimmed is the pool's again. The test sets vm.nr_hugepages, so it runs in a guest,
 * as root.
 */
#include "../../tests/tap.h"

#include <malloc.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1ul << 20)
#define BLOCKS 30 /* of 1 MiB, in chunks of 32 MiB */

static char *block[BLOCKS];

/* A field of /proc/meminfo, or -1. */
static long pool(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[200];
	long value = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)))
			value = atol(line + strlen(field) + 1);
	if (f)
		fclose(f);
	return value;
}

static long pool_free(void)
{
	return pool("HugePages_Free") - pool("HugePages_Rsvd");
}

/* Return how many pages the pool has then. */
static long set_pool(int pages)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (f) {
		fprintf(f, "%d", pages);
		fclose(f);
	}
	return pool("HugePages_Total");
}

static void fill_blocks(int seed)
{
	for (int i = 0; i < BLOCKS; i++)
		memset(block[i], seed + i, MIB);
}

static bool blocks_right(int seed)
{
	for (int i = 0; i < BLOCKS; i++)
		for (size_t at = 0; at < MIB; at += 512)
			if (block[i][at] != (char)(seed + i))
				return false;
	return true;
}

static void allocate_blocks(void)
{
	for (int i = 0; i < BLOCKS; i++)
		block[i] = malloc(MIB);
}

static void free_blocks(void)
{
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
	malloc_trim(0);
}

/* Another mapping takes all pages that are left in the pool. */
static void *take_rest(size_t *len)
{
	void *p;

	*len = (size_t)pool_free() << 21;
	if (!*len)
		return NULL;
	p = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Parent and child both write all blocks, and each sees its own bytes. */
static void forked(const char *what)
{
	int status, go[2];
	char byte = 0;
	pid_t pid;

	fill_blocks(10);
	if (pipe(go))
		abort();
	pid = fork();
	if (!pid) {
		bool good;

		alarm(300);
		if (read(go[0], &byte, 1) != 1) /* until the parent has written */
			_exit(2);
		good = blocks_right(10);
		fill_blocks(70);
		good &= blocks_right(70);
		free(block[0]);
		block[0] = malloc(MIB);
		memset(block[0], 1, MIB);
		_exit(!good);
	}
	fill_blocks(40);
	if (write(go[1], &byte, 1) != 1)
		abort();
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "%s: the child's memory is right (status 0x%x)", what, status);
	ok(blocks_right(40), "%s: and so is the parent's", what);
	close(go[0]);
	close(go[1]);
}

static void growing(void)
{
	char *p = malloc(3 * MIB), *behind = NULL;
	bool good = true;
	size_t n = 3 * MIB;

	memset(p, 5, n);
	for (int i = 0; i < 20; i++) {
		p = realloc(p, n + 5 * MIB);
		memset(p + n, 5, 5 * MIB);
		n += 5 * MIB;
		if (i == 15)
			behind = malloc(70 * MIB);
	}
	for (size_t at = 0; at < n; at += 4096)
		good &= p[at] == 5;
	ok(good, "a block grows to %zu MiB and its bytes are right", n / MIB);
	free(p);
	free(behind);
}

int main(void)
{
	size_t rest_len;
	long total, before;
	void *rest;

	if (set_pool(80) < 60) {
		printf("Bail out! no hugetlb pool can be had\n");
		return 1;
	}
	total = pool("HugePages_Total");
	allocate_blocks();
	fill_blocks(1);
	ok(blocks_right(1), "memory is right");
	ok(pool_free() <= total - 16, "it comes from the pool, which has %ld of %ld pages left", pool_free(), total);
	forked("a pool with pages left");
	rest = take_rest(&rest_len);
	ok(rest && !pool_free(), "all other pages of the pool are taken");
	forked("an empty pool");
	growing();
	free_blocks();
	before = pool_free();
	ok(before >= 16, "after malloc_trim the pool has %ld pages again", before);
	munmap(rest, rest_len);
	rest = mmap(NULL, (size_t)(pool_free() - 5) << 21, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ok(rest != MAP_FAILED && pool_free() == 5, "the pool has 5 pages left");
	allocate_blocks();
	fill_blocks(3);
	ok(blocks_right(3) && !pool_free(),
	   "the first blocks come from the pool, the others are ordinary memory: the pool has %ld pages left",
	   pool_free());
	forked("blocks of both kinds");
	growing();
	free_blocks();
	ok(pool_free() == 5, "after malloc_trim the pool has its %ld pages again", pool_free());
	return tap_done();
}
