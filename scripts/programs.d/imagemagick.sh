# shellcheck shell=bash
# SPDX-License-Identifier: MIT
convert -size 3000x2000 plasma:fractal -seed 1 -resize 50% -blur 0x3 +dither -depth 8 -define seed=1 a.png
convert -size 2000x2000 gradient:red-blue -swirl 90 -blur 0x4 -depth 8 rgb:- | sha256sum
