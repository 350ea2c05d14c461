#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same heap on the driver, on the kernel's own 2 MiB pages and on 4 KiB ones, in a
guest whose clock counts instructions: page faults, instructions, what is resident,
how much of it in 2 MiB pages, and the TLB entries that would cover it."""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

from opponents import BUILD, LIBRARY, POOL, THP, TOP
from run import facts

PATTERNS = ("sequential", "random", "sparse", "fork")
# name: THP's setting, environment
MEMORY = {
    "4 KiB": ("never", {}),
    "THP madvise": ("madvise", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "thp"}),
    "THP always": ("always", {}),
    "hugetlb": ("never", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "hugetlb", "DPHUGE_STRICT": "1"}),
    "driver": ("never", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "driver", "DPHUGE_STRICT": "1"}),
    "driver, exact 50": ("never", {"LD_PRELOAD": LIBRARY, "DPHUGE_BACKEND": "driver", "DPHUGE_STRICT": "1", "DPHUGE_PROMOTE": "50"}),
}


def inside(mib):
    """In the guest: print one line of JSON for each memory and pattern."""
    for name, (thp, env) in MEMORY.items():
        THP.write_text(thp, encoding="ascii")
        # The pool is taken before each, as a reboot would: prefaulted, none of it used.
        POOL.write_text(str(mib // 2 + 8) if name == "hugetlb" else "0", encoding="ascii")
        for pattern in PATTERNS:
            done = subprocess.run([BUILD / "bench/heap", pattern, str(mib)], env={"PATH": "/usr/bin:/bin", **env},
                                  stdout=subprocess.PIPE, check=True, text=True)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            print(json.dumps({"memory": name, "result": rows[-1], "points": rows[:-1]}), flush=True)
    print(json.dumps({"kernel": platform.release()}), flush=True)


def parse():
    parser = argparse.ArgumentParser(prog="bench/guest", description=__doc__)
    parser.add_argument("--kernel", choices=["6.1", "6.12", "7.3"], default="6.12", help="the guest's kernel (default 6.12)")
    parser.add_argument("--mib", type=int, choices=range(8, 513, 8), metavar="N", default=128, help="the heap, a multiple of 8 to 512 (default 128)")
    parser.add_argument("--json", type=Path, metavar="FILE", default=BUILD / "bench-guest.json", help="default: bench-guest.json in the build folder")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = parse()
    if args.inside:
        inside(args.mib)
        return
    command = [TOP / "scripts/vm", "--kernel", args.kernel, "--icount", "--mem", "2G", "--timeout", "1800", "--append", "init_on_alloc=0",
               "--", "env", f"DPHUGE_BUILD={BUILD}", "/usr/bin/python3", Path(__file__).resolve(), "--inside", "--mib", str(args.mib)]
    guest = subprocess.Popen([str(w) for w in command], stdout=subprocess.PIPE, text=True)
    rows, coverage, kernel = [], {}, "?"
    for line in guest.stdout:
        found = json.loads(line)
        if "kernel" in found:
            kernel = found["kernel"]
            continue
        row = dict(found["result"], memory=found["memory"])
        rows.append(row)
        if found["points"]:
            coverage[found["memory"]] = found["points"]
        print(f"{row['pattern']:12}{row['memory']:18}{row['faults']:10,} faults {row['instructions'] / 1e6:10,.1f} M instructions "
              f"{row['rss_kb'] / 1024:8.1f} MiB, {row['huge_kb'] / 1024:6.0f} in 2 MiB pages, {row['entries']:8,} TLB entries", flush=True)
    if guest.wait() or len(rows) != len(MEMORY) * len(PATTERNS):
        sys.exit(f"bench/guest: the guest failed with status {guest.returncode}")
    machine = dict(facts(), cpu="QEMU TCG, -icount", cpus=1, memory_mib=2048, kernel=kernel, driver=True, thp="as the row says")
    args.json.write_text(json.dumps({"kind": "guest", "format": 1, "machine": machine, "mib": args.mib,
                                     "rows": sorted(rows, key=lambda r: PATTERNS.index(r["pattern"])), "coverage": coverage}, indent=1), encoding="utf-8")
    print(args.json)


if __name__ == "__main__":
    main()
