/* SPDX-License-Identifier: MIT */
/*
 * Threads' caches: each thread keeps some of the spans that it freed, to use them again
 * while they are hot, without a lock or a system call.
 */
#ifndef DPHUGE_CACHE_H
#define DPHUGE_CACHE_H

#include "window/span.h"

struct cache;

/**
 * cache_init() - be ready for threads
 *
 * For start-up only.
 *
 * Return: false if no thread can have a cache.
 */
bool cache_init(void);

/**
 * cache_mine() - this thread's cache
 *
 * Return: NULL if it has none, or is at its end.
 */
struct cache *cache_mine(void);

/**
 * cache_arena() - the arena that a thread allocates from
 * @c: its cache, or NULL
 *
 * Return: the arena's number; without a cache it is the first.
 */
unsigned int cache_arena(const struct cache *c);

/**
 * cache_alloc() - take a span out of the cache
 * @c: this thread's cache
 * @pages: how many it must have
 *
 * Brings what other threads have freed to the arena, if its lock is free.
 *
 * Return: a span in state SPAN_CACHED of @pages or a little more, whose bytes are old, or
 * NULL.
 */
struct span *cache_alloc(struct cache *c, uint32_t pages);

/**
 * cache_served() - count a request that was served from the cache
 * @c: this thread's cache
 * @bytes: its span's length
 */
void cache_served(struct cache *c, size_t bytes);

/**
 * cache_free() - put a span into the cache, or send it to its own arena
 * @c: this thread's cache
 * @s: in state SPAN_CACHED; @s->freed_ms is set
 *
 * Return: false if it is too long or too short for that; then it must be freed.
 */
bool cache_free(struct cache *c, struct span *s);

/**
 * cache_flush() - bring all spans to the arena, where they can be merged into longer ones
 * @c: this thread's cache
 *
 * Takes the arena's lock.
 */
void cache_flush(struct cache *c);

/**
 * cache_sweep() - bring the old spans of all caches to their arenas
 * @min_age_ms: how long they must have been free; 0: all
 *
 * With the purge lock held, so that no fork loses a span on its way.
 *
 * Return: milliseconds until more is due; -1: nothing is left.
 */
long cache_sweep(uint32_t min_age_ms);

/**
 * cache_totals() - the caches' counters
 * @bytes: bytes that are cached or on their way to their arenas
 * @calls: requests that were served
 * @served: and their bytes
 */
void cache_totals(size_t *bytes, uint64_t *calls, uint64_t *served);

/** cache_postfork_child() - let the child's threads have the caches of those it doesn't have */
void cache_postfork_child(void);

#endif /* DPHUGE_CACHE_H */
