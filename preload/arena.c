// SPDX-License-Identifier: MIT
/*
 * An arena: spans of pages, carved from chunks of the window, cached when they
 * are freed, coalesced with free neighbours, reused newest first.
 *
 * Free spans are clean (they read as zero) or dirty. The two are not merged
 * with each other, so that calloc's knowledge survives. When a dirty span has
 * been idle for the decay time, the whole 2 MiB blocks in it, together with
 * free neighbours in the same block, are given back and become clean. The
 * ends that share a block with something in use stay: to take them away would
 * break a 2 MiB page.
 */
#include "internal.h"

#define FIRST_CHUNK_PAGES ((uint32_t)(32 * MIB / PAGE_BYTES))
#define MAX_CHUNK_PAGES ((uint32_t)(256 * MIB / PAGE_BYTES))

struct arena arenas[ARENAS_MAX + 1] = {
    [0 ... ARENAS_MAX] = {.lock = PTHREAD_MUTEX_INITIALIZER, .chunk_pages = FIRST_CHUNK_PAGES},
};

/* Which one a span has its pages from; they stay apart. */
const struct backend *backend_of(const struct span *span)
{
	return backend_by(span->backend);
}

static unsigned int number_of(const struct arena *arena)
{
	return (unsigned int)(arena - arenas);
}

/* --- lists ----------------------------------------------------------------- */

static bool freed_later(const struct span *s, const struct span *than)
{
	return (int32_t)(s->freed_ms - than->freed_ms) > 0;
}

/* By when it was freed. What a thread has kept may come late; it isn't worth a
 * long search. */
static void age_insert(struct arena *a, struct span *s)
{
	struct span *before = span_by_id(a->newest);

	for (unsigned int i = 0; before && i < 64 && freed_later(before, s); i++)
		before = span_by_id(before->age_prev);
	s->aged = true;
	s->age_prev = span_id(before);
	s->age_next = before ? before->age_next : a->oldest;
	if (before)
		before->age_next = span_id(s);
	else
		a->oldest = span_id(s);
	if (s->age_next)
		span_by_id(s->age_next)->age_prev = span_id(s);
	else
		a->newest = span_id(s);
}

static void age_remove(struct arena *a, struct span *s)
{
	if (!s->aged)
		return;
	s->aged = false;
	if (s->age_prev)
		span_by_id(s->age_prev)->age_next = s->age_next;
	else
		a->oldest = s->age_next;
	if (s->age_next)
		span_by_id(s->age_next)->age_prev = s->age_prev;
	else
		a->newest = s->age_prev;
}

/* A dirty span that can't be purged is on no age list. */
static void link_unaged(struct arena *a, struct span *s, enum span_state how)
{
	s->state = (uint8_t)how;
	span_map(s);
	bins_insert(how == SPAN_CLEAN ? &a->clean : &a->dirty, s);
	if (how == SPAN_DIRTY)
		a->dirty_bytes += span_bytes(s);
}

static void link_free(struct arena *a, struct span *s, enum span_state how)
{
	link_unaged(a, s, how);
	if (how == SPAN_DIRTY)
		age_insert(a, s);
}

static void unlink_free(struct arena *a, struct span *s)
{
	bins_remove(s->state == SPAN_CLEAN ? &a->clean : &a->dirty, s);
	if (s->state == SPAN_DIRTY)
		a->dirty_bytes -= span_bytes(s);
	age_remove(a, s);
}

/* The arena's span that has @page at one of its ends, or NULL. */
static struct span *neighbour(struct arena *a, uint32_t page)
{
	struct span *s;

	if (page >= window_pages() || span_owner(page) != number_of(a))
		return NULL;
	s = span_at(page);
	return s && s->pages && (s->first == page || s->first + s->pages - 1 == page) ? s : NULL;
}

static bool mergeable(const struct span *s, const struct span *with, enum span_state how)
{
	return with && with->state == how && with->backend == s->backend;
}

/* Put a span on the free lists, merged with free neighbours of its kind. */
static struct span *release(struct arena *a, struct span *s, enum span_state how)
{
	struct span *before = s->first ? neighbour(a, s->first - 1) : NULL;
	struct span *after = neighbour(a, s->first + s->pages);

	if (mergeable(s, before, how)) {
		unlink_free(a, before);
		if (freed_later(before, s))
			s->freed_ms = before->freed_ms;
		s->first = before->first;
		s->pages += before->pages;
		span_recycle(before);
	}
	if (mergeable(s, after, how)) {
		unlink_free(a, after);
		if (freed_later(after, s))
			s->freed_ms = after->freed_ms;
		s->pages += after->pages;
		span_recycle(after);
	}
	link_free(a, s, how);
	return s;
}

