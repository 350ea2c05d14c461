# shellcheck shell=bash
# SPDX-License-Identifier: MIT
pigz -n -p2 -c "$W/text" | tee "$T/x" | sha256sum
pigz -dc "$T/x" | sha256sum
