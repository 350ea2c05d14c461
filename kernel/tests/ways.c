// SPDX-License-Identifier: GPL-2.0
/* The table of ways that ways.h describes, and what they do, but for userfaultfd's. */
#include "ways.h"

#include <linux/mempolicy.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "t_memory.h"

bool ways_on_anonymous;

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#define MADV_GUARD_INSTALL_ 102
#define MADV_GUARD_REMOVE_ 103

#define ADVICE(name, advice)					\
	static int name(char *p, size_t n)			\
	{							\
		return madvise(p, n, advice) ? errno : 0;	\
	}
ADVICE(dontdump, MADV_DONTDUMP)
ADVICE(dodump, MADV_DODUMP)
ADVICE(random_order, MADV_RANDOM)
ADVICE(sequential, MADV_SEQUENTIAL)
ADVICE(normal, MADV_NORMAL)
ADVICE(hugepage, MADV_HUGEPAGE)
ADVICE(nohugepage, MADV_NOHUGEPAGE)
ADVICE(mergeable, MADV_MERGEABLE)
ADVICE(unmergeable, MADV_UNMERGEABLE)
ADVICE(cold, MADV_COLD)
ADVICE(pageout, MADV_PAGEOUT)
ADVICE(willneed, MADV_WILLNEED)
ADVICE(dontneed, MADV_DONTNEED)
ADVICE(populate_read, MADV_POPULATE_READ)
ADVICE(populate_write, MADV_POPULATE_WRITE)
ADVICE(free_later, MADV_FREE)
ADVICE(wipeonfork, MADV_WIPEONFORK)
ADVICE(keeponfork, MADV_KEEPONFORK)
ADVICE(guard_install, MADV_GUARD_INSTALL_)
ADVICE(guard_remove, MADV_GUARD_REMOVE_)

int ways_dontfork(char *p, size_t n)
{
	return madvise(p, n, MADV_DONTFORK) ? errno : 0;
}

int ways_dofork(char *p, size_t n)
{
	return madvise(p, n, MADV_DOFORK) ? errno : 0;
}

/* Whether private memory is collapsed is the kernel's business: not where too much is shared. */
static int collapse(char *p, size_t n)
{
	return madvise(p, n, MADV_COLLAPSE) && !ways_on_anonymous ? errno : 0;
}

static int protect_read(char *p, size_t n)
{
	return mprotect(p, n, PROT_READ) ? errno : 0;
}

static int protect_none(char *p, size_t n)
{
	return mprotect(p, n, PROT_NONE) ? errno : 0;
}

static int unprotect(char *p, size_t n)
{
	return mprotect(p, n, PROT_READ | PROT_WRITE) ? errno : 0;
}

/* Page by page, so that a 2 MiB entry is never changed as one. */
static int protect_read_by_page(char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 64 * PAGE)
		if (protect_read(p + i, PAGE))
			return errno;
	return 0;
}

static int unprotect_by_page(char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 64 * PAGE)
		if (unprotect(p + i, PAGE))
			return errno;
	return 0;
}

/* A thread's and its children's: one, so that marked parts are alike. */
static _Thread_local int key;

static int key_write_disabled(char *p, size_t n)
{
	key = key ?: pkey_alloc(0, PKEY_DISABLE_WRITE);
	return key < 0 || pkey_mprotect(p, n, PROT_READ | PROT_WRITE, key) ? errno : 0;
}

static int key_read(char *p, size_t n)
{
	key = key ?: pkey_alloc(0, 0);
	return key < 0 || pkey_mprotect(p, n, PROT_READ, key) ? errno : 0;
}

static int key_none(char *p, size_t n)
{
	return pkey_mprotect(p, n, PROT_READ | PROT_WRITE, 0) ? errno : 0;
}

static int clear_soft_dirty(char *p, size_t n)
{
	(void)p, (void)n;
	return write_to("/proc/self/clear_refs", "4");
}

static int clear_accessed(char *p, size_t n)
{
	(void)p, (void)n;
	return write_to("/proc/self/clear_refs", "1");
}

static int lock(char *p, size_t n)
{
	return mlock(p, n) ? errno : 0;
}

static int lock_on_fault(char *p, size_t n)
{
	return mlock2(p, n, MLOCK_ONFAULT) ? errno : 0;
}

static int unlock(char *p, size_t n)
{
	return munlock(p, n) ? errno : 0;
}

