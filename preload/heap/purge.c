// SPDX-License-Identifier: MIT
/* Memory that has been free for long enough goes back to the kernel, whole 2 MiB blocks
 * at a time. */
#include "heap/purge.h"

#include "backend/backend.h"
#include "heap/arena.h"

#include <pthread.h>

#define REFUSALS_MAX 8 /* of the kernel's, before the rest waits for the next time */

/*
 * Held while memory is on its way back, before any arena's lock. A fork takes it first, so
 * that no child inherits a span that nobody finishes purging.
 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void purge_lock(void)
{
	pthread_mutex_lock(&lock);
}

void purge_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void purge_postfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

/* Without the arena's lock, as this may take long. A backend that can't purge has its
 * memory unmapped by the arena, so there is nothing to do here. */
static bool purge_span(const struct span *s)
{
	const struct backend *backend = backend_by(s->backend);

	if (fixed->before_purge)
		fixed->before_purge();
	return !backend->purge || backend->purge(page_address(s->first), span_bytes(s));
}

size_t purge_arena(unsigned int arena, uint32_t min_age_ms)
{
	unsigned int refusals = 0;
	size_t gone = 0, now;
	struct span *s;

	purge_lock();
	while (refusals < REFUSALS_MAX && (s = arena_purge_begin(arena, min_age_ms))) {
		now = arena_purge_end(s, purge_span(s));
		gone += now;
		refusals += !now;
	}
	if (!min_age_ms)
		gone += arena_purge_clean(arena);
	purge_unlock();
	return gone;
}
