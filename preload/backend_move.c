// SPDX-License-Identifier: MIT
/*
 * Memory moves by its page tables, not by its bytes (mremap(2)), and grows there.
 *
 * A block that was put together of freed ones can consist of several mappings,
 * of which mremap takes one at a time. Where one ends and the next begins we
 * don't keep; their bounds are multiples of 2 MiB, so halving finds them.
 */
#include "internal.h"

#include <sys/mman.h>

#define HOW (MREMAP_MAYMOVE | MREMAP_FIXED)

/*
 * Does one mapping hold all of it? To move it and see would not do: before 6.17
 * mremap empties the target first, and another thread's mmap may settle there.
 * To grow in place over what lies behind fails in any case: EFAULT says why.
 */
bool backend_single(char *p, size_t len)
{
	if (mremap(p, len, len + PAGE_BYTES, 0) == MAP_FAILED)
		return errno != EFAULT;
	munmap(p + len, PAGE_BYTES); /* nothing lay behind: the window's end */
	return true;
}

static bool move(char *p, size_t old_len, char *to, size_t new_len)
{
	size_t front;

	if (backend_single(p, old_len) || old_len <= BLOCK_BYTES)
		return mremap(p, old_len, new_len, HOW, to) == to;
	front = old_len / 2 & ~(BLOCK_BYTES - 1);
	if (!move(p, front, to, front))
		return false;
	if (move(p + front, old_len - front, to + front, new_len - front))
		return true;
	if (!move(to, front, p, front))
		fatal("mremap: a block of %zu bytes could neither be moved nor moved back", old_len);
	return false;
}

bool backend_move(char *p, size_t old_len, char *to, size_t new_len)
{
	int saved = errno;
	bool done = move(p, old_len, to, new_len);

	errno = saved;
	return done;
}
