/* SPDX-License-Identifier: MIT */
/* The choice of the backend at start, and why there is none. */
#ifndef DPHUGE_CHOOSE_H
#define DPHUGE_CHOOSE_H

#include "base/state.h"

/**
 * choose_backend() - choose the backend of this process
 * @state: has the settings; gets the backend and its number, or NULL and why
 *
 * If DPHUGE_BACKEND=driver asks for a driver that cannot be used, it writes a line; with
 * DPHUGE_STRICT=1 the program ends there.
 */
void choose_backend(struct state *state);

#endif /* DPHUGE_CHOOSE_H */