/* Cut @s after @pages; the rest is a span that is on no list yet. */
static struct span *split(struct span *s, uint32_t pages)
{
	struct span *rest = span_new();

	if (!rest)
		return NULL;
	rest->first = s->first + pages;
	rest->pages = s->pages - pages;
	rest->arena = s->arena;
	rest->backend = s->backend;
	rest->freed_ms = s->freed_ms;
	s->pages = pages;
	return rest;
}

/* --- allocation --------------------------------------------------------------- */

static void use(struct arena *a, struct span *s)
{
	s->state = SPAN_USED;
	span_map(s);
	a->live += span_bytes(s);
}

/* Take [start, start + pages) of the free span @s. */
static struct span *take(struct arena *a, struct span *s, uint32_t start, uint32_t pages)
{
	enum span_state how = s->state;
	struct span *front = NULL, *rest = NULL;

	unlink_free(a, s);
	if (start > s->first) {
		front = s;
		s = split(front, start - front->first);
		if (!s) {
			link_free(a, front, how);
			return NULL;
		}
	}
	if (s->pages > pages) {
		rest = split(s, pages);
		if (!rest) {
			if (front) {
				front->pages += s->pages;
				span_recycle(s);
				s = front;
			}
			link_free(a, s, how);
			return NULL;
		}
	}
	if (front)
		link_free(a, front, how);
	if (rest)
		link_free(a, rest, how);
	use(a, s);
	return s;
}

/* Used memory first: it is hot, and the program's already. */
static struct span *fit_dirty(struct arena *a, uint32_t pages, uint32_t align)
{
	uint32_t start;
	struct span *s = bins_fit(&a->dirty, pages, align, &start);

	return s ? take(a, s, start, pages) : NULL;
}

static struct span *fit_clean(struct arena *a, uint32_t pages, uint32_t align)
{
	uint32_t start;
	struct span *s = bins_fit(&a->clean, pages, align, &start);

	return s ? take(a, s, start, pages) : NULL;
}

/* The addresses of a span that is on no list go back to the window. With the
 * lock held. */
static bool unmap(struct arena *a, struct span *s)
{
	size_t len = span_bytes(s);

	if (!reserve_over(page_address(s->first), span_bytes(s))) {
		release(a, s, SPAN_DIRTY);
		return false;
	}
	a->mapped -= len;
	window_give(s);
	return true;
}

static void count_purged(struct arena *a, size_t len)
{
	a->purges++;
	a->purged_bytes += len;
}

/* Fresh memory, of the backend that @like has, if given. With the lock held. */
static struct span *map_new(struct arena *a, uint32_t pages, const struct span *like)
{
	struct span *s = window_take(pages, number_of(a));
	size_t len = (size_t)pages << PAGE_SHIFT;
	enum backend_choice got;
	bool done;

	if (!s)
		return NULL;
	if (like) {
		got = like->backend;
		done = backend_by(got)->map(page_address(s->first), len);
	} else {
		done = backend_map(page_address(s->first), len, &got);
	}
	s->backend = (uint8_t)got;
	if (!done) {
		/* mmap may have left nothing there: see that it is reserved. */
		reserve_over(page_address(s->first), span_bytes(s));
		window_give(s);
		return NULL;
	}
	a->mapped += len;
	return s;
}

/* @pages, whole blocks, of used memory that has @like's backend; or NULL. With the
 * lock held. */
struct span *arena_reuse(struct arena *a, uint32_t pages, const struct span *like)
{
	struct span *s = fit_dirty(a, pages, BLOCK_PAGES);

	if (!s || s->backend == like->backend)
		return s;
	a->live -= span_bytes(s);
	release(a, s, SPAN_DIRTY);
	return NULL;
}

/* For what @like's holds: @pages, whole blocks, of the same backend. */
struct span *arena_map(unsigned int number, uint32_t pages, const struct span *like)
{
	struct arena *a = &arenas[number];
	struct span *s;

	pthread_mutex_lock(&a->lock);
	s = arena_reuse(a, pages, like);
	if (!s) {
		s = map_new(a, pages, like);
		if (s)
			use(a, s);
	}
	arena_check(a);
	pthread_mutex_unlock(&a->lock);
	return s;
}

/* Whatever is mapped at a used span of whole blocks goes, and the span with it. With
 * the lock held. */
void arena_unmap(struct arena *a, struct span *s)
{
	size_t len = span_bytes(s);

	a->live -= len;
	if (unmap(a, s))
		count_purged(a, len);
	arena_check(a);
}

