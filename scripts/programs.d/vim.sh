# shellcheck shell=bash
# SPDX-License-Identifier: MIT
cp "$W/text" t
vim -u NONE -N -es -c '%s/GET/PUT/g' -c 'sort' -c 'wq' t
sha256sum < t
