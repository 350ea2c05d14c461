// SPDX-License-Identifier: GPL-2.0
/*
 * A page in which a memory error was found: who touches it gets SIGBUS with its address, all
 * other pages of its block keep their bytes, and it never reaches anybody again. The error is
 * injected (MADV_HWPOISON; root).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

#define BAD 5UL /* the page that is hit */
#define TOUCHED 64UL

static sigjmp_buf back;
static volatile sig_atomic_t expected; /* the signal; elsewhere a page has come back that must not */
static siginfo_t info;

static void on_bus(int sig, siginfo_t *i, void *context)
{
	(void)sig;
	(void)context;
	if (!expected)
		bail("SIGBUS at %p", i->si_addr);
	expected = 0;
	info = *i;
	siglongjmp(back, 1);
}

/* Touch @p, for writing or not. True: it can't be. */
static bool is_gone(char *p, bool write)
{
	memset(&info, 0, sizeof(info));
	if (sigsetjmp(back, 1))
		return true;
	expected = 1;
	if (write)
		*(volatile char *)p = 'x';
	else
		(void)*(volatile char *)p;
	expected = 0;
	return false;
}

/* It is gone, and the signal says so as for other memory. */
static bool is_poisoned(char *p, bool write)
{
	if (!is_gone(p, write))
		return false;
	if (info.si_code == BUS_MCEERR_AR && info.si_addr == p && info.si_addr_lsb == 12)
		return true;
	printf("# code %d at %p, of %d bits; %p was touched\n", info.si_code, info.si_addr, info.si_addr_lsb, p);
	return false;
}

/* The kernel may also tell us at once. Its entries go, as the core doesn't know our memory. */
static void hit(char *p)
{
	if (!sigsetjmp(back, 1)) {
		expected = 1;
		(void)!madvise(p + BAD * PAGE, PAGE, MADV_HWPOISON);
	}
	expected = 0;
	must(!madvise(p, BLOCK, MADV_DONTNEED));
}

/* All touched pages but that one have their byte. */
static bool others_right(char *p, unsigned long touched)
{
	for (unsigned long i = 0; i < touched; i++)
		if (i != BAD && (is_gone(p + i * PAGE, false) || p[i * PAGE] != 'A'))
			return false;
	return true;
}

static void touch(char *p, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		p[i * PAGE] = 'A';
}

static void kind(const char *what, char *p, unsigned long touched)
{
	hit(p);
	ok(is_poisoned(p + BAD * PAGE, false), "%s: who reads the page gets SIGBUS with its address", what);
	ok(is_poisoned(p + BAD * PAGE, true), "%s: and who writes", what);
	ok(others_right(p, touched), "%s: all others have their bytes", what);
	ok(is_poisoned(p + BAD * PAGE, false) && !huge_kb(p, BLOCK), "%s: it is in no 2 MiB page after that", what);
	munmap(p, BLOCK);
}

/* Poisoned as it must be, and all else is as it was. */
static bool right(char *p, unsigned long touched)
{
	return is_poisoned(p + BAD * PAGE, false) && is_poisoned(p + BAD * PAGE, true) && others_right(p, touched);
}

static int child_meets(void *arg)
{
	char *p = arg;

	if (!right(p, TOUCHED))
		return 1;
	touch(p, BAD);
	return !others_right(p, TOUCHED);
}

/* --- a block that has such a page, of each kind --- */

static char *huge_page(void)
{
	char *p = map(BLOCK, 0);

	touch(p, BLOCK_PAGES);
	hit(p);
	return p;
}

static char *reservation(void)
{
	char *p = map(BLOCK, 100);

	touch(p, TOUCHED);
	hit(p);
	return p;
}

static pid_t with_copies; /* a relative without which the thread would fold them */

static char *single_pages(void)
{
	char *p = map(BLOCK, 0);

	touch(p, BLOCK_PAGES);
	with_copies = sleeping_child();
	touch(p, TOUCHED);
	hit(p);
	return p;
}

static const struct {
	const char *name;
	char *(*make)(void);
	unsigned long touched;
} blocks[] = {
	{ "2 MiB page", huge_page, BLOCK_PAGES },
	{ "reservation", reservation, TOUCHED },
	{ "single page", single_pages, BLOCK_PAGES },
};

static void forked(unsigned int kind, char *p)
{
	ok(in_child(child_meets, p), "%s, after a fork: a child gets SIGBUS too, and has all other bytes", blocks[kind].name);
	ok(right(p, blocks[kind].touched), "%s: and so does the parent", blocks[kind].name);
}

/* A reservation is broken up by that, and its single pages copied. */
static void shrunk(unsigned int kind, char *p)
{
	for (int i = 0; i < 3; i++)
		must(!write_to("/proc/sys/vm/drop_caches", "2"));
	ok(right(p, blocks[kind].touched), "%s, after the shrinkers came by: it is still lost, all else is right", blocks[kind].name);
}

