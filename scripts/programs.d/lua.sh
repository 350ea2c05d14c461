# shellcheck shell=bash
# SPDX-License-Identifier: MIT
lua5.4 -e '
local t = {}
for n = 1, 2000000 do t[n] = n * 7 % 1000003 end
table.sort(t)
print(t[1000000])
local s = {}
for n = 1, 300000 do s[n] = tostring(n) end
print(#table.concat(s))'