static int lock_all(char *p, size_t n)
{
	(void)p, (void)n;
	return mlockall(MCL_CURRENT | MCL_ONFAULT) ? errno : 0;
}

static int unlock_all(char *p, size_t n)
{
	(void)p, (void)n;
	return munlockall() ? errno : 0;
}

static int bind_to_node(char *p, size_t n)
{
	unsigned long node0 = 1;

	return syscall(SYS_mbind, p, n, MPOL_BIND, &node0, 8 * sizeof(node0), 0) ? errno : 0;
}

static int bind_and_move(char *p, size_t n)
{
	unsigned long node0 = 1;

	return syscall(SYS_mbind, p, n, MPOL_BIND, &node0, 8 * sizeof(node0), MPOL_MF_MOVE) ? errno : 0;
}

static int bind_to_none(char *p, size_t n)
{
	return syscall(SYS_mbind, p, n, MPOL_DEFAULT, NULL, 0, 0) ? errno : 0;
}

static int name_it(char *p, size_t n)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, n, "isolation") ? errno : 0;
}

static int unname_it(char *p, size_t n)
{
	return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, p, n, NULL) ? errno : 0;
}

/* Ranges that have been moved; the last one comes back first. */
static _Thread_local struct {
	char *from, *to;
} moved[2];
static _Thread_local unsigned int nr_moved;

