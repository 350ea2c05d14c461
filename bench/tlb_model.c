// SPDX-License-Identifier: MIT
/*
 * A model of a data TLB of two levels, for machines whose counters cannot be read. It
 * follows a program's loads and stores, as valgrind's tool lackey reports them
 * (--trace-mem=yes) on standard input, and asks the kernel which of the program's 2 MiB
 * blocks are mapped by one entry. As a model it has no speculation, no page-walk caches and
 * one thread, and it always replaces the entry that was least recently used.
 *
 *   tlb_model --pid PID [--accesses N]     the page sizes of that process, which are
 *                                          looked up every 500,000 accesses
 *   tlb_model [--huge FROM-TO]...          2 MiB pages in these hexadecimal ranges, for tests
 *
 * The processor is Intel's Skylake-SP: L1 64 entries for 4 KiB pages and 32 for 2 MiB
 * ones, 4 ways each; L2 1536 entries for both, 12 ways (Intel 64 and IA-32
 * Architectures Optimization Reference Manual, table of cache and TLB parameters).
 *
 * Prints a line of JSON. An access that crosses into another page counts for both pages.
 */
#include "../command/pagemap_scan.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE_SHIFT 12
#define HUGE_SHIFT 21
#define LOOK_EVERY 500000
#define BLOCKS_MAX (1 << 20) /* these cover 2 TiB */

/* A set-associative cache of page numbers; in each set the most recently used comes first. */
struct tlb {
	unsigned int sets, ways;
	uint64_t *tags; /* 0 for an empty entry */
};

enum { LOAD, STORE, KINDS };

static struct tlb l1_small = {16, 4, NULL}, l1_huge = {8, 4, NULL}, l2 = {128, 12, NULL};
static uint64_t blocks[BLOCKS_MAX]; /* numbers of 2 MiB blocks that are huge pages, sorted */
static size_t nr_blocks;
static unsigned long instructions, accesses[KINDS], misses[2][KINDS], limit = -1ul;
static pid_t pid;

