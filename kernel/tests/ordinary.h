/* SPDX-License-Identifier: GPL-2.0 */
/* Rows of the comparison that ordinary.c makes. */
#ifndef DPH_TEST_ORDINARY_H
#define DPH_TEST_ORDINARY_H

#include <stdbool.h>
#include <stddef.h>

#define LEN (2 * BLOCK) /* of the memory that a row gets; each page has its first byte 'A' */

/**
 * struct row - something that memory does
 * @name:	as in the table of dphuge(4)
 * @look:	called in a process of its own with the memory; it says what it saw by saw(),
 *		or "none" if this kernel hasn't got such a thing
 */
struct row {
	const char *name;
	void (*look)(char *p);
};

extern const struct row advice_rows[], process_rows[], account_rows[]; /* their last has no name */

/* Say what happened; later words are added to earlier ones. */
void saw(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Say how a system call ended: the name of errno, or @good. Returns whether it succeeded. */
bool saw_result(long result, const char *good);

/* The signal that ends @fn, caught; or NULL. */
const char *signal_of(void (*fn)(char *p), char *p);

/* What @p's pages hold: "bytes", "zeroes", "other bytes", or the signal that a read raises. */
const char *content(char *p);

/* More memory of the kind that is looked at. */
char *more_memory(size_t len);

#endif /* DPH_TEST_ORDINARY_H */
