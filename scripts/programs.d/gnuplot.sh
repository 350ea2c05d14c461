# shellcheck shell=bash
# SPDX-License-Identifier: MIT
gnuplot -e 'set terminal svg; set samples 20000; plot sin(x) * exp(-x / 10)' | sha256sum