static void die(const char *what)
{
	fprintf(stderr, "tlb_model: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void tlb_init(struct tlb *t)
{
	t->tags = calloc((size_t)t->sets * t->ways, sizeof(*t->tags));
	if (!t->tags)
		die("calloc");
}

/* Whether the page is in the TLB; from now on it is. */
static bool tlb_access(struct tlb *t, uint64_t page, bool huge)
{
	uint64_t *set = t->tags + page % t->sets * t->ways, tag = page << 2 | (uint64_t)huge << 1 | 1;
	unsigned int i;
	bool hit;

	for (i = 0; i < t->ways - 1 && set[i] != tag; i++)
		;
	hit = set[i] == tag;
	memmove(set + 1, set, i * sizeof(*set));
	set[0] = tag;
	return hit;
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool is_huge(uint64_t block)
{
	static uint64_t last = -1ull;
	static bool was;

	if (block != last) {
		was = bsearch(&block, blocks, nr_blocks, sizeof(*blocks), by_number);
		last = block;
	}
	return was;
}

static void access_page(uint64_t addr, int kind)
{
	bool huge = is_huge(addr >> HUGE_SHIFT);
	uint64_t page = addr >> (huge ? HUGE_SHIFT : PAGE_SHIFT);

	if (tlb_access(huge ? &l1_huge : &l1_small, page, huge))
		return;
	misses[0][kind]++;
	if (!tlb_access(&l2, page, huge))
		misses[1][kind]++;
}

static void add_blocks(uint64_t start, uint64_t end)
{
	for (uint64_t b = start >> HUGE_SHIFT; b < end >> HUGE_SHIFT && nr_blocks < BLOCKS_MAX; b++)
		blocks[nr_blocks++] = b;
}

/* Add the 2 MiB pages of a range. False before Linux 6.7, which cannot tell them like this. */
static bool add_by_scan(int fd, uint64_t start, uint64_t end)
{
	struct pagemap_range ranges[64];

	while (start < end) {
		int n = pagemap_scan(fd, start, end, ranges, 64, &start);

		if (n < 0)
			return false;
		for (int i = 0; i < n; i++)
			add_blocks(ranges[i].start, ranges[i].end);
	}
	return true;
}

/* The same before Linux 6.7: a 2 MiB page is 512 frames in a row, of which the first is a multiple
 * of 512. Only root can see frames. */
static void add_by_frames(int fd, uint64_t start, uint64_t end)
{
	const uint64_t present = 1ull << 63, frame = (1ull << 55) - 1, size = 1 << HUGE_SHIFT;

	for (uint64_t b = (start + size - 1) & ~(size - 1); b + size <= end; b += size) {
		uint64_t entry[512];
		bool huge;

		if (pread(fd, entry, sizeof(entry), b >> PAGE_SHIFT << 3) != sizeof(entry))
			return;
		huge = entry[0] & present && entry[0] & frame && !(entry[0] & 511);
		for (unsigned int i = 1; i < 512 && huge; i++)
			huge = entry[i] & present && (entry[i] & frame) == (entry[0] & frame) + i;
		if (huge)
			add_blocks(b, b + size);
	}
}

/* Ask the kernel which blocks are 2 MiB pages now. */
static void look_up_blocks(void)
{
	char path[64], line[512];
	FILE *maps;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "r");
	if (fd < 0 || !maps) { /* the process has ended: the last answer stays */
		if (maps)
			fclose(maps);
		return;
	}
	nr_blocks = 0;
	while (fgets(line, sizeof(line), maps)) {
		uint64_t start, end;
		char access;

		if (sscanf(line, "%lx-%lx %c", &start, &end, &access) != 3 || end - start < 1 << HUGE_SHIFT ||
		    start >> 47)
			continue;
		if (!add_by_scan(fd, start, end))
			add_by_frames(fd, start, end);
	}
	qsort(blocks, nr_blocks, sizeof(*blocks), by_number);
	fclose(maps);
	close(fd);
}

static void access_to(uint64_t addr, uint64_t size, int kind)
{
	accesses[kind]++;
	access_page(addr, kind);
	if (size && addr >> PAGE_SHIFT != (addr + size - 1) >> PAGE_SHIFT)
		access_page(addr + size - 1, kind);
	if (pid && (accesses[LOAD] + accesses[STORE]) % LOOK_EVERY == 0)
		look_up_blocks();
}

/* Read the trace. Its lines are "I  addr,size", " L addr,size", " S addr,size" and " M addr,size";
 * other lines are messages of valgrind. */
static void follow_trace(void)
{
	char line[256];

	while (accesses[LOAD] + accesses[STORE] < limit && fgets(line, sizeof(line), stdin)) {
		uint64_t addr, size;
		char *end;

		if (line[0] == 'I') {
			instructions++;
			continue;
		}
		if (line[0] != ' ' || !line[1] || !strchr("LSM", line[1]))
			continue;
		addr = strtoull(line + 3, &end, 16);
		if (*end != ',')
			continue;
		size = strtoull(end + 1, NULL, 10);
		access_to(addr, size, line[1] == 'S' ? STORE : LOAD);
		if (line[1] == 'M')
			access_to(addr, size, STORE);
	}
}

static const struct argp_option options[] = {
    {"pid", 'p', "PID", 0, "ask the kernel for the page sizes of this process", 0},
    {"accesses", 'a', "N", 0, "stop after N accesses", 0},
    {"huge", 'h', "FROM-TO", 0, "these hexadecimal addresses lie in 2 MiB pages", 0},
    {0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	uint64_t from, to;
	char *end;

	switch (key) {
	case 'p':
	case 'a':
		errno = 0;
		from = strtoull(arg, &end, 10);
		if (errno || *end || end == arg || *arg == '-' || !from || (key == 'p' && from > INT32_MAX))
			argp_error(state, "'%s' is not a positive number", arg);
		if (key == 'p')
			pid = (pid_t)from;
		else
			limit = from;
		return 0;
	case 'h':
		if (sscanf(arg, "%lx-%lx", &from, &to) != 2 || from >= to)
			argp_error(state, "'%s' is not a range FROM-TO", arg);
		add_blocks(from, to);
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
	    options, parse_option, NULL, "A model of a data TLB, driven by lackey's trace.", NULL, NULL, NULL};

	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	tlb_init(&l1_small);
	tlb_init(&l1_huge);
	tlb_init(&l2);
	qsort(blocks, nr_blocks, sizeof(*blocks), by_number);
	follow_trace();
	printf("{\"instructions\": %lu, \"loads\": %lu, \"stores\": %lu, \"l1_load_misses\": %lu, \"l1_store_misses\": "
	       "%lu, "
	       "\"l2_load_misses\": %lu, \"l2_store_misses\": %lu, \"huge_blocks\": %zu}\n",
	       instructions, accesses[LOAD], accesses[STORE], misses[0][LOAD], misses[0][STORE], misses[1][LOAD],
	       misses[1][STORE], nr_blocks);
	return 0;
}
