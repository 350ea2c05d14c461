# shellcheck shell=bash
# SPDX-License-Identifier: MIT
python3 -c "
import numpy, scipy.sparse, scipy.sparse.linalg
m = scipy.sparse.diags([-1, 4, -1], [-1, 0, 1], shape=(200000, 200000), format='csc')
x = scipy.sparse.linalg.spsolve(m, numpy.ones(200000))
print(x.sum().round(6))"
