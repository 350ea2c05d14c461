// SPDX-License-Identifier: MIT
/*
 * DPHUGE_QUARANTINE: what was freed last can't be touched. A pointer that is used
 * after free raises SIGSEGV there, in the place of reading another's data.
 */
#include "internal.h"

#include <sys/mman.h>

/* Guards the list, which is linked by span->next, and its sum. Taken before an
 * arena's lock. */
pthread_mutex_t quarantine_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t oldest, newest;
static size_t held;

static bool protect(const struct span *s, int prot)
{
	int saved = errno;
	bool done = !mprotect(page_address(s->first), span_bytes(s), prot);

	errno = saved;
	return done;
}

/* The oldest is free. If it can't be made accessible again, nobody gets it. */
static void release_oldest(void)
{
	struct span *s = span_by_id(oldest);
	struct arena *a = &arenas[s->arena];

	oldest = s->next;
	if (!oldest)
		newest = 0;
	s->next = 0;
	held -= span_bytes(s);
	if (!protect(s, PROT_READ | PROT_WRITE))
		return;
	pthread_mutex_lock(&a->lock);
	s->freed_ms = clock_ms();
	arena_free(a, s);
	pthread_mutex_unlock(&a->lock);
}

/* Keep a span that was freed. False: it can't be protected; free it. */
bool quarantine_add(struct span *s)
{
	if (!protect(s, PROT_NONE))
		return false;
	pthread_mutex_lock(&quarantine_lock);
	s->next = 0;
	if (newest)
		span_by_id(newest)->next = span_id(s);
	else
		oldest = span_id(s);
	newest = span_id(s);
	held += span_bytes(s);
	while (held > fixed->config.quarantine)
		release_oldest();
	pthread_mutex_unlock(&quarantine_lock);
	return true;
}
