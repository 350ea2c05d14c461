#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Find out what each threshold costs and gains, by access pattern and memory pressure.

This runs in a guest whose clock counts instructions, so the figures can be reproduced. For
each threshold ("adaptive" is the driver's default) they are: page faults, instructions, how
much of the memory in use is in 2 MiB pages, and how much memory is held for it. Writes
DIR/policy-sweep.json, policy-sweep.md (tables) and policy-sweep.svg (a plot)."""

import argparse
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import arguments  # noqa: E402
import guests  # noqa: E402
from kernels import SERIES  # noqa: E402
from paths import BUILD  # noqa: E402

THRESHOLDS = ["0", "12", "25", "50", "75", "90", "100", "adaptive"]
# For each pressure the guest's memory, the MiB that another process leaves available (0: there is
# no such process), the MiB of the heap, and the patterns.
PRESSURES = {
    "plenty": ("1G", 0, 96, "all"),
    "scarce": ("1G", 110, 64, "all"),
    "tight": ("1G", 56, 96, "random sparse,strided,a third,hot and cold"),
}
PYTHON = "d={i:bytes(200+i%7) for i in range(60000)};l=[bytearray(1<<20) for _ in range(24)];print(len(d)+len(l))"
PROGRAMS = {
    "xz -6": ["sh", "-c", "head -c 3000000 /usr/bin/python3.11 | exec xz -6 -T1"],
    "sort": ["sh", "-c", "seq 200000 | tac | sort -S 40M --parallel=1"],
    "python3": ["/usr/bin/python3", "-c", PYTHON],
}


def guest(args, memory, words):
    """The lines of JSON that the command @words prints in a guest with this much @memory."""
    return list(guests.json_lines("bench/policy-sweep", words, "--kernel", args.kernel, "--mem", memory, "--timeout", 1500, *guests.COUNTED))


def measure(args):
    thresholds = ["0", "50", "adaptive"] if args.quick else THRESHOLDS
    rows = []
    for name, (memory, keeps, heap, patterns) in PRESSURES.items():
        if args.quick and name != "plenty":
            continue
        if args.quick:
            heap, patterns = 16, "sequential,random sparse"
        print(f"policy-sweep: memory {name}", file=sys.stderr)
        found = guest(args, memory, [BUILD / "bench/sweep", keeps, heap, ",".join(thresholds), patterns])
        rows += [dict(row, pressure=name) for row in found]
    for name, command in PROGRAMS.items():
        if args.quick:
            break
        print(f"policy-sweep: {name}", file=sys.stderr)
        found = guest(args, "1G", [BUILD / "bench/sweep", "run", name, ",".join(thresholds), *command])
        rows += [dict(row, pressure="programs") for row in found]
    return rows


def tables(rows):
    text = []
    for pressure in dict.fromkeys(row["pressure"] for row in rows):
        mine = [row for row in rows if row["pressure"] == pressure]
        text.append(f"### {'Programs' if pressure == 'programs' else 'Memory: ' + pressure}\n")
        text.append("| pattern | threshold | faults | instructions, M | in 2 MiB pages | held / touched |")
        text.append("|---|---|---:|---:|---:|---:|")
        for row in sorted(mine, key=lambda row: row["pattern"]):
            touched = row["touched_kib"] or 1
            text.append(f"| {row['pattern']} | {row['threshold']} | {row['faults']:,} | {row['instructions'] / 1e6:,.0f} "
                        f"| {row['huge_kib'] / touched:.0%} | {row['held_kib'] / touched:.2f} |")
        text.append("")
    return "\n".join(text)


def plot(rows, path):
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "dphuge"  # so that the same figures make the same file
    matplotlib.rcParams["svg.fonttype"] = "none"
    from matplotlib import pyplot
    kinds = [("instructions to touch it, millions", lambda r: r["instructions"] / 1e6, "log"),
             ("held / touched", lambda r: r["held_kib"] / (r["touched_kib"] or 1), "log"),
             ("in 2 MiB pages, %", lambda r: 100 * r["huge_kib"] / (r["touched_kib"] or 1), "linear")]
    groups = list(dict.fromkeys(row["pressure"] for row in rows))
    figure, axes = pyplot.subplots(len(groups), len(kinds), figsize=(15, 3.6 * len(groups)), squeeze=False)
    for line, group in zip(axes, groups):
        mine = [row for row in rows if row["pressure"] == group]
        ticks = list(dict.fromkeys(row["threshold"] for row in mine))
        for axis, (title, value, scale) in zip(line, kinds):
            for pattern in dict.fromkeys(row["pattern"] for row in mine):
                found = [row for row in mine if row["pattern"] == pattern]
                axis.plot([ticks.index(row["threshold"]) for row in found], [value(row) for row in found],
                          marker="o", label=pattern)
            axis.set_yscale(scale)
            axis.set_xticks(range(len(ticks)), ticks, rotation=30)
            axis.set_title(f"{'programs' if group == 'programs' else 'memory ' + group}: {title}", fontsize=10)
            axis.grid(alpha=0.3)
        line[-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.supxlabel("threshold, % of a 2 MiB block")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(prog="bench/policy-sweep", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", choices=list(SERIES), default="6.12", help="the guest's kernel (default 6.12)")
    parser.add_argument("--quick", action="store_true", help="try a few combinations only: takes less than a minute")
    parser.add_argument("directory", type=Path, metavar="DIR", help="the folder for the three files")
    args = arguments.parse(parser)
    args.directory.mkdir(parents=True, exist_ok=True)
    rows = measure(args)
    (args.directory / "policy-sweep.json").write_text(json.dumps(rows, indent=0) + "\n")
    (args.directory / "policy-sweep.md").write_text(tables(rows))
    plot(rows, args.directory / "policy-sweep.svg")


if __name__ == "__main__":
    main()