static bool grow(struct arena *a, uint32_t pages, uint32_t align)
{
	uint32_t need = (pages + (align > BLOCK_PAGES ? align : 0) + BLOCK_PAGES - 1) & ~(BLOCK_PAGES - 1);
	bool huge = number_of(a) == ARENA_HUGE;
	uint32_t chunk = huge || need > a->chunk_pages ? need : a->chunk_pages;
	struct span *s = map_new(a, chunk, NULL);

	if (!s && chunk > need)
		s = map_new(a, need, NULL);
	if (!s)
		return false;
	if (a->chunk_pages < MAX_CHUNK_PAGES)
		a->chunk_pages *= 2;
	release(a, s, SPAN_CLEAN);
	return true;
}

/* NULL: there is none; among used memory, unless @fresh is as good. */
struct span *arena_alloc(unsigned int number, uint32_t pages, uint32_t align, bool fresh, bool *zero)
{
	struct arena *a = &arenas[number];
	struct span *s;

	pthread_mutex_lock(&a->lock);
	s = fit_dirty(a, pages, align);
	*zero = !s;
	if (!s && fresh) {
		s = fit_clean(a, pages, align);
		if (!s && grow(a, pages, align))
			s = fit_clean(a, pages, align);
	}
	if (s) {
		a->calls++;
		a->bytes += span_bytes(s);
	}
	arena_check(a);
	pthread_mutex_unlock(&a->lock);
	return s;
}

/* With the arena's lock held; s->freed_ms says since when it is free. */
void arena_free(struct arena *a, struct span *s)
{
	a->live -= span_bytes(s);
	release(a, s, SPAN_DIRTY);
	arena_check(a);
}

/* Free what a used span has behind @pages. With the arena's lock held. */
bool arena_cut(struct arena *a, struct span *s, uint32_t pages, enum span_state how)
{
	struct span *rest = split(s, pages);

	if (!rest)
		return false;
	span_map(s);
	a->live -= span_bytes(rest);
	rest->freed_ms = clock_ms();
	release(a, rest, how);
	arena_check(a);
	return true;
}

/* Grow by the free span behind, or shrink. With the arena's lock held. */
bool arena_resize(struct arena *a, struct span *s, uint32_t pages)
{
	uint32_t more = pages - s->pages;
	struct span *after, *rest = NULL;
	enum span_state how;

	if (pages <= s->pages)
		return pages == s->pages || arena_cut(a, s, pages, SPAN_DIRTY);
	after = neighbour(a, s->first + s->pages);
	if (!after || (after->state != SPAN_CLEAN && after->state != SPAN_DIRTY) || after->pages < more ||
	    after->backend != s->backend)
		return false;
	how = after->state;
	unlink_free(a, after);
	if (after->pages > more) {
		rest = split(after, more);
		if (!rest) {
			link_free(a, after, how);
			return false;
		}
		link_free(a, rest, how);
	}
	s->pages = pages;
	span_recycle(after);
	span_map(s);
	a->live += (size_t)more << PAGE_SHIFT;
	a->bytes += (size_t)more << PAGE_SHIFT;
	arena_check(a);
	return true;
}

/* --- giving back ----------------------------------------------------------------- */

static bool is_free(const struct span *s, const struct span *with)
{
	return with && with->backend == s->backend && (with->state == SPAN_CLEAN || with->state == SPAN_DIRTY);
}

/* Is all from the block's start @lo up to @s free, or from @s to the end @hi? */
static bool free_below(struct arena *a, const struct span *s, uint32_t lo)
{
	for (uint32_t at = s->first; at > lo;) {
		const struct span *before = neighbour(a, at - 1);

		if (!is_free(s, before))
			return false;
		at = before->first;
	}
	return true;
}

static bool free_above(struct arena *a, const struct span *s, uint32_t hi)
{
	for (uint32_t at = s->first + s->pages; at < hi;) {
		const struct span *after = neighbour(a, at);

		if (!is_free(s, after))
			return false;
		at = after->first + after->pages;
	}
	return true;
}

/* What is left of a free span that gave away a part. */
static void relink_rest(struct arena *a, struct span *rest, enum span_state how)
{
	if (rest->pages)
		link_free(a, rest, how);
	else
		span_recycle(rest);
}

/*
 * The rest of the blocks at the ends of @s joins, if all of it is free, be it
 * clean or dirty in turns.
 */
