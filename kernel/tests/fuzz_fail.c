// SPDX-License-Identifier: GPL-2.0
/* How allocations are made to fail: the kernel's fault injection, by debugfs. */
#include "fuzz_fail.h"

#include <sys/mount.h>

#include "fuzz.h"

bool fail_injecting;

/* Failures only where a process asks for them. The driver's thread is made to ask, too. */
void fail_start(void)
{
	static const char *const set[][2] = {
		{ "failslab/task-filter", "Y" },
		{ "failslab/probability", "1" },
		{ "failslab/times", "-1" },
		{ "failslab/verbose", "0" },
		{ "failslab/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/task-filter", "Y" },
		{ "fail_page_alloc/probability", "1" },
		{ "fail_page_alloc/times", "-1" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
	};

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL); /* it may be mounted already */
	for (unsigned int i = 0; i < COUNT_OF(set); i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", set[i][0]);
		must(!write_to(path, set[i][1]));
	}
	must(!system("for p in /proc/[0-9]*; do "
		     "[ \"$(cat $p/comm)\" = dphuge ] && echo 1 > $p/make-it-fail; done; :"));
}

void fail_here(bool on)
{
	if (fail_injecting)
		while (write_to("/proc/thread-self/make-it-fail", on ? "1" : "0"))
			;
}

bool fail_again(void)
{
	if (!fail_injecting || (errno != ENOMEM && errno != EAGAIN && errno != EFAULT && errno != ENOBUFS))
		return false;
	atomic_fetch_add(&shared->again, 1);
	return true;
}
