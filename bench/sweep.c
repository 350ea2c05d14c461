// SPDX-License-Identifier: MIT
/*
 * The part of bench/policy-sweep that runs in the guest: access patterns on /dev/dphuge,
 * with one mapping in one process for each threshold and pattern, and programs under the
 * library. Prints a line of JSON for each.
 *
 *   sweep HOG_KEEPS_MIB MIB PERCENTS PATTERNS       patterns
 *   sweep run NAME PERCENTS COMMAND [ARG...]        a program
 *
 * HOG_KEEPS_MIB: another process takes memory until so much is available; if it is 0, there
 * is no such process. PERCENTS: thresholds, separated by commas; "adaptive" is the default
 * of the module.
 *
 * Costs are read from the time stamp counter, and for programs from their CPU time. Both
 * are instructions if the guest's clock counts them (scripts/vm --icount).
 */
#include "xorshift.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>
#include <x86intrin.h>

#include "../kernel/include/uapi/dphuge.h"

#define PAGE 4096u
#define BLOCK_PAGES 512u

static char *heap;
static unsigned int pages;
static bool *touched; /* for each page, whether it has been touched since it was last given back */
static uint64_t seed = XORSHIFT_SEED;

static void die(const char *what)
{
	fprintf(stderr, "sweep: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A random number from 0 to n - 1. */
static uint32_t random_below(uint32_t n)
{
	return (xorshift(&seed) >> 16) % n;
}

/* Write into a page, and not zeroes, as the policy looks at the contents. */
static void touch_page(uint32_t page)
{
	memset(heap + (size_t)page * PAGE + 64 * (page % 60), 1 + page % 200, 64);
	touched[page] = true;
}

static void touch_in_sequence(void)
{
	for (uint32_t i = 0; i < pages; i++)
		touch_page(i);
}

/* Touch the pages [first, first + n) in random order (Fisher-Yates). */
static void touch_shuffled(uint32_t first, uint32_t n)
{
	uint32_t *order = malloc(n * sizeof(*order));

	if (!order)
		die("malloc");
	for (uint32_t i = 0; i < n; i++)
		order[i] = first + i;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t j = random_below(i), t = order[i - 1];

		order[i - 1] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < n; i++)
		touch_page(order[i]);
	free(order);
}

static void touch_all_at_random(void)
{
	touch_shuffled(0, pages);
}

static void touch_few_at_random(void)
{
	for (uint32_t i = 0; i < pages / 20; i++)
		touch_page(random_below(pages));
}

static void touch_every_16th(void)
{
	for (uint32_t i = 0; i < pages; i += 16)
		touch_page(i);
}

/* A third of each block is used. Here a low threshold costs most. */
static void touch_a_third(void)
{
	for (uint32_t b = 0; b < pages / BLOCK_PAGES; b++)
		for (uint32_t i = 0; i < BLOCK_PAGES; i += 3)
			touch_page(b * BLOCK_PAGES + i);
}

/* One block of eight is used everywhere, the others only here and there. */
static void touch_hot_and_cold(void)
{
	for (uint32_t b = 0; b < pages / BLOCK_PAGES; b++) {
		if (b % 8 == 3)
			touch_shuffled(b * BLOCK_PAGES, BLOCK_PAGES);
		for (uint32_t i = 0; i < 6; i++)
			touch_page(b * BLOCK_PAGES + random_below(BLOCK_PAGES));
	}
}

static void touch_and_give_back(void)
{
	for (unsigned int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < pages; i++)
			touch_page(i);
		for (uint32_t b = 0; b < pages / BLOCK_PAGES; b++) {
			uint32_t n = b % 2 ? BLOCK_PAGES : BLOCK_PAGES / 4 * 3;

			if (madvise(heap + (size_t)b * DPHUGE_BLOCK, (size_t)n * PAGE, MADV_REMOVE))
				die("MADV_REMOVE");
			memset(touched + b * BLOCK_PAGES, 0, n);
		}
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} patterns[] = {
    {"sequential", touch_in_sequence},
    {"random dense", touch_all_at_random},
    {"random sparse", touch_few_at_random},
    {"strided", touch_every_16th},
    {"a third", touch_a_third},
    {"hot and cold", touch_hot_and_cold},
    {"grow and shrink", touch_and_give_back},
};

/* How many of the touched pages lie in 2 MiB pages. */
static unsigned long count_in_huge_pages(int fd)
{
	struct dphuge_block blocks[256];
	struct dphuge_blocks arg = {
	    .size = sizeof(arg), .count = pages / BLOCK_PAGES, .addr = (uintptr_t)heap, .blocks = (uintptr_t)blocks};
	unsigned long n = 0;

	if (ioctl(fd, DPHUGE_IOC_BLOCKS, &arg))
		die("DPHUGE_IOC_BLOCKS");
	for (uint32_t i = 0; i < pages; i++)
		n += touched[i] && (blocks[i / BLOCK_PAGES].state & DPHUGE_BLOCK_HUGE);
	return n;
}

/* Run one pattern with one threshold in a new mapping, and print the result. */
static void run_pattern(const char *percent, unsigned int which)
{
	struct dphuge_threshold t = {.size = sizeof(t), .percent = strcmp(percent, "adaptive") ? atoi(percent) : 0};
	struct dphuge_info info = {.size = sizeof(info)};
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);
	unsigned long used = 0;
	uint64_t cost;

	if (fd < 0 || (strcmp(percent, "adaptive") && ioctl(fd, DPHUGE_IOC_THRESHOLD, &t)))
		die(DPHUGE_DEVICE);
	heap = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	touched = calloc(pages, sizeof(*touched));
	if (heap == MAP_FAILED || !touched)
		die("mmap");
	memset(touched, 0, pages * sizeof(*touched));
	cost = __rdtsc();
	patterns[which].run();
	cost = __rdtsc() - cost;
	info.addr = (uintptr_t)heap;
	if (ioctl(fd, DPHUGE_IOC_INFO, &info))
		die("DPHUGE_IOC_INFO");
	for (uint32_t i = 0; i < pages; i++)
		used += touched[i];
	printf("{\"pattern\": \"%s\", \"threshold\": \"%s\", \"faults\": %llu, \"instructions\": %llu, "
	       "\"touched_kib\": %lu,"
	       " \"held_kib\": %llu, \"huge_kib\": %lu}\n",
	       patterns[which].name, percent, (unsigned long long)info.faults, (unsigned long long)cost, used * 4,
	       (unsigned long long)info.held / 1024, count_in_huge_pages(fd) * 4);
	fflush(stdout);
}