static void absorb_ends(struct arena *a, struct span *s)
{
	uint32_t lo = s->first & ~(BLOCK_PAGES - 1);
	uint32_t hi = (s->first + s->pages + BLOCK_PAGES - 1) & ~(BLOCK_PAGES - 1);

	while (s->first > lo && free_below(a, s, lo)) {
		struct span *before = neighbour(a, s->first - 1);
		enum span_state how = before->state;
		uint32_t from = before->first > lo ? before->first : lo;

		unlink_free(a, before);
		s->pages += s->first - from;
		s->first = from;
		before->pages = from - before->first;
		relink_rest(a, before, how);
	}
	while (s->first + s->pages < hi && free_above(a, s, hi)) {
		struct span *after = neighbour(a, s->first + s->pages);
		enum span_state how = after->state;
		uint32_t end = after->first + after->pages;
		uint32_t upto = end < hi ? end : hi;

		unlink_free(a, after);
		s->pages = upto - s->first;
		after->pages = end - upto;
		after->first = upto;
		relink_rest(a, after, how);
	}
}

/* Cut what is no whole block off the ends of @s, as spans that are @how. False:
 * nothing would be left. */
static bool trim_to_blocks(struct arena *a, struct span *s, enum span_state how,
			   void (*link)(struct arena *, struct span *, enum span_state))
{
	uint32_t end = s->first + s->pages;
	uint32_t from = (s->first + BLOCK_PAGES - 1) & ~(BLOCK_PAGES - 1), to = end & ~(BLOCK_PAGES - 1);
	struct span *front = NULL, *back = NULL;

	if (from >= to)
		return false;
	if (to < end && !(back = split(s, to - s->first)))
		return false;
	if (from > s->first) {
		front = span_new();
		if (!front) {
			s->pages = end - s->first;
			if (back)
				span_recycle(back);
			return false;
		}
		*front = (struct span){
		    .first = s->first,
		    .pages = from - s->first,
		    .arena = s->arena,
		    .backend = s->backend,
		    .freed_ms = s->freed_ms,
		};
		s->pages -= front->pages;
		s->first = from;
	}
	span_map(s); /* the ends look at their neighbours */
	if (front)
		link(a, front, how);
	if (back)
		link(a, back, how);
	return true;
}

static void release_end(struct arena *a, struct span *s, enum span_state how)
{
	(void)release(a, s, how);
}

/*
 * Free a used span whose whole blocks have moved elsewhere: fresh memory is in
 * their place, or, if @lost, none. With the arena's lock held.
 */
void arena_free_moved(struct arena *a, struct span *s, bool lost)
{
	size_t len = span_bytes(s);

	if (trim_to_blocks(a, s, SPAN_DIRTY, release_end)) {
		a->live -= len;
		if (!lost) {
			release(a, s, SPAN_CLEAN);
		} else {
			a->mapped -= span_bytes(s);
			window_emptied(s->first, s->pages);
			span_recycle(s);
		}
	} else if (!lost) { /* no descriptor: dirty will do for zeroes */
		a->live -= len;
		release(a, s, SPAN_DIRTY);
	} /* else there is a hole in it: nobody gets it any more */
	arena_check(a);
}

/* Give back the whole blocks of the oldest dirty span. The lock is dropped
 * meanwhile. False: the kernel doesn't take it; the span is the newest then. */
static bool purge_oldest(struct arena *a)
{
	struct span *s = span_by_id(a->oldest);
	bool unmapped = !backend_of(s)->purge, done;
	size_t len;

	unlink_free(a, s);
	absorb_ends(a, s);
	if (!trim_to_blocks(a, s, SPAN_DIRTY, link_unaged)) {
		link_unaged(a, s, SPAN_DIRTY);
		return true;
	}
	s->state = SPAN_PURGING;
	span_map(s);
	len = span_bytes(s);
	pthread_mutex_unlock(&a->lock);
	if (fixed->before_purge)
		fixed->before_purge();
	done = unmapped || backend_of(s)->purge(page_address(s->first), len);
	pthread_mutex_lock(&a->lock);
	if (!done) { /* mlockall, say */
		s->freed_ms = clock_ms();
		release(a, s, SPAN_DIRTY);
		return false;
	}
	if (unmapped || number_of(a) == ARENA_HUGE) {
		if (!unmap(a, s))
			return false;
	} else {
		release(a, s, SPAN_CLEAN);
	}
	count_purged(a, len);
	return true;
}

/*
 * Held while memory is on its way back, before any arena's lock. A fork takes
 * it first, so that no child inherits a span that nobody finishes purging.
 */
pthread_mutex_t purge_lock = PTHREAD_MUTEX_INITIALIZER;

/* Clean spans hold no memory, unless their backend can only unmap: see that those
 * of whole blocks go too, and the addresses of huge ones. With the arena's lock held. */
