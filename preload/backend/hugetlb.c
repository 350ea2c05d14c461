// SPDX-License-Identifier: MIT
/*
 * Pages of the pool that root reserves (vm.nr_hugepages), and where the pool has
 * none left, ordinary 2 MiB-aligned memory, block by block.
 *
 * hugetlb memory raises SIGBUS where a page can't be had at a fault. So pages are
 * taken when memory is mapped (MADV_POPULATE_WRITE, Linux 5.14 and newer), and it
 * goes back by unmapping. After a fork a write needs a second page of the pool,
 * and if the parent finds none, the kernel takes the child's away: therefore the
 * child copies all to ordinary memory while the parent's fork() waits. Children by
 * vfork() and posix_spawn() copy nothing and need nothing.
 */
#include "backend/hugetlb.h"

#include "backend/anonymous.h"
#include "base/message.h"
#include "base/sys.h"
#include "window/reserve.h"
#include "window/window.h"

#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#define HUGE_2MB (21 << 26) /* MAP_HUGE_2MB of linux/mman.h */

static _Atomic uint8_t *_Atomic pooled; /* for each block of the window: 1 if it may be of the pool */
static int fork_pipe[2] = {-1, -1};

static size_t block_of(const char *p)
{
	return ((uintptr_t)p - fixed->window) >> BLOCK_SHIFT;
}

static _Atomic uint8_t *pool_marks(void)
{
	_Atomic uint8_t *m = atomic_load(&pooled), *none = NULL;
	size_t len = round_up((size_t)window_pages() / BLOCK_PAGES, PAGE_BYTES);

	if (m)
		return m;
	m = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&pooled, &none, m))
		return m;
	munmap((void *)m, len);
	return none;
}

static bool map_pool(char *p, size_t len)
{
	_Atomic uint8_t *m = pool_marks();

	if (!m ||
	    mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB | HUGE_2MB, -1,
		 0) == MAP_FAILED ||
	    madvise(p, len, MADV_POPULATE_WRITE))
		return false;
	for (size_t b = block_of(p); b < block_of(p) + (len >> BLOCK_SHIFT); b++)
		atomic_store(&m[b], 1);
	return true;
}

static bool hugetlb_map(char *p, size_t len)
{
	size_t at = 0;
	int saved = errno;
	bool done = map_pool(p, len);

	for (; !done && at < len && map_pool(p + at, BLOCK_BYTES); at += BLOCK_BYTES)
		;
	if (!done)
		done = at == len || backend_thp.map(p + at, len - at);
	errno = saved;
	return done;
}

static enum outcome hugetlb_extend(char *p, size_t old_len, size_t new_len)
{
	if (hugetlb_map(p + old_len, new_len - old_len))
		return DONE;
	return reserve_if_free(p + old_len, new_len - old_len) ? FAILED : LOST;
}

/* Blocks of the pool are mappings of their own, and don't grow when they move. */
static bool move_blocks(char *p, size_t len, char *to)
{
	_Atomic uint8_t *m = pool_marks();
	size_t at;

	for (at = 0; at < len; at += BLOCK_BYTES) {
		if (mremap(p + at, BLOCK_BYTES, BLOCK_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, to + at) == MAP_FAILED)
			break;
		if (m)
			atomic_store(&m[block_of(to + at)], m[block_of(p + at)]);
	}
	if (at == len)
		return true;
	while (at) {
		at -= BLOCK_BYTES;
		if (mremap(to + at, BLOCK_BYTES, BLOCK_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, p + at) == MAP_FAILED)
			fatal("mremap: a block of %zu bytes could neither be moved nor moved back", len);
	}
	return false;
}

static bool hugetlb_move(char *p, size_t old_len, char *to, size_t new_len)
{
	int saved = errno;
	bool done = hugetlb_map(to + old_len, new_len - old_len) && move_blocks(p, old_len, to);

	errno = saved;
	return done;
}

static enum outcome hugetlb_replace(char *p, size_t len, char *to)
{
	int saved = errno;
	enum outcome done = FAILED;

