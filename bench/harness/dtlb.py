#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run COMMAND with and without libdphuge.so in turns, and compare how often it misses in the
data TLB for each thousand instructions.

The processor counts the misses (perf stat). Where its counters cannot be read, and with
--model, they are counted by a model of the TLB of Intel's Skylake-SP (bench/tlb_model.c). It
gets the program's loads and stores from valgrind, and the page sizes that the program really
has from the kernel. That takes a minute or two."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import arguments  # noqa: E402
from paths import BUILD, LIBRARY  # noqa: E402

GENERIC = ["dTLB-load-misses", "dTLB-store-misses", "page-faults", "instructions"]
# Events for page walks, which only some processors have: Intel's since Skylake, in cycles; AMD's
# since Zen, in walks.
WALKS = ["dtlb_load_misses.walk_active", "dtlb_store_misses.walk_active", "ls_l1_d_tlb_miss.all_l2_miss"]
SIDES = (("glibc", {}), ("dphuge", {"LD_PRELOAD": LIBRARY}))


def parse():
    parser = argparse.ArgumentParser(prog="bench/dtlb", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=arguments.number(1, 1000), default=3, metavar="N", help="runs on each side (default 3; the model needs only 1)")
    parser.add_argument("--model", action="store_true", help="use the model even if there are counters")
    parser.add_argument("--accesses", type=arguments.number(1, 10**12), default=30_000_000, metavar="N",
                        help="stop the model after N loads and stores (default 30000000)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")

    def complete(args):
        args.command = arguments.command_of(parser, args.command, "bench/dtlb -- COMMAND [ARG...]")

    return arguments.parse(parser, complete)


def counters(events, words, env):
    """Let perf stat count. Return {event: count or None}, or a message if perf itself fails."""
    with tempfile.NamedTemporaryFile("r", prefix="dphuge-perf-") as out:
        command = ["perf", "stat", "-x", ",", "-o", out.name, "-e", ",".join(events), "--",
                   "env", *(f"{k}={v}" for k, v in env.items()), *words]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
        except FileNotFoundError:
            return "perf is not installed (package linux-perf)"
        rows = [line.split(",") for line in out.read().splitlines() if line and not line.startswith("#")]
    if done.returncode or not rows:
        return f"perf stat ended with status {done.returncode}: {done.stderr.strip()[-200:]}"
    return {row[2].split(":")[0]: float(row[0]) if re.fullmatch(r"[0-9.]+", row[0]) else None for row in rows if len(row) > 2}


def usable_events():
    """(events, None), or (None, why there are no counters)."""
    found = counters(GENERIC, ["true"], {})
    if isinstance(found, str):
        return None, found
    absent = [e for e in GENERIC if found.get(e) is None]
    if absent:
        return None, (f"perf cannot count {', '.join(absent)} here: this is a virtual machine without a PMU, or "
                      "kernel.perf_event_paranoid forbids it")
    # They are tried one at a time, as perf refuses all events if it does not know one of them.
    more = [e for e in WALKS if isinstance(counters([e], ["true"], {}), dict) and counters([e], ["true"], {}).get(e) is not None]
    return GENERIC + more, None


def by_counters(args, events):
    runs = {name: [] for name, _ in SIDES}
    for n in range(args.rounds):
        for name, env in SIDES if n % 2 == 0 else SIDES[::-1]:
            found = counters(events, args.command, env)
            if isinstance(found, str):
                sys.exit(f"dtlb: {name}: {found}")
            runs[name].append(found)
    sides = {}
    for name, found in runs.items():
        sides[name] = {e: statistics.median(r.get(e) or 0 for r in found) for e in events}
    return {"how": "perf stat", "sides": sides}


def traced(args, env):
    """Run COMMAND under valgrind's lackey, whose trace goes to the model through a pipe."""
    read, write = os.pipe()
    valgrind = subprocess.Popen(["valgrind", "--tool=lackey", "--trace-mem=yes", "--basic-counts=no", f"--log-fd={write}", *args.command],
                                env=dict(os.environ, **env), pass_fds=[write], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    os.close(write)
    model = subprocess.run([BUILD / "bench/tlb_model", "--pid", str(valgrind.pid), "--accesses", str(args.accesses)],
                           stdin=read, stdout=subprocess.PIPE, check=True)
    os.close(read)
    result = json.loads(model.stdout)
    result["whole"] = result["loads"] + result["stores"] < args.accesses
    if not result["whole"]:
        valgrind.kill()
    errors = valgrind.communicate()[1].decode(errors="replace")
    if not result["loads"] or (result["whole"] and valgrind.returncode):
        sys.exit(f"dtlb: valgrind ended with status {valgrind.returncode}: {errors.strip()[-300:]}")
    return result


def by_model(args):
    if os.geteuid():
        print("dtlb: before Linux 6.7 only root can see the page sizes of another process; there, all pages count as 4 KiB", file=sys.stderr)
    sides, whole = {}, True
    for name, env in SIDES:
        found = traced(args, env)
        whole &= found.pop("whole")
        sides[name] = {"dTLB-load-misses": found["l2_load_misses"], "dTLB-store-misses": found["l2_store_misses"],
                       "L1-dTLB-load-misses": found["l1_load_misses"], "L1-dTLB-store-misses": found["l1_store_misses"],
                       "2 MiB pages": found["huge_blocks"], "instructions": found["instructions"]}
    return {"how": "model", "whole": whole, "sides": sides}


def show(result):
    if result["how"] == "model":
        print("A MODEL, not a measurement: Skylake-SP's data TLB, simulated"
              + ("" if result["whole"] else ", and only of the program's beginning (--accesses)"))
    glibc, ours = (result["sides"][name] for name, _ in SIDES)
    print(f"{'':32}{'glibc':>16}{'dphuge':>16}{'glibc/dphuge':>14}")
    for event in glibc:
        a, b = glibc[event], ours[event]
        if event in ("instructions", "page-faults", "2 MiB pages"):
            print(f"{event:32}{a:16,.0f}{b:16,.0f}" + (f"{a / b:14.2f}" if a and b else ""))
        else:
            a, b = 1000 * a / (glibc["instructions"] or 1), 1000 * b / (ours["instructions"] or 1)
            print(f"{event + ' / 1000 instr.':32}{a:16.3f}{b:16.3f}" + (f"{a / b:14.2f}" if b else ""))


def main():
    args = parse()
    events, why = (None, "--model was given") if args.model else usable_events()
    if not events:
        print(f"dtlb: no counters: {why}; the model is used instead", file=sys.stderr)
    result = by_counters(args, events) if events else by_model(args)
    if args.json:
        print(json.dumps(result))
    else:
        show(result)


if __name__ == "__main__":
    main()
