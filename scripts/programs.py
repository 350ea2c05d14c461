#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run real programs with and without libdphuge.so, print what time and memory they take, and
fail if a result differs, or a program fails under the library.

Each program is a script of scripts/programs.d and does work whose output is the same every
time. The outputs of both runs must be equal, and their exit statuses 0."""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arguments import number, parse
from compare import environment, in_child, wait
from paths import BUILD, LIBRARY, TOP

sys.path.append(str(TOP / "bench/harness"))
import inputs  # noqa: E402

BASE = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
# The scripts run in a scratch folder, $T. $W is the folder with the inputs: text (20 MB), small
# (the beginning of text), genome.fa and reads.fq.
PROGRAMS = {path.stem: path for path in sorted((TOP / "scripts/programs.d").glob("*.sh"))}


def write_inputs(folder):
    seeds = inputs.states()
    with open(folder / "text", "w", encoding="ascii") as out:
        for n in range(350000):
            seed = next(seeds)
            out.write(f"{seed >> 40:06x} host{seed >> 60} GET /item/{(seed >> 33) % 50000} {(seed >> 20) % 700} status {n % 7} and some words\n")
    with open(folder / "text", encoding="ascii") as text, open(folder / "small", "w", encoding="ascii") as out:
        out.writelines(line for line, _ in zip(text, range(60000)))
    genome = "".join("ACGT"[next(seeds) >> 62] for _ in range(1000000))
    (folder / "genome.fa").write_text(">c\n" + genome + "\n", encoding="ascii")
    with open(folder / "reads.fq", "w", encoding="ascii") as out:
        for n in range(20000):
            at = n * 7919 % 999000
            out.write(f"@r{n}\n{genome[at:at + 100]}\n+\n{'I' * 100}\n")


def run(script, work, with_library):
    """(seconds, peak RSS in kB, status, output, complaints, large calls)"""
    scratch = Path(tempfile.mkdtemp(dir="/tmp", prefix="p"))
    os.chmod(scratch, 0o777)  # some servers do not run as root
    env = {**BASE, "W": str(work), "T": str(scratch), "TOP": str(TOP), "BUILD": str(BUILD), "HOME": str(scratch)}
    env = environment(env, with_library, f"{work}/libdphuge.so")
    with open(scratch / ".out", "wb") as out, open(scratch / ".err", "wb") as err:
        start = time.monotonic()
        child = subprocess.Popen(["timeout", "-k", "5", "120", "bash", script], env=env, stdout=out, stderr=err, cwd=scratch,
                                 stdin=subprocess.DEVNULL)
        usage = wait(child)
        seconds = time.monotonic() - start
    output = (scratch / ".out").read_bytes().replace(str(scratch).encode(), b"$T")
    errors = (scratch / ".err").read_text(errors="replace").replace(str(scratch), "$T")
    shutil.rmtree(scratch, ignore_errors=True)
    calls = sum(map(int, re.findall(r"large: (\d+) calls", errors)))
    complaints = "".join(line for line in errors.splitlines(True) if not re.match(r"dphuge: pid \d+", line))
    return seconds, usage.ru_maxrss, child.returncode, output, complaints, calls


def main():
    parser = argparse.ArgumentParser(prog="scripts/programs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=number(1, 99), default=1, help="runs of each program on each side, in turns (default 1)")
    parser.add_argument("--json", metavar="FILE", help="write every result to FILE")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"some of {', '.join(PROGRAMS)} (default: all)")

    def complete(args):
        unknown = set(args.name) - set(PROGRAMS)
        if unknown:
            parser.error(f"no such program: {', '.join(sorted(unknown))}; see --help")

    args = parse(parser, complete)
    failed, results = [], {}
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        shutil.copy(LIBRARY, f"{folder}/libdphuge.so")  # servers that do not run as root must be able to read it
        in_child(write_inputs, Path(folder))
        print(f"{'program':12} {'result':8} {'large calls':>11} {'seconds':>8} {'speed':>6} {'peak MiB':>8} {'of glibc':>8}")
        for name in args.name or PROGRAMS:
            runs = {False: [], True: []}
            for _ in range(args.rounds):
                for preload in (False, True):
                    runs[preload].append(run(PROGRAMS[name], folder, preload))
            plain, ours = runs[False][0], runs[True][-1]
            same = all(r[2] == 0 and r[3] == plain[3] for r in runs[False] + runs[True]) and ours[4] == plain[4]
            seconds, peak = ([statistics.median(r[n] for r in runs[p]) for p in (False, True)] for n in (0, 1))
            results[name] = {"same": same, "large_calls": ours[5], "seconds": seconds, "peak_kb": peak}
            print(f"{name:12} {'same' if same else 'DIFFERS':8} {ours[5]:11} {seconds[1]:8.2f} {seconds[0] / seconds[1]:6.2f} "
                  f"{peak[1] / 1024:8.0f} {peak[1] / peak[0]:8.2f}", flush=True)
            if not same:
                failed.append(name)
                for r in (plain, ours):
                    print(f"    status {r[2]}, output {r[3][:300]!r}, errors {r[4][:500]!r}")
    print(f"{len(results)} programs, {len(failed)} differ" + (f": {', '.join(failed)}" if failed else ""))
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1), encoding="utf-8")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
