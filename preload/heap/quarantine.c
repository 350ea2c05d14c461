// SPDX-License-Identifier: MIT
/*
 * DPHUGE_QUARANTINE: what was freed last can't be touched. A pointer that is used after
 * free raises SIGSEGV there, instead of reading another block's data.
 */
#include "heap/quarantine.h"

#include "base/clock.h"
#include "heap/arena.h"

#include <pthread.h>
#include <sys/mman.h>

/* Guards the list, which is linked by span->next, and its sum. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t oldest, newest; /* spans' numbers; 0: the list is empty */
static size_t held;             /* bytes */

void quarantine_prefork(void)
{
	pthread_mutex_lock(&lock);
}

void quarantine_postfork_parent(void)
{
	pthread_mutex_unlock(&lock);
}

void quarantine_postfork_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

static bool protect_span(const struct span *s, int prot)
{
	int saved = errno;
	bool done = !mprotect(page_address(s->first), span_bytes(s), prot);

	errno = saved;
	return done;
}

/* Free the oldest. If it can't be made accessible again, nobody gets it. */
static void release_oldest(void)
{
	struct span *s = span_by_id(oldest);

	oldest = s->next;
	if (!oldest)
		newest = 0;
	s->next = 0;
	held -= span_bytes(s);
	if (!protect_span(s, PROT_READ | PROT_WRITE))
		return;
	s->freed_ms = clock_ms();
	arena_return(s);
}

bool quarantine_add(struct span *s)
{
	if (!protect_span(s, PROT_NONE))
		return false;
	pthread_mutex_lock(&lock);
	s->next = 0;
	if (newest)
		span_by_id(newest)->next = span_id(s);
	else
		oldest = span_id(s);
	newest = span_id(s);
	held += span_bytes(s);
	while (held > fixed->config.quarantine)
		release_oldest();
	pthread_mutex_unlock(&lock);
	return true;
}
