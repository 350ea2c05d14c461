# SPDX-License-Identifier: MIT
"""Who is compared: each allocator in its best known configuration, as a user could have it
without this project. An allocator that is not installed is left out, with the reason."""

import glob
import os
from dataclasses import dataclass, field
from pathlib import Path

from paths import LIBRARY

THP = Path("/sys/kernel/mm/transparent_hugepage/enabled")
POOL = Path("/proc/sys/vm/nr_hugepages")
OURS = "dphuge"
BASELINE = "glibc"
AGAIN = "glibc again"


@dataclass
class Opponent:
    """@preload: the library, by its path or by a name that is looked up in the system's folders.
    @by_environment: any user can have this by setting environment variables."""
    name: str
    about: str
    env: dict = field(default_factory=dict)
    preload: str = ""
    by_environment: bool = True
    thp_always: bool = False
    needs_pool: bool = False

    def library(self):
        if not self.preload or self.preload.startswith("/"):
            return self.preload
        found = sorted(glob.glob(f"/usr/lib/*/{self.preload}") + glob.glob(f"/usr/lib/*/{self.preload}.*"))
        return found[0] if found else None

    def environment(self):
        return dict(self.env, **({"LD_PRELOAD": self.library()} if self.preload else {}))


ALL = [
    Opponent(OURS, "libdphuge.so with its defaults: the driver if it is loaded, else MADV_HUGEPAGE", preload=LIBRARY),
    Opponent("dphuge small=huge", "with DPHUGE_SMALL=huge", {"DPHUGE_SMALL": "huge"}, LIBRARY),
    Opponent(BASELINE, "Debian's default"),
    Opponent(AGAIN, "the same once more: any difference is noise"),
    Opponent("glibc hugetlb=1", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1 (madvise)",
             {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}),
    Opponent("glibc hugetlb=2", "GLIBC_TUNABLES=glibc.malloc.hugetlb=2 (the pool that root reserves)",
             {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=2"}, by_environment=False, needs_pool=True),
    Opponent("jemalloc", "as Debian ships it", preload="libjemalloc.so.2"),
    Opponent("jemalloc thp", "MALLOC_CONF=thp:always,metadata_thp:always",
             {"MALLOC_CONF": "thp:always,metadata_thp:always"}, "libjemalloc.so.2"),
    Opponent("mimalloc", "as Debian ships it", preload="libmimalloc.so.2"),
    Opponent("mimalloc large", "MIMALLOC_ALLOW_LARGE_OS_PAGES=1, with the hugetlb pool set up",
             {"MIMALLOC_ALLOW_LARGE_OS_PAGES": "1", "MIMALLOC_LARGE_OS_PAGES": "1"}, "libmimalloc.so.2"),
    Opponent("tcmalloc", "gperftools' minimal one, as Debian ships it", preload="libtcmalloc_minimal.so.4"),
    Opponent("THP always", "glibc, /sys/kernel/mm/transparent_hugepage/enabled=always for the whole system",
             by_environment=False, thp_always=True),
    Opponent("hugetlb pool", "the upper bound: libdphuge's heap in the pool that root reserves",
             {"DPHUGE_BACKEND": "hugetlb"}, LIBRARY, by_environment=False, needs_pool=True),
]
LEFT_OUT = {"hugectl": "libhugetlbfs needs the hook __morecore of malloc, which glibc has not had since 2.34"}


def available(names=None):
    """([Opponent], {name: why it is left out})."""
    found, missing = [], dict(LEFT_OUT)
    for opponent in ALL:
        if names and opponent.name not in names and opponent.name not in (OURS, BASELINE):
            continue
        if opponent.preload and not (opponent.library() and os.path.exists(opponent.library())):
            missing[opponent.name] = f"{opponent.preload} is not installed"
        elif opponent.thp_always and not os.access(THP, os.W_OK):
            missing[opponent.name] = f"{THP} cannot be written without root"
        elif opponent.needs_pool and not os.access(POOL, os.W_OK):
            missing[opponent.name] = f"{POOL} cannot be written without root"
        else:
            found.append(opponent)
    return found, missing
