# shellcheck shell=bash
# SPDX-License-Identifier: MIT
sort -S 200M --parallel=2 "$W/text" | sha256sum
