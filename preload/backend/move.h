/* SPDX-License-Identifier: MIT */
/* Memory moves by its page tables, not by its bytes (mremap(2)), and grows there. */
#ifndef DPHUGE_MOVE_H
#define DPHUGE_MOVE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * move_memory() - move memory that may consist of several mappings, and grow it
 * @p: where it is, at a multiple of 2 MiB
 * @old_len: its length, a multiple of 2 MiB
 * @to: where it goes, over whatever is mapped there
 * @new_len: its length there, at least @old_len
 *
 * The last mapping grows. errno stays as it was. If a part could neither be moved nor
 * moved back, the program ends.
 *
 * Return: false if it stays as it was; @to may be empty then.
 */
bool move_memory(char *p, size_t old_len, char *to, size_t new_len);

/**
 * move_is_single() - does one mapping hold all of it?
 * @p: where it begins
 * @len: its length
 *
 * Changes errno.
 *
 * Return: true if mremap(2) would take it all at once.
 */
bool move_is_single(char *p, size_t len);

#endif /* DPHUGE_MOVE_H */