	if (move_blocks(p, len, to))
		done = reserve_if_free(p, len) && hugetlb_map(p, len) ? DONE : LOST;
	errno = saved;
	return done;
}

/* --- fork: the locks of all arenas are held ------------------------------------- */

static void hugetlb_prefork(void)
{
	if (atomic_load(&pooled) && pipe2(fork_pipe, O_CLOEXEC))
		fork_pipe[0] = fork_pipe[1] = -1;
}

/* Wait until the child has copied, or is gone. */
static void hugetlb_postfork_parent(void)
{
	char byte;

	if (fork_pipe[0] < 0)
		return;
	sys_close(fork_pipe[1]);
	while (sys_read(fork_pipe[0], &byte, 1) < 0 && errno == EINTR)
		;
	sys_close(fork_pipe[0]);
	fork_pipe[0] = fork_pipe[1] = -1;
}

/*
 * Copy through /proc/self/mem, which returns an error where a load would raise SIGBUS.
 * (process_vm_readv() pins pages, and a shared page must be copied before it is pinned.)
 */
static void copy_block(int mem, char *to, char *from)
{
	size_t done = 0;
	ssize_t n = 0;

	while (mem >= 0 && done < BLOCK_BYTES &&
	       (n = sys_pread(mem, to + done, BLOCK_BYTES - done, (off_t)((uintptr_t)from + done))) > 0)
		done += (size_t)n;
	if (n < 0 && errno == EIO)
		fatal("fork: another thread of the parent wrote to %p, and the hugetlb pool had no page for it",
		      (void *)from);
	if (done < BLOCK_BYTES) /* no /proc */
		memcpy(to + done, from + done, BLOCK_BYTES - done);
}

static void move_out_of_pool(int mem, char *p)
{
	char *copy = mmap(NULL, 2 * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *aligned = (char *)round_up((uintptr_t)copy, BLOCK_BYTES);

	if (copy == MAP_FAILED)
		fatal("fork: there is no memory to copy what is in the hugetlb pool");
	(void)madvise(aligned, BLOCK_BYTES, MADV_HUGEPAGE);
	copy_block(mem, aligned, p);
	if (mremap(aligned, BLOCK_BYTES, BLOCK_BYTES, MREMAP_MAYMOVE | MREMAP_FIXED, p) != p)
		fatal("fork: mremap: the copy of what is in the hugetlb pool could not be put in its place");
	if (aligned > copy)
		munmap(copy, (size_t)(aligned - copy));
	munmap(aligned + BLOCK_BYTES, (size_t)(copy + BLOCK_BYTES - aligned));
}

static void hugetlb_postfork_child(void)
{
	_Atomic uint8_t *m = atomic_load(&pooled);
	int saved = errno, mem = m ? sys_open("/proc/self/mem", O_RDONLY | O_CLOEXEC) : -1;

	for (uint32_t page = 0; m && page < window_pages(); page += BLOCK_PAGES) {
		unsigned int owner = span_owner(page);

		if (m[page / BLOCK_PAGES] && owner != OWNER_WINDOW && owner != OWNER_LOST)
			move_out_of_pool(mem, page_address(page));
		if (m[page / BLOCK_PAGES])
			atomic_store(&m[page / BLOCK_PAGES], 0);
	}
	if (mem >= 0)
		sys_close(mem);
	if (fork_pipe[0] >= 0) {
		sys_close(fork_pipe[0]);
		sys_close(fork_pipe[1]);
		fork_pipe[0] = fork_pipe[1] = -1;
	}
	errno = saved;
}

const struct backend backend_hugetlb = {
    .name = "hugetlb",
    .map = hugetlb_map,
    .extend = hugetlb_extend,
    .move = hugetlb_move,
    .replace = hugetlb_replace,
    .prefork = hugetlb_prefork,
    .postfork_parent = hugetlb_postfork_parent,
    .postfork_child = hugetlb_postfork_child,
};
