# SPDX-License-Identifier: MIT
"""Finds the library's state in a process: it begins at a page, with the structure of
preload/beacon.h."""

import re
from pathlib import Path

BACKEND, ARENAS = 40, 184  # offsets in that structure


def find(pid):
    """(address, rights of the mapping), or None if the library is not there."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines():
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if "libdphuge.so" in line and rights.startswith("r") and "x" not in rights:
                for at in range(int(start, 16), int(end, 16), 4096):
                    memory.seek(at)
                    if memory.read(15) == b"dphuge beacon 1":
                        return at, rights
    return None
