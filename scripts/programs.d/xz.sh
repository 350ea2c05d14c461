# shellcheck shell=bash
# SPDX-License-Identifier: MIT
xz -9 -c "$W/text" | tee "$T/x" | sha256sum
xz -dc "$T/x" | sha256sum
