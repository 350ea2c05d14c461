# shellcheck shell=bash
# SPDX-License-Identifier: MIT
zstd -q -19 --long=27 -T2 -c "$W/text" | zstd -q -d --long=27 | sha256sum
