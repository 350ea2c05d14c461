#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random reads of a large numpy array; prints a checksum. Not run by hand, but by
scripts/demo: numpy_gather.py MIB MILLIONS (of accesses)"""

import sys

import numpy

n, accesses = int(sys.argv[1]) << 17, int(sys.argv[2]) * 1000000
a = numpy.arange(n, dtype=numpy.uint64)
index = numpy.random.default_rng(7).integers(0, n, size=accesses // 4)
print(sum(int(a[index].sum()) + k for k in range(4)))
