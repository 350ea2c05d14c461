// SPDX-License-Identifier: MIT
/*
 * DPHUGE_BACKEND=hugetlb on a pool that is large enough, too small, and empty, and
 * over forks: memory is right and nobody gets a SIGBUS. Sets vm.nr_hugepages, so it
 * runs in a guest, as root.
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

static long set_pool(int pages)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");

	if (f) {
		fprintf(f, "%d", pages);
		fclose(f);
	}
	return pool("HugePages_Total");
}

static void fill(int seed)
{
	for (int i = 0; i < BLOCKS; i++)
		memset(block[i], seed + i, MIB);
}

static bool right(int seed)
{
	for (int i = 0; i < BLOCKS; i++)
		for (size_t at = 0; at < MIB; at += 512)
			if (block[i][at] != (char)(seed + i))
				return false;
	return true;
}

static void get(void)
{
	for (int i = 0; i < BLOCKS; i++)
		block[i] = malloc(MIB);
}

static void put(void)
{
	for (int i = 0; i < BLOCKS; i++)
		free(block[i]);
	malloc_trim(0);
}

/* All of the pool that is left, held by somebody else. */
static void *take_rest(size_t *len)
{
	void *p;

	*len = (size_t)pool_free() << 21;
	if (!*len)
		return NULL;
	p = mmap(NULL, *len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* Parent and child both write all of it; both see their own. */
static void forked(const char *what)
{
	int status, go[2];
	char byte = 0;
	pid_t pid;

	fill(10);
	if (pipe(go))
		abort();
	pid = fork();
	if (!pid) {
		bool good;

		alarm(300);
		if (read(go[0], &byte, 1) != 1) /* the parent has written */
			_exit(2);
		good = right(10);
		fill(70);
		good &= right(70);
		free(block[0]);
		block[0] = malloc(MIB);
		memset(block[0], 1, MIB);
		_exit(!good);
	}
	fill(40);
	if (write(go[1], &byte, 1) != 1)
		abort();
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "%s: the child's memory is right (status 0x%x)", what, status);
	ok(right(40), "%s: and the parent's", what);
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
	ok(good, "grown to %zu MiB: contents are right", n / MIB);
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
	get();
	fill(1);
	ok(right(1), "memory is right");
	ok(pool_free() <= total - 16, "it is the pool's: %ld of %ld pages are free", pool_free(), total);
	forked("pool with pages left");
	rest = take_rest(&rest_len);
	ok(rest && !pool_free(), "the rest of the pool is taken");
	forked("empty pool");
	growing();
	put();
	before = pool_free();
	ok(before >= 16, "trimmed: %ld pages are the pool's again", before);
	munmap(rest, rest_len);
	rest = mmap(NULL, (size_t)(pool_free() - 5) << 21, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ok(rest != MAP_FAILED && pool_free() == 5, "5 pages are left");
	get();
	fill(3);
	ok(right(3) && !pool_free(), "the first blocks are the pool's, the others ordinary: %ld are free", pool_free());
	forked("some of each");
	growing();
	put();
	ok(pool_free() == 5, "trimmed: %ld pages are the pool's again", pool_free());
	return tap_done();
}
