# SPDX-License-Identifier: MIT
"""What is run: micro-benchmarks with their sizes, and real programs with the work they do."""

import shlex
from dataclasses import dataclass

from paths import BUILD, TOP

REDIS = TOP / "bench/harness/redis_load.py"


@dataclass
class Workload:
    """@command: its words, in which $W is the folder with the inputs and $T one for scratch files.
    @stdin: a file in $W. @micro: it prints its result itself, in nanoseconds."""
    name: str
    command: list
    micro: bool
    about: str
    stdin: str = ""
    server: bool = False  # it starts a server, and only the server gets the opponent's environment


def micro(name, line, quick, about):
    def make(is_quick):
        words = shlex.split(line + (" " + quick if is_quick else ""))
        return Workload(name, [str(BUILD / "bench" / words[0]), *words[1:]], True, about)
    return make


def program(name, line, about, quick=None, stdin="", server=False):
    def make(is_quick):
        return Workload(name, shlex.split(quick if is_quick and quick else line), False, about, stdin, server)
    return make


def python(name, code, about, **numbers):
    """A workload in Python. @numbers are the variables of @code: NAME=(value, value with --quick)"""
    def make(is_quick):
        values = "; ".join(f"{k}={v[is_quick]}" for k, v in numbers.items())
        return Workload(name, ["/usr/bin/python3", "-c", f"{values}\n{code}"], False, about)
    return make


TEMPORARIES = """
import numpy as np
a = np.ones(1 << 18); b = np.full(1 << 18, 0.5)
for i in range(n): c = a * b + a - b * 2
print(c.sum())"""
GATHER = """
import numpy as np
a = np.arange(mib << 17, dtype=np.uint64); i = np.random.default_rng(7).integers(0, a.size, size=n)
print(sum(int(a[i].sum()) for _ in range(3)))"""
SORT = """
import numpy as np
a = np.random.default_rng(7).random(n); a.sort(); print(a[n // 2])"""
DICTS = """
d = {}
for i in range(n): d[i * 7919 % 1000003] = str(i)
print(len(d), sum(len(d[k]) for k in sorted(d)))"""
LUA = ("local t = {} for i = 1, %d do t[i] = i * 7919 %% 1000003 end local s, j = 0, 1 "
       "for i = 1, %d do j = t[j] + 1 s = s + j end print(s)")
SQL = ("create table t(a integer primary key, b text); insert into t select value, hex(value * 7919) "
       "from generate_series(1, %d); create index i on t(b); "
       "select count(*), sum(x.a) from t x join t y on y.b = hex(x.a * 7919 %% 1000000);")

