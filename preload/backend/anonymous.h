/* SPDX-License-Identifier: MIT */
/* Anonymous memory, on any Linux. */
#ifndef DPHUGE_ANONYMOUS_H
#define DPHUGE_ANONYMOUS_H

#include "backend/ops.h"

/* With transparent huge pages: the default where there is no driver. */
extern const struct backend backend_thp;
/* Without them, to compare with. */
extern const struct backend backend_base;

#endif /* DPHUGE_ANONYMOUS_H */