static void unmap_clean(struct arena *a)
{
	for (unsigned int c = bins_class(BLOCK_PAGES); c < sizeof(a->clean.head) / sizeof(*a->clean.head); c++)
		for (uint32_t id = a->clean.head[c], next; id; id = next) {
			struct span *s = span_by_id(id);
			bool held = !backend_of(s)->purge;
			size_t len;

			next = s->next;
			if (!held && number_of(a) != ARENA_HUGE)
				continue;
			unlink_free(a, s);
			if (!trim_to_blocks(a, s, SPAN_CLEAN, link_unaged)) {
				link_unaged(a, s, SPAN_CLEAN);
				continue;
			}
			len = span_bytes(s);
			if (unmap(a, s) && held)
				count_purged(a, len);
		}
}

#define MAX_REFUSALS 8 /* of the kernel's, before the rest waits for the next time */

/* Give back what has been free for @min_age_ms. Returns how many bytes. */
size_t arena_purge(struct arena *a, uint32_t min_age_ms)
{
	unsigned int refusals = 0;
	uint64_t before;
	size_t gone;

	pthread_mutex_lock(&purge_lock);
	pthread_mutex_lock(&a->lock);
	before = a->purged_bytes;
	while (a->oldest && clock_ms() - span_by_id(a->oldest)->freed_ms >= min_age_ms)
		if (!purge_oldest(a) && ++refusals == MAX_REFUSALS)
			break;
	if (!min_age_ms)
		unmap_clean(a);
	gone = (size_t)(a->purged_bytes - before);
	arena_check(a);
	pthread_mutex_unlock(&a->lock);
	pthread_mutex_unlock(&purge_lock);
	return gone;
}

#ifdef DPHUGE_DEBUG
#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			fatal("arena %u: invariant broken: %s", number_of(a), #cond);                                  \
	} while (0)

static void check_list(struct arena *a, struct bins *bins, enum span_state how, size_t *bytes)
{
	for (unsigned int c = 0; c < sizeof(bins->head) / sizeof(*bins->head); c++) {
		CHECK(!bins->head[c] == !(bins->nonempty[c / 64] >> (c % 64) & 1));
		for (uint32_t id = bins->head[c], prev = 0; id; prev = id, id = span_by_id(id)->next) {
			struct span *s = span_by_id(id);

			CHECK(s->state == how && s->prev == prev && s->pages);
			CHECK(span_at(s->first) == s && span_at(s->first + s->pages - 1) == s);
			*bytes += span_bytes(s);
		}
	}
}

/* Walk every span and list of the arena: nothing overlaps, nothing is lost. */
void arena_check(struct arena *a)
{
	size_t clean = 0, dirty = 0, used = 0, purging = 0, listed_clean = 0, listed_dirty = 0, aged = 0;
	uint32_t end = window_pages(), last_age = 0;
	struct span *before = NULL;

	for (uint32_t page = 0; page < end;) {
		struct span *s;

		if (span_owner(page) != number_of(a)) {
			page = (page | (BLOCK_PAGES - 1)) + 1;
			before = NULL;
			continue;
		}
		s = span_at(page);
		CHECK(s && s->first == page && s->pages && s->arena == number_of(a));
		CHECK(span_at(page + s->pages - 1) == s);
		switch ((enum span_state)s->state) {
		case SPAN_CLEAN: clean += s->pages; break;
		case SPAN_DIRTY:
			dirty += s->pages;
			aged += s->aged;
			break;
		case SPAN_USED:
		case SPAN_CACHED: used += s->pages; break;
		case SPAN_PURGING: purging += s->pages; break;
		default: CHECK(!"state");
		}
		CHECK(!before || before->state != SPAN_CLEAN || !mergeable(before, s, SPAN_CLEAN));
		before = s;
		page += s->pages;
	}
	check_list(a, &a->clean, SPAN_CLEAN, &listed_clean);
	check_list(a, &a->dirty, SPAN_DIRTY, &listed_dirty);
	CHECK(listed_clean == clean << PAGE_SHIFT && listed_dirty == dirty << PAGE_SHIFT);
	CHECK(a->dirty_bytes == listed_dirty && a->live == used << PAGE_SHIFT);
	CHECK(a->mapped == (clean + dirty + used + purging) << PAGE_SHIFT);
	for (uint32_t id = a->oldest; id; last_age = id, id = span_by_id(id)->age_next, aged--)
		CHECK(span_by_id(id)->aged && span_by_id(id)->age_prev == last_age);
	CHECK(a->newest == last_age && !aged);
}
#else
void arena_check(struct arena *a)
{
	(void)a;
}
#endif
