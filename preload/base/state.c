// SPDX-License-Identifier: MIT
/* The page that is read-only after start, and the only code that writes it then. */
#include "base/state.h"

#include "base/boot.h"

#include <sys/mman.h>

union state_page state_page __attribute__((aligned(4096))) = {
    .s = {.small = {boot_malloc, boot_calloc, boot_realloc, boot_free, boot_usable}},
};

_Static_assert(sizeof(state_page) == PAGE_BYTES, "nothing else is on its page");
_Static_assert(offsetof(struct state, beacon) == 0, "tools look for it at the start of a page");

struct state *state_open(void)
{
	return &state_page.s;
}

void state_seal(void)
{
	(void)mprotect(&state_page, sizeof(state_page), PROT_READ);
}

void state_shrink_window(size_t bytes)
{
	(void)mprotect(&state_page, sizeof(state_page), PROT_READ | PROT_WRITE);
	atomic_store(&state_page.s.window_bytes, bytes);
	state_page.s.beacon.window_len = bytes;
	(void)mprotect(&state_page, sizeof(state_page), PROT_READ);
}
