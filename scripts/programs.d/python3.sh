# shellcheck shell=bash
# SPDX-License-Identifier: MIT
python3 -c "
import collections, hashlib, json, re, zlib
t = open('$W/text').read()
c = collections.Counter(re.findall(r'\\w+', t))
print(c.most_common(5))
d = json.loads(json.dumps({k: list(range(n % 50)) for k, n in c.items()}))
print(len(d))
print(hashlib.sha256(zlib.compress(t.encode())).hexdigest())"
