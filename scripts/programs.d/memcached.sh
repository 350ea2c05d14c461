# shellcheck shell=bash
# SPDX-License-Identifier: MIT
memcached -u nobody -s "$T/s" -m 256 &
until [ -S "$T/s" ]; do sleep 0.1; done
python3 -c "
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile('rwb')
for n in range(30000):
    v = b'%d' % n * 300
    f.write(b'set k%d 0 0 %d noreply\r\n%s\r\n' % (n, len(v), v))
f.flush()
total = 0
for n in range(0, 30000, 7):
    f.write(b'get k%d\r\n' % n)
    f.flush()
    f.readline()
    total += len(f.readline())
    f.readline()
print(total)" "$T/s"
kill %1
