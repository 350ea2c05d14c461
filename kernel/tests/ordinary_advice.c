// SPDX-License-Identifier: GPL-2.0
/* Each advice of madvise(2), and what the memory holds after it. */
#include <errno.h>

#include "t_child.h"
#include "t_device.h"
#include "ordinary.h"

/* Those that a distribution's headers may not have yet. */
#define ADVICE_FREE 8
#define ADVICE_WIPEONFORK 18
#define ADVICE_KEEPONFORK 19
#define ADVICE_COLD 20
#define ADVICE_PAGEOUT 21
#define ADVICE_POPULATE_READ 22
#define ADVICE_POPULATE_WRITE 23
#define ADVICE_COLLAPSE 25
#define ADVICE_HWPOISON 100
#define ADVICE_SOFT_OFFLINE 101
#define ADVICE_GUARD_INSTALL 102
#define ADVICE_GUARD_REMOVE 103

static void advise(char *p, int advice)
{
	if (saw_result(madvise(p, LEN, advice), "0"))
		saw("%s", content(p));
}

#define ADVICE(name, advice) \
	static void name(char *p) \
	{ \
		advise(p, advice); \
	}

ADVICE(normal, MADV_NORMAL)
ADVICE(random_order, MADV_RANDOM)
ADVICE(sequential, MADV_SEQUENTIAL)
ADVICE(will_need, MADV_WILLNEED)
ADVICE(dont_need, MADV_DONTNEED)
ADVICE(remove_it, MADV_REMOVE)
ADVICE(huge_page, MADV_HUGEPAGE)
ADVICE(no_huge_page, MADV_NOHUGEPAGE)
ADVICE(collapse, ADVICE_COLLAPSE)
ADVICE(dont_dump, MADV_DONTDUMP)
ADVICE(do_dump, MADV_DODUMP)
ADVICE(cold, ADVICE_COLD)
ADVICE(page_out, ADVICE_PAGEOUT)
ADVICE(mergeable, MADV_MERGEABLE)

/* What it holds depends on whether memory was short. */
static void lazy_free(char *p)
{
	saw_result(madvise(p, LEN, ADVICE_FREE), "0");
}

static int child_reads(void *p)
{
	saw("a child has %s", content(p));
	return 0;
}

static void dont_fork(char *p)
{
	saw_result(madvise(p, LEN, MADV_DONTFORK), "0");
	in_child(child_reads, p);
	saw_result(madvise(p, LEN, MADV_DOFORK), "0");
	in_child(child_reads, p);
}

static void wipe_on_fork(char *p)
{
	saw_result(madvise(p, LEN, ADVICE_WIPEONFORK), "0");
	in_child(child_reads, p);
	saw_result(madvise(p, LEN, ADVICE_KEEPONFORK), "0");
	in_child(child_reads, p);
}

static void populate(char *p)
{
	char *fresh = more_memory(LEN);
	unsigned char present[LEN / PAGE];

	(void)p;
	if (madvise(fresh, LEN, ADVICE_POPULATE_WRITE) && errno == EINVAL) {
		saw("none");
		return;
	}
	must(!mincore(fresh, LEN, present));
	for (unsigned long i = 0; i < LEN / PAGE; i++)
		if (!(present[i] & 1)) {
			saw("page %lu isn't there", i);
			return;
		}
	saw("all there");
	saw_result(madvise(fresh, LEN, ADVICE_POPULATE_READ), "0");
	saw("%s", content(fresh));
}

static void guard(char *p)
{
	if (madvise(p, LEN, ADVICE_GUARD_REMOVE)) {
		saw("none");
		return;
	}
	saw_result(madvise(p, LEN, ADVICE_GUARD_INSTALL), "0");
	saw("%s", content(p));
	saw_result(madvise(p, LEN, ADVICE_GUARD_REMOVE), "0");
	saw("%s", content(p));
}

/* One page only, as it is lost. Newer kernels signal that at once. */
static void poison_one(char *p)
{
	(void)!madvise(p + 5 * PAGE, PAGE, ADVICE_HWPOISON);
}

static void poison(char *p)
{
	signal_of(poison_one, p);
	saw("%s", content(p));
}

static void soft_offline(char *p)
{
	saw_result(madvise(p + 5 * PAGE, PAGE, ADVICE_SOFT_OFFLINE), "0");
	saw("%s", content(p));
}

const struct row advice_rows[] = {
	{ "MADV_NORMAL", normal },
	{ "MADV_RANDOM", random_order },
	{ "MADV_SEQUENTIAL", sequential },
	{ "MADV_WILLNEED", will_need },
	{ "MADV_DONTNEED", dont_need },
	{ "MADV_FREE", lazy_free },
	{ "MADV_REMOVE", remove_it },
	{ "MADV_DONTFORK, MADV_DOFORK", dont_fork },
	{ "MADV_WIPEONFORK, MADV_KEEPONFORK", wipe_on_fork },
	{ "MADV_HUGEPAGE", huge_page },
	{ "MADV_NOHUGEPAGE", no_huge_page },
	{ "MADV_COLLAPSE", collapse },
	{ "MADV_DONTDUMP", dont_dump },
	{ "MADV_DODUMP", do_dump },
	{ "MADV_COLD", cold },
	{ "MADV_PAGEOUT", page_out },
	{ "MADV_MERGEABLE", mergeable },
	{ "MADV_POPULATE_READ, MADV_POPULATE_WRITE", populate },
	{ "MADV_GUARD_INSTALL, MADV_GUARD_REMOVE", guard },
	{ "MADV_HWPOISON", poison },
	{ "MADV_SOFT_OFFLINE", soft_offline },
	{ NULL, NULL },
};
