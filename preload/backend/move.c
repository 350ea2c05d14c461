// SPDX-License-Identifier: MIT
/*
 * Memory moves by its page tables, not by its bytes (mremap(2)), and grows there.
 *
 * A block that was put together of freed ones can consist of several mappings, of which
 * mremap takes one at a time. We keep no record of where one ends and the next begins;
 * their bounds are multiples of 2 MiB, so halving finds them.
 */
#include "backend/move.h"

#include "base/message.h"
#include "base/units.h"

#include <sys/mman.h>

/*
 * To move it and see would not do: before Linux 6.17 mremap empties the target first, and
 * another thread's mmap may settle there. To grow in place over what lies behind fails in
 * any case: EFAULT says that it was because of several mappings.
 */
bool move_is_single(char *p, size_t len)
{
	if (mremap(p, len, len + PAGE_BYTES, 0) == MAP_FAILED)
		return errno != EFAULT;
	munmap(p + len, PAGE_BYTES); /* nothing lay behind: the window's end */
	return true;
}

static bool move_halves(char *p, size_t old_len, char *to, size_t new_len)
{
	size_t front;

	if (move_is_single(p, old_len) || old_len <= BLOCK_BYTES)
		return mremap(p, old_len, new_len, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to;
	front = round_down(old_len / 2, BLOCK_BYTES);
	if (!move_halves(p, front, to, front))
		return false;
	if (move_halves(p + front, old_len - front, to + front, new_len - front))
		return true;
	if (!move_halves(to, front, p, front))
		fatal("mremap: a block of %zu bytes could neither be moved nor moved back", old_len);
	return false;
}

bool move_memory(char *p, size_t old_len, char *to, size_t new_len)
{
	int saved = errno;
	bool done = move_halves(p, old_len, to, new_len);

	errno = saved;
	return done;
}
