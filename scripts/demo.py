#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real programs under glibc's malloc and under libdphuge, interleaved; on this
machine, and on the driver in a guest."""

import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "bench/harness"))
import inputs  # noqa: E402

LIBRARY = os.environ.get("LIBDPHUGE", str(TOP / "build/preload/libdphuge.so"))
BASE = {"PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C"}

GATHER = """
import numpy, sys
n, accesses = int(sys.argv[1]) << 17, int(sys.argv[2]) * 1000000
a = numpy.arange(n, dtype=numpy.uint64)
rng = numpy.random.default_rng(7)
index = rng.integers(0, n, size=accesses // 4)
print(sum(int(a[index].sum()) + k for k in range(4)))
"""


def in_child(function, *args):
    """Run it in a process of its own: what we have been resident with would count
    in the peak of every program that we start."""
    pid = os.fork()
    if not pid:
        function(*args)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(f"demo: {function.__name__} failed")


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
        # Several times the same: the window's memory is touched first only once.
        ("zstd -d --long", ["zstd", "-q", "-dc", "--long=30", *[str(packed)] * (2 if small else 8)]),
        ("numpy gather", ["/usr/bin/python3", "-c", GATHER, str(numpy_mb), str(accesses)]),
    ]


def run_once(command, ours, counted):
    """Counted runs write to /dev/null: to read and hash their output would take
    time of its own. The others' output is hashed, to compare it."""
    env = dict(BASE, **({"LD_PRELOAD": LIBRARY, "DPHUGE_STATS": "1"} if ours else {}))
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(command, env=env, stderr=errors,
                                   stdout=subprocess.DEVNULL if counted else subprocess.PIPE)
        for chunk in iter(lambda: process.stdout.read(1 << 20), b"") if not counted else ():
            digest.update(chunk)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        errors.seek(0)
        report = errors.read().decode(errors="replace")
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"demo: {command[0]} ended with status {process.returncode}:\n{report[-1000:]}")
    coverage = re.findall(r"coverage: (\d+) of (\d+)", report)
    backend = re.findall(r"backend (\w+)", report)
    return {"seconds": seconds, "rss": usage.ru_maxrss, "digest": digest.hexdigest(),
            "coverage": (sum(int(a) for a, _ in coverage), sum(int(b) for _, b in coverage)),
            "backend": backend[0] if backend else "glibc"}


def measure(where, rounds, small, say):
    results = []
    with tempfile.TemporaryDirectory(prefix="dphuge-demo-") as name:
        say(f"{where}: generating input")
        table = programs(Path(name), small)
        total, done = len(table) * (rounds * 2 + 2), 0
        for program, command in table:
            runs, digests = {False: [], True: []}, set()
            # The first run on each side warms files and memory; its output is compared.
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
    print("\nMedians of interleaved runs. speed-up: glibc's time / libdphuge's. 2 MiB pages: share of\n"
          "the large heap's resident memory, as the kernel reports it. The guest is emulated: its\n"
          "times show that it works, not how fast it would be.")


def guest(kernel, rounds):
    """The same in a guest, with the driver loaded."""
    command = [str(TOP / "scripts/vm"), "--kernel", kernel, "--mem", "3G", "--timeout", "900", "--",
               "/usr/bin/python3", str(TOP / "scripts/demo.py"), "--inside", f"guest {kernel}", "--rounds", str(rounds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    results = []
    for line in process.stdout:
        if line.startswith("{"):
            results.append(json.loads(line))
        else:
            print(line, end="", flush=True)
    if process.wait():
        raise SystemExit(f"demo: the guest failed with status {process.returncode}")
    return results


def positive(text):
    if not re.fullmatch(r"[1-9][0-9]?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 99")
    return int(text)


def main():
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--rounds", type=positive, help="counted runs of each program on each side (default 3; --quick: 1)")
    parser.add_argument("--quick", action="store_true", help="small inputs, as in the guest, which is emulated: 2 minutes")
    parser.add_argument("--no-guest", action="store_true", help="this machine only")
    parser.add_argument("--kernel", choices=["6.1", "6.12"], default="6.1", help="the guest's kernel (default 6.1)")
    parser.add_argument("--inside", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.check:
        return 0
    say = lambda text: print(text, flush=True)
    if args.inside:
        for result in measure(args.inside, args.rounds, True, say):
            say(json.dumps(result))
        return 0
    results = measure("this machine", args.rounds or (1 if args.quick else 3), args.quick, say)
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
