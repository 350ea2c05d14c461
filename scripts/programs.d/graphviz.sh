# shellcheck shell=bash
# SPDX-License-Identifier: MIT
python3 -c "
print('digraph g {')
for n in range(400):
    print(f'a{n} -> a{n * 7 % 211}')
print('}')" | dot -Tplain | sha256sum
