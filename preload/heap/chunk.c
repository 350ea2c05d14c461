// SPDX-License-Identifier: MIT
/* Chunks: addresses of the window with memory of a backend behind them. */
#include "heap/chunk.h"

#include "backend/backend.h"
#include "window/reserve.h"
#include "window/window.h"

struct span *chunk_map(unsigned int arena, uint32_t pages, const struct span *like)
{
	struct span *s = window_take(pages, arena);
	enum backend_choice got;
	bool done;

	if (!s)
		return NULL;
	if (like) {
		got = like->backend;
		done = backend_by(got)->map(page_address(s->first), span_bytes(s));
	} else {
		done = backend_map(page_address(s->first), span_bytes(s), &got);
	}
	s->backend = (uint8_t)got;
	if (done)
		return s;
	/* mmap may have left nothing there: see that it is reserved. */
	reserve_over(page_address(s->first), span_bytes(s));
	window_give(s);
	return NULL;
}

bool chunk_unmap(struct span *s)
{
	if (!reserve_over(page_address(s->first), span_bytes(s)))
		return false;
	window_give(s);
	return true;
}
