/* SPDX-License-Identifier: MIT */
/* Pages of the pool that root reserves (vm.nr_hugepages). */
#ifndef DPHUGE_HUGETLB_H
#define DPHUGE_HUGETLB_H

#include "backend/ops.h"

/* Where the pool has no page left it maps ordinary memory, block by block. */
extern const struct backend backend_hugetlb;

#endif /* DPHUGE_HUGETLB_H */
