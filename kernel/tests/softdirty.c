// SPDX-License-Identifier: GPL-2.0
/* Soft-dirty bits, by which CRIU knows what has changed since it looked last: each
 * page written after clear_refs has its bit, in whatever state the memory was and
 * whatever the driver does to it in the background; and what clear_refs has cleared
 * stays clear where nobody writes, but for what a copy or a promotion brings along.
 *
 * Usage: softdirty [--anonymous]: the same of the kernel's own private memory. */
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#include <signal.h>

#define PAGES 64UL
#define WATCHED 8UL /* each eighth page is written */

static bool on_anonymous;

static char *memory(int percent)
{
	char *p;

	if (!on_anonymous)
		return map(2 * BLOCK, percent);
	p = mmap(NULL, 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	madvise(p, 2 * BLOCK, percent ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	return p;
}

static bool soft_dirty(const char *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	must(fd >= 0 && pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * sizeof(entry)) == sizeof(entry));
	close(fd);
	return entry >> 55 & 1;
}

static void clear_bits(void)
{
	must(!write_to("/proc/self/clear_refs", "4"));
}

static void read_all(char *p)
{
	for (unsigned long i = 0; i < PAGES; i++)
		(void)*(volatile char *)(p + i * PAGE);
}

/* Pages that were written since and have no bit. */
static unsigned long lost_by_write(char *p)
{
	unsigned long lost = 0;

	for (unsigned long i = 0; i < PAGES; i += WATCHED)
		p[i * PAGE] = 'w';
	for (unsigned long i = 0; i < PAGES; i += WATCHED)
		lost += !soft_dirty(p + i * PAGE);
	return lost;
}

static pid_t relative(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	must(waitpid(pid, NULL, 0) == pid);
}

/* Let the driver's thread put all in order, for so long as it may take beside other guests. Nothing
 * fails if it hasn't. */
static void settle(char *p)
{
	for (int i = 0; !on_anonymous && i < 400 && vma_flag(p, 2 * BLOCK, " nr"); i++)
		usleep(10000);
}

/* --- what happens before the bits are cleared, and between that and the write --- */

static void nothing(char *p)
{
	(void)p;
}

static void child_came_and_went(char *p)
{
	end(relative());
	settle(p);
}

static void child_came_wrote_and_went(char *p)
{
	pid_t pid = relative();

	memset(p, 'x', 20 * PAGE);
	end(pid);
	settle(p);
}

static pid_t living;

static void child_lives(char *p)
{
	(void)p;
	living = relative();
}

static void mapped_anew(char *p)
{
	if (!on_anonymous)
		must(!madvise(p, 2 * BLOCK, MADV_DONTNEED));
}

static void protected_and_back(char *p)
{
	must(!mprotect(p, 2 * BLOCK, PROT_READ) && !mprotect(p, 2 * BLOCK, PROT_READ | PROT_WRITE));
}

static void shrunk(char *p)
{
	(void)p;
	for (int i = 0; i < 3; i++)
		must(!write_to("/proc/sys/vm/drop_caches", "2"));
}

static void promoted(char *p)
{
	for (unsigned long i = PAGES; i < BLOCK_PAGES; i++)
		p[i * PAGE] = 'p';
}

static const struct step {
	const char *name;
	void (*fn)(char *p);
} before[] = {
	{ "never forked", nothing }, { "forked, the child is gone", child_came_and_went },
	{ "forked and written, the child is gone", child_came_wrote_and_went }, { "a child lives", child_lives },
}, between[] = {
	{ "at once", nothing }, { "read first", read_all }, { "forked in between", child_came_and_went },
	{ "mapped anew and read", mapped_anew }, { "protected and unprotected", protected_and_back },
	{ "the shrinkers came by", shrunk }, { "the block was filled", promoted },
};

static void written(int percent, const struct step *b, const struct step *i)
{
	char *p = memory(percent);
	unsigned long lost;

	living = 0;
	memset(p, 'o', percent ? PAGES * PAGE : 2 * BLOCK);
	clear_bits();
	b->fn(p);
	clear_bits();
	i->fn(p);
	read_all(p);
	lost = lost_by_write(p);
	ok(!lost, "%s, %s, %s: %lu of %lu writes left no bit", percent ? "reservations" : "2 MiB pages", b->name, i->name, lost,
	   PAGES / WATCHED);
	if (living)
		end(living);
	munmap(p, 2 * BLOCK);
}

static int child_writes(void *arg)
{
	char *p = arg;

	clear_bits();
	read_all(p);
	return lost_by_write(p) != 0;
}

static void in_a_child(int percent)
{
	char *p = memory(percent);

	memset(p, 'o', percent ? PAGES * PAGE : 2 * BLOCK);
	ok(in_child(child_writes, p), "%s: a child's own writes leave their bits", percent ? "reservations" : "2 MiB pages");
	munmap(p, 2 * BLOCK);
}

/* A bit that is set without a write makes CRIU save too much, which is slow, not wrong: but a
 * page in a plain, quiet mapping has none. */
static void quiet(int percent)
{
	char *p = memory(percent);
	unsigned long set = 0;

	memset(p, 'o', percent ? PAGES * PAGE : 2 * BLOCK);
	clear_bits();
	read_all(p);
	for (unsigned long i = 0; i < PAGES; i++)
		set += soft_dirty(p + i * PAGE);
	ok(!set, "%s: nobody writes, and %lu of %lu pages have a bit", percent ? "reservations" : "2 MiB pages", set, PAGES);
	munmap(p, 2 * BLOCK);
}

int main(int argc, char **argv)
{
	on_anonymous = argc > 1 && !strcmp(argv[1], "--anonymous");
	for (int percent = 0; percent <= 100; percent += 100) {
		quiet(percent);
		in_a_child(percent);
		for (unsigned int b = 0; b < sizeof(before) / sizeof(*before); b++)
			for (unsigned int i = 0; i < sizeof(between) / sizeof(*between); i++) {
				/* Each settles, so once is enough. */
				if (b && between[i].fn == child_came_and_went)
					continue;
				written(percent, &before[b], &between[i]);
			}
	}
	if (!on_anonymous)
		ok(device_empty(), "nothing is left behind");
	return tap_done();
}
