// SPDX-License-Identifier: GPL-2.0
/*
 * Operations that leave mappings in place and tell the kernel how to treat
 * them: madvise(), mlock(), userfaultfd's marks. Only MADV_REMOVE changes bytes.
 */
#include "fuzz.h"

#include <linux/userfaultfd.h>
#include <sys/syscall.h>

static int uffd = -1;

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

static void open_uffd(void)
{
	struct uffdio_api api = { .api = UFFD_API, .features = 1 << 15 /* UFFD_FEATURE_WP_ASYNC, 6.7 */ };

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		uffd = -1;
	}
}

/*
 * Marks in the page tables that promotion has to respect. Not UNREGISTER: for
 * mappings that are neither anonymous nor shmem nor hugetlb, which WP_ASYNC
 * admits, 6.12's has a BUG_ON() that can come true (fs/userfaultfd.c,
 * userfaultfd_unregister(): after a merge the same VMA is visited again).
 */
static bool do_uffd(struct slice *s)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	unsigned int v, n;

	if (uffd < 0 || s->depth || !random_stretch(s, &v, &n, 0))
		return false;
	record_call(s, "userfaultfd %u+%u", v, n);
	reg.range = wp.range = (struct uffdio_range){ (uintptr_t)page_at(v), n * PAGE };
	if (once_in(s, 3))
		wp.mode = 0;
	else
		ioctl(uffd, UFFDIO_REGISTER, &reg);
	return !ioctl(uffd, UFFDIO_WRITEPROTECT, &wp);
}

const struct op advice_ops[] = {
	{ .name = "MADV_REMOVE", .weight = 8, .run = do_remove },
	{ .name = "madvise", .weight = 8, .run = do_advise },
	{ .name = "DONTFORK", .weight = 2, .run = do_dontfork },
	{ .name = "mlock", .weight = 3, .run = do_lock },
	{ .name = "userfaultfd", .weight = 3, .run = do_uffd, .prepare = open_uffd },
	{ .name = NULL },
};
