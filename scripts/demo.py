#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run real, unmodified programs under glibc's malloc and under libdphuge.so in turns, on this
machine and on the driver in a guest, and compare their results, times and memory."""

import argparse
import hashlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arguments import number, parse
from compare import environment, in_child, wait
from guests import json_lines
from paths import TOP

sys.path.append(str(TOP / "bench/harness"))
import inputs  # noqa: E402

BASE = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C"}


def programs(work, small):
    """(name, command)"""
    numpy_mb, accesses = (128, 4) if small else (1024, 60)
    data = work / "data"
    in_child(inputs.log_lines, data, 2 if small else 16)
    lines = work / "lines"
    in_child(inputs.log_lines, lines, 8 if small else 200)
    repeats = work / "repeats"
    in_child(inputs.repeats, repeats, 24 if small else 256)
    packed = work / "repeats.zst"
    subprocess.run(["zstd", "-q", "-3", "--long=30", "-T1", str(repeats), "-o", str(packed)], env=BASE, check=True)
    return [
        ("xz -9e", ["xz", "-9e", "-T1", "-c", str(data)]),
        ("sort", ["sort", "-S", "1500M" if not small else "64M", "--parallel=1", str(lines)]),
        # The same file several times: only the first time does the window touch fresh memory.
        ("zstd -d --long", ["zstd", "-q", "-dc", "--long=30", *[str(packed)] * (2 if small else 8)]),
        ("numpy gather", ["/usr/bin/python3", str(TOP / "bench/harness/numpy_gather.py"), str(numpy_mb), str(accesses)]),
    ]


def run_once(command, ours, counted):
    """The output of a counted run goes to /dev/null, as it would take time to read and hash it.
    The output of the other runs is hashed, so that it can be compared."""
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(command, env=environment(BASE, ours), stderr=errors,
                                   stdout=subprocess.DEVNULL if counted else subprocess.PIPE)
        for chunk in iter(lambda: process.stdout.read(1 << 20), b"") if not counted else ():
            digest.update(chunk)
        usage = wait(process)
        seconds = time.monotonic() - start
        errors.seek(0)
        report = errors.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"demo: {command[0]} ended with status {process.returncode}:\n{report[-1000:]}")
    coverage = re.findall(r"coverage: (\d+) of (\d+)", report)
    backend = re.findall(r"backend (\w+)", report)
    return {"seconds": seconds, "rss": usage.ru_maxrss, "digest": digest.hexdigest(),
            "coverage": (sum(int(a) for a, _ in coverage), sum(int(b) for _, b in coverage)),
            "backend": backend[0] if backend else "glibc"}


def measure(where, rounds, small):
    results = []
    with tempfile.TemporaryDirectory(prefix="dphuge-demo-") as name:
        say(f"{where}: generating input")
        table = programs(Path(name), small)
        total, done = len(table) * (rounds * 2 + 2), 0
        for program, command in table:
            runs, digests = {False: [], True: []}, set()
            # The first run on each side is not counted: it warms up files and memory, and its output is compared.
            for ours, counted in [(False, False), (True, False)] + [
                    (o, True) for r in range(rounds) for o in ((False, True) if r % 2 == 0 else (True, False))]:
                result = run_once(command, ours, counted)
                done += 1
                say(f"{where}: [{done:2}/{total}] {program}, {'libdphuge' if ours else 'glibc'}"
                    f"{'' if counted else ' (warm-up)'}: {result['seconds']:.2f} s")
                if counted:
                    runs[ours].append(result)
                else:
                    digests.add(result["digest"])
            same = len(digests) == 1
            results.append({"where": where, "program": program, "same": same,
                            "glibc": summary(runs[False]), "dphuge": summary(runs[True])})
    return results


def summary(runs):
    huge, resident = max((r["coverage"] for r in runs), key=lambda c: c[1])
    return {"seconds": statistics.median(r["seconds"] for r in runs),
            "rss": statistics.median(r["rss"] for r in runs), "backend": runs[0]["backend"],
            "coverage": 100 * huge / resident if resident else None}


def show(results):
    print(f"\n{'where':16} {'program':14} {'backend':8} {'glibc s':>9} {'dphuge s':>9} {'speed-up':>9} "
          f"{'RSS glibc':>10} {'RSS dphuge':>11} {'2 MiB pages':>12}  result")
    for r in results:
        g, d = r["glibc"], r["dphuge"]
        coverage = f"{d['coverage']:.1f} %" if d["coverage"] is not None else "-"
        print(f"{r['where']:16} {r['program']:14} {d['backend']:8} {g['seconds']:9.2f} {d['seconds']:9.2f} "
              f"{g['seconds'] / d['seconds']:8.2f}x {g['rss'] / 1024:6.0f} MiB {d['rss'] / 1024:7.0f} MiB "
              f"{coverage:>12}  {'identical' if r['same'] else 'DIFFERENT'}")
    print("\nMedians of interleaved runs. speed-up: glibc's time divided by libdphuge's. 2 MiB pages: their\n"
          "share of the large heap's resident memory, as the kernel reports it. The guest is emulated:\n"
          "its times show that the driver works, not how fast it is.")


def guest(kernel, rounds):
    """The same in a guest where the driver is loaded."""
    return list(json_lines("demo", ["/usr/bin/python3", TOP / "scripts/demo.py", "--inside", f"guest {kernel}", "--rounds", rounds],
                           "--kernel", kernel, "--mem", "3G", "--timeout", "900"))


def say(text):
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--rounds", type=number(1, 99), help="counted runs of each program on each side (default 3; with --quick 1)")
    parser.add_argument("--quick", action="store_true", help="smaller inputs, as in the guest, which is emulated: takes 2 minutes")
    parser.add_argument("--no-guest", action="store_true", help="run on this machine only")
    parser.add_argument("--kernel", choices=["6.1", "6.12"], default="6.1", help="the guest's kernel (default 6.1)")
    parser.add_argument("--inside", metavar="NAME", help=argparse.SUPPRESS)
    args = parse(parser)
    if args.inside:
        for result in measure(args.inside, args.rounds, True):
            say(json.dumps(result))
        return 0
    results = measure("this machine", args.rounds or (1 if args.quick else 3), args.quick)
    if not args.no_guest:
        results += guest(args.kernel, 1)
    show(results)
    wrong = [r for r in results if not r["same"]]
    wrong += [r for r in results if r["where"] != "this machine" and r["dphuge"]["backend"] != "driver"]
    if wrong:
        print(f"demo: FAILED: {', '.join(r['program'] for r in wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