/* To a place that is as well aligned, and back, where the neighbours are relatives. */
static int move_away(char *p, size_t n)
{
	size_t offset = (uintptr_t)p & (BLOCK - 1);
	char *to = aligned_place(n + offset) + offset;

	if (mremap(p, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
		return errno;
	moved[nr_moved].from = p;
	moved[nr_moved++].to = to;
	return 0;
}

static int move_back(char *p, size_t n)
{
	char *to = moved[--nr_moved].to;

	return mremap(to, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, p) == MAP_FAILED ? errno : 0;
}

char *ways_place(char *p)
{
	for (unsigned int i = 0; i < nr_moved; i++)
		if (moved[i].from == p)
			return moved[i].to;
	return p;
}

static int unmap_left(char *p, size_t n)
{
	(void)n;
	return munmap(p - BLOCK, BLOCK) ? errno : 0;
}

static int unmap_right(char *p, size_t n)
{
	return munmap(p + n, BLOCK) ? errno : 0;
}

/* Something else right beside it: private memory of the kernel's. */
static int other_neighbour(char *p, size_t n)
{
	(void)n;
	return mmap(p - BLOCK, BLOCK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
		MAP_FAILED ? errno : 0;
}

static int grow_over_right(char *p, size_t n)
{
	(void)p, (void)n;
	/* Shrunk by a block, then grown to its size again. */
	if (mremap(p, n + BLOCK, n, 0) == MAP_FAILED)
		return errno;
	return mremap(p, n, n + BLOCK, 0) == MAP_FAILED ? errno : 0;
}

static int shrinkers_come_by(char *p, size_t n)
{
	(void)p, (void)n;
	for (int i = 0; i < 3; i++) {
		int err = write_to("/proc/sys/vm/drop_caches", "2");

		if (err)
			return err;
	}
	return 0;
}

static int nothing(char *p, size_t n)
{
	(void)p, (void)n;
	return 0;
}

/* The rest the director does, to this process. */
pid_t ways_victim;

static int advise_by_process(char *p, size_t n, int advice)
{
	int pidfd = syscall(SYS_pidfd_open, ways_victim, 0), err;
	struct iovec range = { p, n };

	if (pidfd < 0)
		return errno;
	err = syscall(SYS_process_madvise, pidfd, &range, 1, advice, 0) < 0 ? errno : 0;
	close(pidfd);
	return err;
}

static int cold_by_process(char *p, size_t n)
{
	return advise_by_process(p, n, MADV_COLD);
}

static int pageout_by_process(char *p, size_t n)
{
	return advise_by_process(p, n, MADV_PAGEOUT);
}

static int willneed_by_process(char *p, size_t n)
{
	return advise_by_process(p, n, MADV_WILLNEED);
}

static int collapse_by_process(char *p, size_t n)
{
	int err = advise_by_process(p, n, MADV_COLLAPSE);

	return ways_on_anonymous ? 0 : err;
}

/* Kernels; the debug kernel is a 6.12. */
enum { V6_1 = 1, V6_12 = 2, V7_3 = 4, DEBUG_6_12 = 8, EVERY = 15, KERNELS_OF_DEBIAN = 7 };

const struct way ways[] = {
	{ "nothing", nothing, nothing, SINGLE },
	{ "mprotect to R and back", protect_read, unprotect, LOCKS | SPLITS },
	{ "mprotect to NONE and back", protect_none, unprotect, HIDES | LOCKS | SPLITS },
	{ "mprotect of single pages", protect_read_by_page, unprotect_by_page, LOCKS },
	{ "pkey_mprotect to a key that forbids writes", key_write_disabled, key_none, LOCKS | SPLITS },
	{ "pkey_mprotect to R and back", key_read, key_none, LOCKS | SPLITS },
	{ "userfaultfd protects, and gives back", ways_uffd_take_sync, ways_uffd_give, LOCKS | LOCAL },
	{ "userfaultfd protects asynchronously", ways_uffd_take_async, nothing, LOCAL | SINGLE },
	{ "userfaultfd protects asynchronously, and gives back", ways_uffd_take_async, ways_uffd_give, LOCAL },
	{ "PAGEMAP_SCAN protects, userfaultfd gives back", ways_uffd_take_scan, ways_uffd_give, LOCAL },
	{ "userfaultfd forbids reads and writes (RWP)", ways_uffd_take_rwp, ways_uffd_give_rwp, LOCAL },
	{ "clear_refs of soft-dirty bits", clear_soft_dirty, nothing, SINGLE },
	{ "clear_refs of soft-dirty bits, then mprotect", clear_soft_dirty, unprotect, 0 },
	{ "clear_refs of accessed bits", clear_accessed, nothing, SINGLE },
	{ "mlock and munlock", lock, unlock, SPLITS | LOCAL },
	{ "mlock2(ONFAULT) and munlock", lock_on_fault, unlock, SPLITS | LOCAL },
	{ "mlockall and munlockall", lock_all, unlock_all, LOCAL | WHOLE },
	{ "MADV_DONTFORK and DOFORK", ways_dontfork, ways_dofork, SPLITS | LOCAL | NOT_FORKED },
	{ "MADV_DONTDUMP and DODUMP", dontdump, dodump, SPLITS },
	{ "MADV_RANDOM and NORMAL", random_order, normal, SPLITS },
	{ "MADV_SEQUENTIAL and NORMAL", sequential, normal, SPLITS },
	{ "MADV_HUGEPAGE and NOHUGEPAGE", hugepage, nohugepage, 0 },
	{ "MADV_NOHUGEPAGE and HUGEPAGE", nohugepage, hugepage, 0 },
	{ "MADV_MERGEABLE and UNMERGEABLE", mergeable, unmergeable, 0 },
	{ "mbind and back", bind_to_node, bind_to_none, SPLITS },
	{ "mbind with MPOL_MF_MOVE and back", bind_and_move, bind_to_none, 0 },
	{ "a name by prctl", name_it, unname_it, SPLITS },
	{ "mremap away and back", move_away, move_back, HIDES | LOCKS | SPLITS | MOVES },
	{ "munmap of both neighbours", unmap_left, unmap_right, LOCAL | BEYOND },
	{ "another neighbour", other_neighbour, nothing, SINGLE | BEYOND },
	{ "mremap by a block less, and more again", grow_over_right, nothing, SINGLE | BEYOND },
	{ "MADV_COLD", cold, nothing, SINGLE },
	{ "MADV_PAGEOUT", pageout, nothing, SINGLE },
	{ "MADV_WILLNEED", willneed, nothing, SINGLE },
	{ "MADV_DONTNEED", dontneed, nothing, SINGLE | LOSES },
	{ "MADV_POPULATE_READ and mprotect", populate_read, unprotect, 0 },
	{ "MADV_POPULATE_WRITE", populate_write, nothing, SINGLE },
	{ "MADV_COLLAPSE", collapse, nothing, SINGLE },
	{ "MADV_FREE", free_later, nothing, SINGLE | LOSES },
	{ "MADV_WIPEONFORK and KEEPONFORK", wipeonfork, keeponfork, LOCAL | SPLITS | NOT_FORKED },
	{ "guard pages installed and removed", guard_install, guard_remove, HIDES | LOCKS | LOSES | ENDLESS_IF_WATCHED },
	{ "the shrinkers come by", shrinkers_come_by, nothing, SINGLE },
	{ "process_madvise(MADV_COLD)", cold_by_process, nothing, SINGLE | STRANGER },
	{ "process_madvise(MADV_PAGEOUT)", pageout_by_process, nothing, SINGLE | STRANGER },
	{ "process_madvise(MADV_WILLNEED)", willneed_by_process, nothing, SINGLE | STRANGER },
	{ "process_madvise(MADV_COLLAPSE)", collapse_by_process, nothing, SINGLE | STRANGER },
	/*
	 * These have a run of their own, as what goes wrong stops the kernel. When
	 * userfaultfd_unregister() of 6.12 restores a VMA's flags and the core would
	 * join it to the one on its left but may not, as vm_ops->close forbids that,
	 * the iterator is left on the neighbour and comes by the same VMA again, which
	 * is now a file's that isn't watched: BUG_ON(!vma_can_userfault()).
	 */
	{ "userfaultfd protects, and leaves", ways_uffd_take_sync, ways_uffd_unregister, LEAVES | LOCKS | LOCAL | SPLITS },
	{ "userfaultfd protects asynchronously, and leaves", ways_uffd_take_async, ways_uffd_unregister, LEAVES | LOCAL | SPLITS },
	{ "userfaultfd protects asynchronously, gives back and leaves", ways_uffd_take_async, ways_uffd_give_and_leave, LEAVES | LOCAL },
	{ "userfaultfd watches, and leaves", ways_uffd_watch, ways_uffd_unregister, LEAVES | LOCAL | SPLITS },
};

/*
 * What a kernel refuses, with which errno and why. This list is exact: a refusal
 * that isn't in it fails, and so does one that is and isn't met.
 */
enum { DEVICE = 1, ANONYMOUS = 2, BOTH = 3 };

static const struct refusal refusals[] = {
	{ ways_uffd_take_sync, DEVICE, EVERY, EINVAL, "of files, only those of tmpfs and hugetlbfs can be protected synchronously", NULL },
	{ ways_uffd_take_async, BOTH, V6_1, EINVAL, "came with 6.7", "wp-async" },
	{ ways_uffd_watch, BOTH, V6_1, EINVAL, "came with 6.7", "wp-async" },
	{ ways_uffd_take_scan, BOTH, V6_1, EINVAL, "came with 6.7", "wp-async" },
	{ ways_uffd_take_rwp, BOTH, V6_1 | V6_12 | DEBUG_6_12, EINVAL, "these kernels don't have it yet", NULL },
	{ ways_uffd_take_rwp, DEVICE, V7_3, EINVAL, "not for files of other file systems", NULL },
	{ name_it, BOTH, EVERY, EINVAL, "CONFIG_ANON_VMA_NAME is off in these kernels", NULL },
	{ collapse, DEVICE, EVERY, EINVAL, "not for files that khugepaged doesn't know", NULL },
	{ collapse_by_process, DEVICE, EVERY, EINVAL, "not for files that khugepaged doesn't know", NULL },
	{ free_later, DEVICE, EVERY, EINVAL, "for anonymous memory only", NULL },
	{ wipeonfork, DEVICE, EVERY, EINVAL, "for anonymous memory only", NULL },
	{ guard_install, BOTH, V6_1 | V6_12 | DEBUG_6_12, EINVAL, "came with 6.13, for files with 6.15", "guard-pages" },
};

const unsigned int ways_count = COUNT_OF(ways);

static unsigned int this_kernel(void)
{
	struct utsname u;

	must(!uname(&u));
	if (strstr(u.release, "dphuge-debug"))
		return DEBUG_6_12;
	if (!strncmp(u.release, "6.1.", 4))
		return V6_1;
	if (!strncmp(u.release, "6.12.", 5))
		return V6_12;
	return V7_3; /* others are expected to have what the newest has */
}

static const struct refusal *find_refusal(const struct way *w, unsigned int memory, unsigned int kernels)
{
	for (unsigned int i = 0; i < COUNT_OF(refusals); i++)
		if (refusals[i].take == w->take && refusals[i].kernels & kernels && refusals[i].memory & memory)
			return &refusals[i];
	return NULL;
}

const struct refusal *ways_refusal(const struct way *w)
{
	return find_refusal(w, ways_on_anonymous ? ANONYMOUS : DEVICE, this_kernel());
}

const struct refusal *ways_refusal_anywhere(const struct way *w)
{
	return find_refusal(w, DEVICE, EVERY);
}
