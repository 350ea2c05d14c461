# shellcheck shell=bash
# SPDX-License-Identifier: MIT
7z a -bd -mx=7 -mmt=2 x.7z "$W/text" > /dev/null && 7z x -so x.7z | sha256sum
