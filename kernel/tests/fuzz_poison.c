// SPDX-License-Identifier: GPL-2.0
/*
 * An operation: a page has a memory error. Nobody can touch it, a child neither; all other pages keep
 * their bytes, and once it has been given back, it is new memory.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "t_child.h"

#define ADVICE_HWPOISON 100
/* In one run. Each of them takes up to 2 MiB from the guest for ever. */
#define POISONED_MAX 40

/* The kernel touches it for us: a handler that jumped out of a signal would lose the protection keys. */
static bool is_lost(unsigned int v, bool write_it)
{
	ssize_t n;
	int fd[2];

	if (pipe2(fd, O_CLOEXEC))
		return fail_injecting;
	if (write_it)
		n = write(fd[1], "x", 1) == 1 ? read(fd[0], page_at(v), 1) : -1;
	else
		n = write(fd[1], page_at(v), 1);
	close(fd[0]);
	close(fd[1]);
	return n < 0;
}

/* Whether there was a page to mark. What it answers beyond that doesn't say whether it is marked. */
static bool poison(struct slice *s, unsigned int v)
{
	int err;

	error_expected = true;
	err = retried(madvise(page_at(v), PAGE, ADVICE_HWPOISON)) ? errno : 0;
	error_expected = false;
	record_call(s, "memory error in %u, errno %d", v, err);
	return err != EINVAL && err != EPERM && err != ENOMEM && err != EFAULT;
}

static bool lost_in_a_child(unsigned int v)
{
	pid_t pid = retried(syscall(SYS_fork));

	if (!pid)
		_exit(!(is_lost(v, false) && is_lost(v, true)));
	return pid < 0 ? fail_injecting : succeeded(wait_for(pid));
}

static bool do_poison(struct slice *s)
{
	unsigned int v, n;

	if (!random_forked(s, &v, &n) || atomic_fetch_add(&shared->poisoned, 1) >= POISONED_MAX)
		return false;
	v += below(s, n);
	others_rest();
	/* Then it is ours alone: no relative loses it. */
	write_page(s, v);
	retried(munlock(page_at(v), PAGE));
	if (!poison(s, v))
		return false;
	/* Its entry stays, as the kernel can't unmap what isn't on its lists. */
	if (retried(madvise(page_at(v), PAGE, MADV_DONTNEED)))
		fail_test(s, "MADV_DONTNEED of a lost page: errno %d", errno);
	if (once_in(s, 3))
		write_to("/proc/sys/vm/drop_caches", "2");
	if (!is_lost(v, false) || !is_lost(v, true))
		fail_test(s, "page %u has a memory error and can be touched", v);
	if (once_in(s, 2) && !lost_in_a_child(v))
		fail_test(s, "page %u has a memory error and a child can touch it", v);
	if (retried(madvise(page_at(v), PAGE, MADV_REMOVE)))
		fail_test(s, "MADV_REMOVE of a lost page: errno %d", errno);
	model_write(v, 0);
	check_page(s, v, "given back after a memory error");
	check_window(s, false, "after a memory error");
	return true;
}

const struct op poison_ops[] = {
	{ .name = "memory error", .weight = 1, .run = do_poison, .lacks = "memory-failure" },
	{ .name = NULL },
};
