/* SPDX-License-Identifier: MIT */
/* What a backend, a source of memory, can do. */
#ifndef DPHUGE_OPS_H
#define DPHUGE_OPS_H

#include <stdbool.h>
#include <stddef.h>

/**
 * enum outcome - how a change of mappings ended
 * @DONE: as asked
 * @FAILED: all is as it was
 * @LOST: another thread's mapping came in at the addresses that were left
 */
enum outcome {
	DONE,
	FAILED,
	LOST,
};

/**
 * struct backend - a source of memory
 * @name: as DPHUGE_BACKEND and reports call it
 * @map: Put fresh memory in place of the reservation at @p. False: nothing may be mapped
 *	there any more.
 * @purge: Give the memory back; the addresses stay usable. NULL: it must be unmapped.
 * @extend: Grow a mapping of @old_len bytes in place to @new_len, over the reservation
 *	behind it. After LOST only the addresses behind are lost.
 * @move: Grow a mapping and move it, pages and all, over the reservation at @to. Nothing
 *	is mapped at @p then. False: it stays as it was, and @to may be empty.
 * @replace: Put the pages at @p in place of those at @to, which this backend has mapped,
 *	too; fresh memory is at @p then. LOST: they have moved, but what is at @p isn't ours.
 * @prefork: Called for a fork, with the locks of the heap and the window held; or NULL.
 * @postfork_parent: Called in the parent then, with the same locks; or NULL.
 * @postfork_child: Called in the child then; or NULL.
 *
 * All take ranges that are 2 MiB-aligned at both ends. Memory reads as zero after @map and
 * @purge. Several threads may call them at once, for ranges that don't overlap.
 */
struct backend {
	const char *name;
	bool (*map)(char *p, size_t len);
	bool (*purge)(char *p, size_t len);
	enum outcome (*extend)(char *p, size_t old_len, size_t new_len);
	bool (*move)(char *p, size_t old_len, char *to, size_t new_len);
	enum outcome (*replace)(char *p, size_t len, char *to);
	void (*prefork)(void);
	void (*postfork_parent)(void);
	void (*postfork_child)(void);
};

#endif /* DPHUGE_OPS_H */
