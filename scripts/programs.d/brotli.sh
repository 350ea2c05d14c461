# shellcheck shell=bash
# SPDX-License-Identifier: MIT
brotli -q 9 --lgwin=24 -c "$W/text" | tee "$T/x" | sha256sum
brotli -dc "$T/x" | sha256sum
