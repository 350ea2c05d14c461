# shellcheck shell=bash
# SPDX-License-Identifier: MIT
gcc -D_GNU_SOURCE -O2 -S "$TOP/bench/tlb_model.c" -o a.s
sha256sum a.s
