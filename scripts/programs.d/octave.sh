# shellcheck shell=bash
# SPDX-License-Identifier: MIT
octave-cli --no-init-file --eval '
rand("seed", 1);
a = reshape(mod((1:1000000) * 7919, 1009), 1000, 1000);
b = a * a;
printf("%d %d\n", trace(b), sum(sort(a(:))(1:5000)))'
