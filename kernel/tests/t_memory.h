/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel says about memory, and ordinary memory to compare with. */
#ifndef DPH_TEST_MEMORY_H
#define DPH_TEST_MEMORY_H

#include <sys/mman.h>

#include "t.h"

/* A field of /proc/self/smaps in kB, summed over the VMAs in [p, p + len). */
static inline unsigned long smaps_kb(const void *p, size_t len, const char *field)
{
	unsigned long from = (uintptr_t)p, to = from + len, sum = 0, start, end, kb;
	FILE *f = fopen("/proc/self/smaps", "r");
	size_t n = strlen(field);
	bool in = false;
	char line[512];

	must(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start < to && end > from;
		else if (in && !strncmp(line, field, n) && line[n] == ':' &&
			 sscanf(line + n + 1, "%lu", &kb) == 1)
			sum += kb;
	}
	fclose(f);
	return sum;
}

/* Whether a VMA in [p, p + len) has @flag, two letters of VmFlags in /proc/self/smaps. */
static inline bool vma_flag(const void *p, size_t len, const char *flag)
{
	unsigned long from = (uintptr_t)p, to = from + len, start, end;
	FILE *f = fopen("/proc/self/smaps", "r");
	bool in = false, found = false;
	char line[512];

	must(f);
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			in = start < to && end > from;
		else if (in && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag);
	}
	fclose(f);
	return found;
}

/* How much of [p, p + len), memory of the device, is mapped as 2 MiB pages. */
static inline unsigned long huge_kb(const void *p, size_t len)
{
	return smaps_kb(p, len, "FilePmdMapped");
}

static inline bool all_huge(const void *p, size_t len)
{
	return huge_kb(p, len) == KB(len);
}

static inline unsigned long meminfo_kb(const char *field)
{
	FILE *f = fopen("/proc/meminfo", "r");
	size_t n = strlen(field);
	unsigned long kb = 0;
	char line[256];

	must(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, n) && line[n] == ':')
			sscanf(line + n + 1, "%lu", &kb);
	fclose(f);
	return kb;
}

/* Private memory of the kernel's own, whose first touches are still to come. */
static inline char *anonymous(size_t len)
{
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

/* Addresses where nothing may be, so that nothing else settles there. */
static inline char *reserve(size_t len)
{
	char *p = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(p != MAP_FAILED);
	return p;
}

/* A place for @len bytes as well aligned as a driver's mapping is. */
static inline char *aligned_place(size_t len)
{
	char *p = mmap(NULL, len + BLOCK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *at = (char *)(((uintptr_t)p + BLOCK - 1) & ~(BLOCK - 1));

	must(p != MAP_FAILED);
	if (at > p)
		munmap(p, at - p);
	munmap(at + len, p + BLOCK - at);
	return at;
}

/*
 * For in_child(): fill *@arg percent of the free memory with a pattern, so that
 * a page which is not cleared later shows it.
 */
static inline int fill_free_memory(void *arg)
{
	size_t len = meminfo_kb("MemAvailable") * 1024UL / 100 * *(unsigned int *)arg;

	memset(anonymous(len), 0x5a, len);
	return 0;
}

#endif /* DPH_TEST_MEMORY_H */
