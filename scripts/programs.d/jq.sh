# shellcheck shell=bash
# SPDX-License-Identifier: MIT
jq -R -s 'split("\n") | map(split(" ")) | group_by(.[1]) | map({h: .[0][1], n: length}) | tostring | length' < "$W/small"
