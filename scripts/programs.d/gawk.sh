# shellcheck shell=bash
# SPDX-License-Identifier: MIT
gawk '
{ c[$4]++; s[$2] += $5 }
END { n = asorti(c, k); print n, k[1], k[n]; for (h in s) print h, s[h] | "sort" }' "$W/text"
