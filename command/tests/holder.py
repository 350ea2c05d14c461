# SPDX-License-Identifier: MIT
"""A process for the tests of the command to look at: holder.py KIND. When its memory is
allocated it prints "ready", and it ends when its standard input does."""

import ctypes
import os
import sys

MIB = 1 << 20
PR_SET_NAME = 15
PROT_READ_WRITE = 3


def hold():
    """72 MiB in two blocks, of which 64 MiB are touched."""
    a, b = bytearray(64 * MIB), bytearray(8 * MIB)
    for i in range(0, len(a), 4096):
        a[i] = 1
    return a, b


def sparse():
    """64 MiB, of which one page in 16 is touched."""
    calloc = ctypes.CDLL(None).calloc
    calloc.restype = ctypes.c_void_p
    at = calloc(1, ctypes.c_size_t(64 * MIB))
    for i in range(0, 64 * MIB, 65536):
        ctypes.memset(at + i, 1, 1)


def small():
    """50 MB of small objects, each from a malloc of its own."""
    return [bytes(200) for i in range(200000)]


def hostile():
    """As hold, with a name that has control characters, quotes and a byte that is not text."""
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"\x1b[31m\"\\\xff")
    return hold()


def forger():
    """As hold, but the library's own description of its heap is forged: the backend's name is not a
    name, and there are $ARENAS arenas. That memory is read-only, so it is made writable first."""
    import beacon
    at, _ = beacon.find("self")
    ctypes.CDLL(None).mprotect(ctypes.c_void_p(at), 4096, PROT_READ_WRITE)
    ctypes.memmove(at + beacon.BACKEND, b'a"\\}\n\x1b[31m\0', 11)
    if "ARENAS" in os.environ:
        ctypes.memmove(at + beacon.ARENAS, int(os.environ["ARENAS"]).to_bytes(4, "little"), 4)
    return hold()


if __name__ == "__main__":
    kept = {f.__name__: f for f in (hold, sparse, small, hostile, forger)}[sys.argv[1]]()
    print("ready", flush=True)
    sys.stdin.read()