MAKERS = [
    micro("gups", "gups", "--size 256M --updates 5000000", "random updates of 1 GiB"),
    micro("chase", "chase --to 2G --steps 500000", "--to 256M --steps 300000", "dependent loads, 64 KiB to 2 GiB"),
    micro("matrix by column", "matrix", "--rows 2048", "8192 rows, by column"),
    micro("matrix strided", "matrix --stride 16", "--rows 2048", "every 16th column"),
    micro("hash join", "join", "--build 1M --probe 1M", "look-ups in 256 MiB"),
    micro("stream triad", "stream", "--size 32M", "in sequence"),
    micro("first touch", "first_touch", "--size 256M", "1 GiB page by page"),
    micro("sparse touch", "first_touch --step 2M", "--size 256M", "one page of each 2 MiB"),
    micro("churn 128 KiB-4 MiB", "churn", "", "32 blocks come and go"),
    micro("churn 4-64 MiB", "churn --least 4M --most 64M --slots 6 --steps 40", "--steps 15", "6 blocks"),
    micro("churn in 2 threads", "churn --slots 16 --steps 1000 --threads 2", "", "16 blocks each"),
    micro("realloc growth", "grow", "--to 100M", "a vector to 200 MiB"),
    micro("realloc two in turns", "grow --vectors 2 --to 100M", "--rounds 2", "to 100 MiB"),
    micro("calloc", "zeroed", "", "256 KiB to 4 MiB"),
    micro("cross-thread free", "cross --steps 2000", "", "128 KiB to 4 MiB"),
    micro("side by side", "colours", "", "32 arrays of 2 MiB"),
    micro("small", "churn --least 16 --most 515 --slots 4000 --steps 4000000 --stride 1G", "--steps 1000000", "16 to 515 bytes"),
    micro("small to 32 KiB", "churn --least 4096 --most 32095 --small 64 --slots 4000 --steps 2000000 --stride 1G",
          "--steps 500000", "one of 64 is larger"),
    micro("small in 2 threads", "churn --least 16 --most 515 --slots 4000 --steps 4000000 --stride 1G --threads 2",
          "--steps 1000000", "16 to 515 bytes"),
    micro("small across threads", "cross --least 16 --most 515 --steps 1000000 --stride 1G", "--steps 200000", "16 to 515 bytes"),
    micro("small objects visited", "nodes", "--nodes 500000", "2 million objects"),
    micro("fork and write", "cow", "--size 128M", "512 MiB, 4096 pages written"),
    program("xz -9", "xz -9 -T1 -c $W/data", "compress 3 MB"),
    program("zstd -d --long=31", "zstd -q -dc --long=31 $W/repeats.zst $W/repeats.zst $W/repeats.zst", "far matches"),
    program("zstd --ultra -22", "zstd -q -c --ultra -22 -T1", "from a pipe: large tables", stdin="data"),
    program("7z", "7z a -an -txz -mx=7 -mmt=1 -bd -si -so", "compress 3 MB", stdin="data"),
    program("lrzip", "lrzip -q -n -p1 -f -o $T/out $W/data", "3 MB, long distances only"),
    program("brotli", "brotli -q 9 --large_window=28 -c $W/data", "large window"),
    program("gzip", "gzip -6 -c $W/data", "no large blocks"),
    program("sort", "sort -S 1000M --parallel=1 $W/lines", "80 MB of lines"),
    program("gawk", "awk '{ c[$4]++; s[$2] += $5 } END { for (h in s) print h, s[h], length(c) }' $W/lines", "small strings"),
    python("numpy temporaries", TEMPORARIES, "of 2 MiB", n=(1500, 400)),
    python("numpy gather", GATHER, "random reads of 1 GiB", mib=(1024, 256), n=(8000000, 2000000)),
    python("numpy sort", SORT, "16 million", n=(16000000, 4000000)),
    python("python dicts", DICTS, "small objects", n=(1500000, 400000)),
    program("lua tables", f'lua5.4 -e "{LUA % (20000000, 10000000)}"', "one large table",
            f'lua5.4 -e "{LUA % (4000000, 3000000)}"'),
    program("sqlite", f'sqlite3 :memory: "{SQL % 600000}"', "an index and a join", f'sqlite3 :memory: "{SQL % 150000}"'),
    program("redis", f"{REDIS} $T 150000", "a server that is filled and read", f"{REDIS} $T 60000", server=True),
    program("bwa mem", "bwa mem -t 1 $W/genome.fa $W/reads.fq", "reads on a genome"),
    program("minimap2", "minimap2 -t 1 -a -x sr $W/genome.fa $W/reads.fq", "index and align"),
    program("stockfish", "/usr/games/stockfish bench 512 1 11", "512 MiB of hash", "/usr/games/stockfish bench 256 1 9"),
    program("GraphicsMagick", "gm benchmark -iterations 4 convert $W/picture.ppm -rotate 90 null:", "rotate 24 megapixels"),
    program("mbw", "mbw -q -n 6 256", "copies of 256 MiB", "mbw -q -n 4 64"),
    program("argon2", "argon2 saltsalt -d -k 262144 -t 3 -p 1 -r", "256 MiB", "argon2 saltsalt -d -k 65536 -t 3 -p 1 -r",
            stdin="password"),
]


def all_of(quick):
    return [make(quick) for make in MAKERS]
