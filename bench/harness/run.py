#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run micro-benchmarks and real programs under each allocator in turns, and write every
single result as JSON for bench/report.

Each round runs everything once, and each workload's opponents in random order. One more
round comes first and is not counted: it warms up files and memory, and observes which page
sizes each opponent really gets. After an interruption the same command continues where
the run had stopped."""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import arguments  # noqa: E402
import inputs  # noqa: E402
import machine  # noqa: E402
import measure  # noqa: E402
import opponents  # noqa: E402
import workloads  # noqa: E402
from paths import BUILD, LIBRARY  # noqa: E402
from results import Results, table  # noqa: E402

POOL_MIB = 3072


def names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller work, 2 rounds, and the most important opponents only: takes 10 minutes")
    parser.add_argument("--only", type=names, metavar="NAMES", help="run these workloads only, separated by commas")
    parser.add_argument("--against", type=names, metavar="NAMES", help="run these opponents only, separated by commas; dphuge and glibc always run")
    parser.add_argument("--repeat", type=arguments.number(1, 99), metavar="N", help="rounds that are counted (default 5; with --quick 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the file of results (default bench-results.json in the build folder)")
    parser.add_argument("--list", action="store_true", help="show the workloads and the opponents, and which opponents are left out")

    def complete(args):
        check_names(parser, args)
        if args.list:
            show_list(*chosen(args))
        return args.list

    return arguments.parse(parser, complete)


def check_names(parser, args):
    """End the program if a name is unknown, and fill in the defaults."""
    args.repeat = args.repeat or (2 if args.quick else 5)
    args.json = args.json or BUILD / "bench-results.json"
    every = [w.name for w in workloads.all_of(args.quick)]
    for given, known, what in ((args.only, every, "workload"), (args.against, [o.name for o in opponents.ALL], "opponent")):
        unknown = set(given or []) - set(known)
        if unknown:
            parser.error(f"no such {what}: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    if args.quick and not args.against:
        args.against = ["glibc again", "glibc hugetlb=1", "jemalloc thp", "mimalloc", "tcmalloc"]


def chosen(args):
    """(opponents, {name: why it is left out}, workloads)"""
    rivals, missing = opponents.available(args.against)
    return rivals, missing, [w for w in workloads.all_of(args.quick) if not args.only or w.name in args.only]


def show_list(rivals, missing, work):
    for w in work:
        print(f"{w.name:24} {'micro' if w.micro else 'program':8} {w.about}")
    print()
    for o in rivals:
        print(f"{o.name:24} {o.about}")
    for name, why in missing.items():
        print(f"{name:24} left out: {why}")


def warm_memory(results, workload):
    """Have the host back the memory that the next run needs. In a virtual machine the first touch
    of memory that the host does not back costs a hundred times what a page fault costs, and the
    host may take free memory back within seconds. So before each run as much memory is touched as
    any opponent needs for this workload, and a quarter more."""
    need = max((results.warm(workload.name, o) or {}).get("seen_kb", 0) for o in results.data["opponents"]) * 5 // 4096
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    subprocess.run([BUILD / "bench/first_touch", "--size", f"{max(min(need + 64, free * 3 // 4), 1)}M"],
                   env={"LD_PRELOAD": LIBRARY}, check=True, stdout=subprocess.DEVNULL)


def run_one(results, workload, opponent, folder, warm):
    warm_memory(results, workload)
    with ExitStack() as stack:
        if opponent.thp_always:
            stack.enter_context(measure.setting(opponents.THP, "always"))
        try:
            results.add(workload.name, opponent.name, measure.run(workload, opponent, folder, watch=warm), warm)
        except measure.Failure as failure:
            results.fail(workload.name, opponent.name, str(failure))


def run_everything(args, results, rivals, work, folder):
    from tqdm import tqdm  # installed by now: see arguments.parse()
    todo = sum(results.missing(w.name, o.name, args.repeat) for w in work for o in rivals)
    with tqdm(total=todo, unit="run", smoothing=0.05, dynamic_ncols=True) as bar:
        for count in range(args.repeat + 1):
            for w in work:
                for o in random.sample(rivals, len(rivals)):
                    if results.missing(w.name, o.name, args.repeat) and results.count(w.name, o.name) < count + 1:
                        bar.set_description(f"{w.name}, {o.name}"[:40])
                        run_one(results, w, o, folder, count == 0)
                        bar.update()


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that changed settings of the system are restored
    args = parse()
    rivals, missing, work = chosen(args)
    try:
        results = Results.open(args.json, machine.facts(), {"quick": args.quick}, rivals, missing, work)
    except ValueError as error:
        sys.exit(f"bench/run: {error}")
    for name, why in missing.items():
        print(f"{name} is left out: {why}", file=sys.stderr)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dphuge-inputs-")))
        if any(not w.micro for w in work):
            print("generating the inputs", file=sys.stderr)
            inputs.generate(folder, args.quick)
        if any(o.needs_pool for o in rivals):
            got = stack.enter_context(measure.pool(POOL_MIB))
            if got < POOL_MIB:
                print(f"the hugetlb pool has only {got} of {POOL_MIB} MiB: there was no more free memory", file=sys.stderr)
        try:
            run_everything(args, results, rivals, work, folder)
        except KeyboardInterrupt:
            sys.exit(f"\nbench/run: interrupted; the same command continues from {args.json}")
    print(table(results, [w.name for w in work], [o.name for o in rivals]))
    print(f"\nThe results are in {args.json}; `bench/report {args.json}` shows them.")
    for line in results.failures():
        print(f"bench/run: {line}", file=sys.stderr)
    return 1 if results.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
