#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run micro-benchmarks and real programs under each allocator, interleaved, and keep
every single result as JSON for bench/report.

Each round runs everything once, each workload's opponents in random order. A round
before the first isn't counted: it warms files and memory, and looks at the page
sizes that each opponent really gets. An interrupted run goes on where it was when
the same command is given again."""

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import inputs
import measure
import opponents
import workloads
from results import Results, table
from tqdm import tqdm

POOL_MIB = 3072


def facts():
    """What a reader must know of the machine."""
    def first(path, start):
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.startswith(start):
                return line.split(":" if ":" in line else "=", 1)[1].strip(' "\t')
        return "?"

    def output(*words):
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=opponents.TOP)
        return done.stdout.strip() if not done.returncode else "?"

    thp = opponents.THP.read_text(encoding="ascii").split("[")[1].split("]")[0] if opponents.THP.exists() else "none"
    return {"cpu": first("/proc/cpuinfo", "model name"), "cpus": os.cpu_count(),
            "memory_mib": int(first("/proc/meminfo", "MemTotal").split()[0]) >> 10,
            "kernel": platform.release(), "system": first("/etc/os-release", "PRETTY_NAME"),
            "virtual": output("systemd-detect-virt") if os.path.exists("/usr/bin/systemd-detect-virt") else
                       "yes" if "hypervisor" in first("/proc/cpuinfo", "flags") else "no",
            "thp": thp, "driver": os.path.exists("/dev/dphuge"), "commit": output("git", "rev-parse", "--short", "HEAD"),
            "date": time.strftime("%Y-%m-%d")}


def names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def positive(text):
    if not text.isdecimal() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 99")
    return int(text)


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller work, 2 rounds, the most important opponents: 10 minutes")
    parser.add_argument("--only", type=names, metavar="NAMES", help="these workloads, separated by commas")
    parser.add_argument("--against", type=names, metavar="NAMES", help="these opponents, separated by commas; dphuge and glibc always run")
    parser.add_argument("--repeat", type=positive, metavar="N", help="rounds that count (default 5; --quick: 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the results (default bench-results.json in the build folder)")
    parser.add_argument("--list", action="store_true", help="show workloads and opponents, and who is left out")
    args = parser.parse_args()
    args.repeat = args.repeat or (2 if args.quick else 5)
    args.json = args.json or opponents.BUILD / "bench-results.json"
    every = [w.name for w in workloads.all_of(args.quick)]
    for given, known, what in ((args.only, every, "workload"), (args.against, [o.name for o in opponents.ALL], "opponent")):
        unknown = set(given or []) - set(known)
        if unknown:
            parser.error(f"no such {what}: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if args.quick and not args.against:
        args.against = ["glibc again", "glibc hugetlb=1", "jemalloc thp", "mimalloc", "tcmalloc"]
    return args


def show_list(rivals, missing, work):
    for w in work:
        print(f"{w.name:24} {'micro' if w.micro else 'program':8} {w.about}")
    print()
    for o in rivals:
        print(f"{o.name:24} {o.about}")
    for name, why in missing.items():
        print(f"{name:24} left out: {why}")


def warm_memory(results, workload):
    """In a virtual machine memory that the host doesn't back costs a hundred times what a
    page fault costs, and a host may take back within seconds what is free. So each
    run is preceded by a touch of what it needs, by any opponent, and a quarter."""
    need = max((results.warm(workload.name, o) or {}).get("seen_kb", 0) for o in results.data["opponents"]) * 5 // 4096
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    subprocess.run([opponents.BUILD / "bench/first_touch", "--size", f"{max(min(need + 64, free * 3 // 4), 1)}M"],
                   env={"LD_PRELOAD": opponents.LIBRARY}, check=True, stdout=subprocess.DEVNULL)


def one(results, workload, opponent, folder, warm):
    warm_memory(results, workload)
    with ExitStack() as stack:
        if opponent.thp_always:
            stack.enter_context(measure.setting(opponents.THP, "always"))
        try:
            results.add(workload.name, opponent.name, measure.run(workload, opponent, folder, watch=warm), warm)
        except measure.Failure as failure:
            results.fail(workload.name, opponent.name, str(failure))


def everything(args, results, rivals, work, folder):
    todo = sum(results.missing(w.name, o.name, args.repeat) for w in work for o in rivals)
    with tqdm(total=todo, unit="run", smoothing=0.05, dynamic_ncols=True) as bar:
        for count in range(args.repeat + 1):
            for w in work:
                for o in random.sample(rivals, len(rivals)):
                    if results.missing(w.name, o.name, args.repeat) and results.count(w.name, o.name) < count + 1:
                        bar.set_description(f"{w.name}, {o.name}"[:40])
                        one(results, w, o, folder, count == 0)
                        bar.update()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # settings of the system are put back
    args = parse()
    rivals, missing = opponents.available(args.against)
    work = [w for w in workloads.all_of(args.quick) if not args.only or w.name in args.only]
    if args.list:
        show_list(rivals, missing, work)
        return 0
    try:
        results = Results.open(args.json, facts(), {"quick": args.quick}, rivals, missing, work)
    except ValueError as error:
        sys.exit(f"bench/run: {error}")
    for name, why in missing.items():
        print(f"{name} is left out: {why}", file=sys.stderr)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dphuge-inputs-")))
        if any(not w.micro for w in work):
            print("generating input", file=sys.stderr)
            inputs.generate(folder, args.quick)
        if any(o.needs_pool for o in rivals):
            got = stack.enter_context(measure.pool(POOL_MIB))
            if got < POOL_MIB:
                print(f"of a hugetlb pool of {POOL_MIB} MiB only {got} could be had", file=sys.stderr)
        try:
            everything(args, results, rivals, work, folder)
        except KeyboardInterrupt:
            sys.exit(f"\nbench/run: interrupted; the same command goes on from {args.json}")
    print(table(results, [w.name for w in work], [o.name for o in rivals]))
    print(f"\nresults: {args.json}; bench/report {args.json} shows them")
    for line in results.failures():
        print(f"bench/run: {line}", file=sys.stderr)
    return 1 if results.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