/* The thread has nothing to wait for any more. What it does takes less than the two seconds. */
static void folded(unsigned int kind, char *p)
{
	unsigned long before = stat_of("promote_aborts");
	char *other = map(BLOCK, 0);
	pid_t pid;

	if (with_copies)
		kill_child(with_copies);
	with_copies = 0;
	touch(other, BLOCK_PAGES);
	pid = sleeping_child();
	touch(other, TOUCHED);
	kill_child(pid);
	ok(becomes(all_huge(other, BLOCK)), "%s: meanwhile the thread makes 2 MiB pages of others", blocks[kind].name);
	ok(right(p, blocks[kind].touched), "%s, after the thread came by: it is still lost, all else is right", blocks[kind].name);
	before = stat_of("promote_aborts") - before;
	ok(!before, "%s: it has not tried to fold it (%lu times)", blocks[kind].name, before);
	munmap(other, BLOCK);
}

/* What is given back is new memory where it is touched again. */
static void discarded(unsigned int kind, char *p)
{
	char *bad = p + BAD * PAGE;
	bool zero;

	must(!madvise(bad, PAGE, MADV_REMOVE));
	zero = !is_gone(bad, false) && !*bad;
	ok(zero && !is_gone(bad, true) && *bad == 'x' && others_right(p, blocks[kind].touched),
	   "%s, given back alone: zeroes, and it can be written", blocks[kind].name);
}

static void (*const fates[])(unsigned int kind, char *p) = { forked, shrunk, folded, discarded };

/* A page of a reservation that nobody has touched is no loss. */
static void never_touched(void)
{
	char *p = map(BLOCK, 75), text[32];
	unsigned long entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY);

	touch(p, BAD);
	must(pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * sizeof(entry)) == sizeof(entry));
	close(fd);
	/* A reservation's pages lie side by side. */
	snprintf(text, sizeof(text), "%#lx", ((entry & ((1UL << 55) - 1)) + BAD) * PAGE);
	(void)write_to("/sys/devices/system/memory/hard_offline_page", text);
	touch(p, BLOCK_PAGES);
	p[BAD * PAGE] = 'A';
	ok(others_right(p, BLOCK_PAGES) && p[BAD * PAGE] == 'A', "a page that was bad before it was touched: all can be used");
	ok(!huge_kb(p, BLOCK), "in single pages");
	munmap(p, BLOCK);
}

/* Pages that have just been given back are the first to be used again. */
static int touches_all(void *arg)
{
	size_t len = meminfo_kb("MemFree") * 1024UL / 10 * 8 / BLOCK * BLOCK;
	char *p = *(int *)arg < 0 ? anonymous(len) : map(len, *(int *)arg);

	for (size_t i = 0; i < len; i += PAGE)
		if (is_gone(p + i, true))
			return 1;
	return 0;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_bus, .sa_flags = SA_SIGINFO };
	int huge = 0, small = 100, none = -1;
	char *p;
	pid_t pid;

	must(!write_to(PARAMS "pool_mib", "0"));
	must(!sigaction(SIGBUS, &action, NULL));
	p = map(BLOCK, 0);
	touch(p, BLOCK_PAGES);
	ok(all_huge(p, BLOCK), "a block is a 2 MiB page");
	kind("a 2 MiB page", p, BLOCK_PAGES);
	p = map(BLOCK, 100);
	touch(p, TOUCHED);
	kind("a reservation", p, TOUCHED);
	p = map(BLOCK, 0);
	touch(p, BLOCK_PAGES);
	pid = sleeping_child();
	touch(p, TOUCHED); /* copied */
	kind("a single page", p, BLOCK_PAGES);
	kill_child(pid); /* not before: the thread would fold the page, and so read it */
	for (unsigned int kind = 0; kind < 3; kind++)
		for (unsigned int i = 0; i < sizeof(fates) / sizeof(*fates); i++) {
			p = blocks[kind].make();
			fates[i](kind, p);
			munmap(p, BLOCK);
			if (with_copies)
				kill_child(with_copies);
			with_copies = 0;
		}
	never_touched();
	/* Single pages that it doesn't know. */
	ok(becomes(stat_of("bytes") == stat_of("held_bytes")) && stat_of("bytes") <= 5 * PAGE,
	   "nothing is left behind but what the core keeps: %lu kB", KB(stat_of("bytes")));
	ok(in_child(touches_all, &huge) && in_child(touches_all, &small) && in_child(touches_all, &none),
	   "no such page reaches anybody again, as a 2 MiB page, a reservation or the kernel's own memory");
	return tap_done();
}
