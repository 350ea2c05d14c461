// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that leave mappings in place and tell the kernel how to treat
 * them: madvise(), mlock(). Only MADV_REMOVE changes bytes.
 */
#include "fuzz.h"

#include <sys/syscall.h>

static bool do_remove(struct slice *s)
{
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "MADV_REMOVE %u+%u", v, n);
	retried(munlock(page_at(v), n * PAGE));
	if (retried(madvise(page_at(v), n * PAGE, MADV_REMOVE)))
		fail_test(s, "MADV_REMOVE: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		model_write(v + i, 0);
	if (once_in(s, 3))
		check_page(s, v + below(s, n), "after MADV_REMOVE");
	return true;
}

static bool do_advise(struct slice *s)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_FREE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD, MADV_PAGEOUT, 22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */,
		25 /* COLLAPSE */, MADV_DONTDUMP, MADV_DODUMP, MADV_MERGEABLE, MADV_WIPEONFORK, 24 /* DONTNEED_LOCKED */,
		12345,
	};
	int advice = advices[below(s, COUNT_OF(advices))];
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, 0))
		return false;
	record_call(s, "madvise %u+%u %d", v, n, advice);
	return !madvise(page_at(v), n * PAGE, advice);
}

static bool do_dontfork(struct slice *s)
{
	bool dont = once_in(s, 3);
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, 0))
		return false;
	record_call(s, "%s %u+%u", dont ? "DONTFORK" : "DOFORK", v, n);
	if (retried(madvise(page_at(v), n * PAGE, dont ? MADV_DONTFORK : MADV_DOFORK)))
		fail_test(s, "DONTFORK: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		vpages[v + i].dontfork = dont;
	return true;
}

static bool do_lock(struct slice *s)
{
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, 0))
		return false;
	record_call(s, "mlock %u+%u", v, n);
	if (once_in(s, 3))
		return !syscall(SYS_mlock2, page_at(v), n * PAGE, 1 /* MLOCK_ONFAULT */);
	if (once_in(s, 2))
		return !mlock(page_at(v), n * PAGE);
	return !munlock(page_at(v), n * PAGE);
}

const struct op advice_ops[] = {
	{ .name = "MADV_REMOVE", .weight = 8, .run = do_remove },
	{ .name = "madvise", .weight = 8, .run = do_advise },
	{ .name = "DONTFORK", .weight = 2, .run = do_dontfork },
	{ .name = "mlock", .weight = 3, .run = do_lock },
	{ .name = NULL },
};
