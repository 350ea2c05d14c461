# shellcheck shell=bash
# SPDX-License-Identifier: MIT
lz4 -q -9 -c "$W/text" | tee "$T/x" | sha256sum
lz4 -dc "$T/x" | sha256sum
