#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Use the same heap on the driver, on the kernel's own 2 MiB pages and on 4 KiB pages, in a guest
whose clock counts instructions. Compare page faults, instructions, resident memory, how much
of it is in 2 MiB pages, and how many TLB entries would cover it."""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import arguments  # noqa: E402
import guests  # noqa: E402
from kernels import SERIES  # noqa: E402
from machine import facts  # noqa: E402
from opponents import POOL, THP  # noqa: E402
from paths import BUILD, LIBRARY  # noqa: E402

PATTERNS = ("sequential", "random", "sparse", "fork")
# For each kind of memory the system's setting of transparent huge pages, and the environment.
MEMORY = {
    "4 KiB": ("never", {}),
    "THP madvise": ("madvise", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "thp"}),
    "THP always": ("always", {}),
    "hugetlb": ("never", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "hugetlb", "DPHUGE_STRICT": "1"}),
    "driver": ("never", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "driver", "DPHUGE_STRICT": "1"}),
    "driver, exact 50": ("never", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "driver", "DPHUGE_STRICT": "1", "DPHUGE_PROMOTE": "50"}),
}


def inside(mib):
    """In the guest: print one line of JSON for each kind of memory and each pattern."""
    for name, (thp, env) in MEMORY.items():
        THP.write_text(thp, encoding="ascii")
        # The hugetlb pool is filled before each kind, as at boot, so that none of it is in use.
        POOL.write_text(str(mib // 2 + 8) if name == "hugetlb" else "0", encoding="ascii")
        for pattern in PATTERNS:
            done = subprocess.run([BUILD / "bench/heap", pattern, str(mib)], env={"PATH": "/usr/bin:/bin", **env},
                                  stdout=subprocess.PIPE, check=True, text=True)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            print(json.dumps({"memory": name, "result": rows[-1], "points": rows[:-1]}), flush=True)
    print(json.dumps({"kernel": platform.release()}), flush=True)


def parse():
    parser = argparse.ArgumentParser(prog="bench/guest", description=__doc__)
    parser.add_argument("--kernel", choices=list(SERIES), default="6.12", help="the guest's kernel (default 6.12)")
    parser.add_argument("--mib", type=int, choices=range(8, 513, 8), metavar="N", default=128, help="the size of the heap, a multiple of 8 up to 512 (default 128)")
    parser.add_argument("--json", type=Path, metavar="FILE", default=BUILD / "bench-guest.json", help="the file of results (default bench-guest.json in the build folder)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return arguments.parse(parser)


def main():
    args = parse()
    if args.inside:
        inside(args.mib)
        return
    command = ["env", f"DPHUGE_BUILD={BUILD}", "/usr/bin/python3", Path(__file__).resolve(), "--inside", "--mib", args.mib]
    rows, coverage, kernel = [], {}, "?"
    for found in guests.json_lines("bench/guest", command, "--kernel", args.kernel, "--mem", "2G", "--timeout", 1800, *guests.COUNTED):
        if "kernel" in found:
            kernel = found["kernel"]
            continue
        row = dict(found["result"], memory=found["memory"])
        rows.append(row)
        if found["points"]:
            coverage[found["memory"]] = found["points"]
        print(f"{row['pattern']:12}{row['memory']:18}{row['faults']:10,} faults {row['instructions'] / 1e6:10,.1f} M instructions "
              f"{row['rss_kb'] / 1024:8.1f} MiB, {row['huge_kb'] / 1024:6.0f} in 2 MiB pages, {row['entries']:8,} TLB entries", flush=True)
    if len(rows) != len(MEMORY) * len(PATTERNS):
        sys.exit(f"bench/guest: the guest printed {len(rows)} results instead of {len(MEMORY) * len(PATTERNS)}")
    machine = dict(facts(), cpu="QEMU TCG, -icount", cpus=1, memory_mib=2048, kernel=kernel, driver=True, thp="as the row says")
    args.json.write_text(json.dumps({"kind": "guest", "format": 1, "machine": machine, "mib": args.mib,
                                     "rows": sorted(rows, key=lambda r: PATTERNS.index(r["pattern"])), "coverage": coverage}, indent=1), encoding="utf-8")
    print(args.json)


if __name__ == "__main__":
    main()