static unsigned long available_kib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[128];

	if (!f)
		die("/proc/meminfo");
	while (fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %lu", &kib);
	fclose(f);
	return kib;
}

/* Start a process that leaves only @mib MiB available, until this process ends. */
static void start_hog(unsigned int mib)
{
	int ready[2];
	char c;

	if (pipe(ready))
		die("pipe");
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (available_kib() > mib * 1024UL) {
			char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

			if (p == MAP_FAILED)
				die("hog");
		}
		if (write(ready[1], "x", 1) != 1)
			die("hog");
		pause();
	}
	if (read(ready[0], &c, 1) != 1)
		die("hog");
}

/* Whether a list of names, separated by commas, has this one. */
static bool has_name(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, name, n) && (!p[n] || p[n] == ','))
			return true;
	return false;
}

static char *next_word(char **list)
{
	return strsep(list, ",");
}

static void wait_for_child(pid_t pid, struct rusage *usage)
{
	int status;

	if (pid < 0 || wait4(pid, &status, 0, usage) != pid)
		die("fork");
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "sweep: a child ended with status %#x\n", status);
		exit(1);
	}
}

/* Run the command under the library with each threshold. Its output goes to /dev/null, and the
 * library's report is read through a pipe. */
static void run_program(const char *name, char *percents, char **command)
{
	for (char *percent; (percent = next_word(&percents));) {
		unsigned long in_huge = 0, resident = 0;
		struct rusage usage;
		uint64_t cost;
		char line[512];
		FILE *report;
		int fd[2];
		pid_t pid;

		if (pipe(fd))
			die("pipe");
		pid = fork();
		if (!pid) {
			int null = open("/dev/null", O_RDWR);

			dup2(null, 0);
			dup2(null, 1);
			dup2(fd[1], 2);
			close(fd[0]);
			setenv("LD_PRELOAD", getenv("LIBDPHUGE"), 1);
			setenv("DPHUGE_STATS", "1", 1);
			if (strcmp(percent, "adaptive"))
				setenv("DPHUGE_PROMOTE", percent, 1);
			execvp(command[0], command);
			die(command[0]);
		}
		close(fd[1]);
		report = fdopen(fd[0], "r");
		while (report && fgets(line, sizeof(line), report)) {
			char *colon = strstr(line, "coverage: ");

			unsigned long huge, of;

			/* A pipeline prints several reports; the one of the largest process counts. */
			if (colon && sscanf(colon, "coverage: %lu of %lu resident", &huge, &of) == 2 && of > resident) {
				in_huge = huge;
				resident = of;
			}
		}
		wait_for_child(pid, &usage);
		/* The time stamp counter would also count while a program waits for the disk. */
		cost = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
		       (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
		fclose(report);
		printf("{\"pattern\": \"%s\", \"threshold\": \"%s\", \"faults\": %ld, \"instructions\": %llu,"
		       " \"touched_kib\": %lu, \"held_kib\": %ld, \"huge_kib\": %lu}\n",
		       name, percent, usage.ru_minflt, (unsigned long long)cost, resident / 1024, usage.ru_maxrss,
		       in_huge / 1024);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	if (argc > 4 && !strcmp(argv[1], "run")) {
		run_program(argv[2], argv[3], argv + 4);
		return 0;
	}
	if (argc != 5 || atoi(argv[2]) < 2 || atoi(argv[2]) > 512) {
		fprintf(
		    stderr,
		    "usage: sweep HOG_KEEPS_MIB MIB(2..512) PERCENTS PATTERNS | sweep run NAME PERCENTS COMMAND...\n");
		return 2;
	}
	pages = atoi(argv[2]) / 2 * BLOCK_PAGES;
	if (atoi(argv[1]))
		start_hog(atoi(argv[1]));
	for (char *percents = argv[3], *percent; (percent = next_word(&percents));)
		for (unsigned int i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
			pid_t pid;

			if (!has_name(argv[4], patterns[i].name) && !has_name(argv[4], "all"))
				continue;
			pid = fork();
			if (!pid) {
				run_pattern(percent, i);
				exit(0);
			}
			wait_for_child(pid, NULL);
		}
	return 0;
}
