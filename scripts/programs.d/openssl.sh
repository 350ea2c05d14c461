# shellcheck shell=bash
# SPDX-License-Identifier: MIT
openssl genrsa 512 2> /dev/null | wc -l
openssl dgst -sha3-256 < "$W/text"
openssl enc -aes-256-ctr -pbkdf2 -S 0011223344556677 -pass pass:x -in "$W/text" | sha256sum
