# shellcheck shell=bash
# SPDX-License-Identifier: MIT
bzip2 -c "$W/text" | tee "$T/x" | sha256sum
bzip2 -dc "$T/x" | sha256sum
