# shellcheck shell=bash
# SPDX-License-Identifier: MIT
python3 -c "
import numpy as n
r = n.random.default_rng(1)
a = r.random((1500, 1500))
b = n.linalg.solve(a, a @ a)
print(round(float(abs(a - b).max()), 6), float(n.sort(r.random(4000000))[1234567]), n.fft.fft(r.random(1 << 20)).shape)"
