/* SPDX-License-Identifier: MIT */
/* Which backend some memory is from, and which one new memory comes from. */
#ifndef DPHUGE_BACKEND_H
#define DPHUGE_BACKEND_H

#include "backend/ops.h"
#include "base/config.h"

/**
 * backend_by() - a backend by its number
 * @choice: any but BACKEND_AUTO
 *
 * Return: the backend.
 */
const struct backend *backend_by(enum backend_choice choice);

/**
 * backend_map() - map fresh memory from the backend of this process
 * @p: an address, at a multiple of 2 MiB
 * @len: bytes, a multiple of 2 MiB
 * @got: the backend that it came from: another one than this process's, if the driver
 *	has no memory left and DPHUGE_BACKEND=driver doesn't insist on it
 *
 * Return: false if there is none; nothing may be mapped at @p then.
 */
bool backend_map(char *p, size_t len, enum backend_choice *got);

/** backend_prefork() - what this process's backend does before a fork; see struct backend */
void backend_prefork(void);
/** backend_postfork_parent() - and in the parent, before any lock is released */
void backend_postfork_parent(void);
/** backend_postfork_child() - and in the child */
void backend_postfork_child(void);

#endif /* DPHUGE_BACKEND_H */
