# shellcheck shell=bash
# SPDX-License-Identifier: MIT
gdb -q -batch -nx -ex 'info functions malloc' "$BUILD/bench/gups" | grep -c malloc
