#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make one page of results, report.html, that contains its pictures. The same is written as
report.md, with the pictures as files beside it. FILE is a file that bench/run, bench/guest or
bench/policy-sweep wrote."""

import argparse
import base64
import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))
import arguments  # noqa: E402
from opponents import AGAIN, BASELINE, OURS  # noqa: E402
from paths import BUILD  # noqa: E402
from reasons import REASONS  # noqa: E402
from results import Results, amount  # noqa: E402

HERE = Path(__file__).resolve().parent
SHOWN = [OURS, "glibc hugetlb=1", "jemalloc", "jemalloc thp", "mimalloc", "tcmalloc", "THP always", "hugetlb pool"]
CURVES = [OURS, BASELINE, "jemalloc thp", "THP always", "hugetlb pool"]
SLOWER = 0.98


def parse():
    parser = argparse.ArgumentParser(prog="bench/report", description=__doc__)
    parser.add_argument("file", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, default=BUILD / "bench-report", metavar="DIR", help="the folder for what is made (default bench-report in the build folder)")
    return arguments.parse(parser)


def load(paths):
    """(Results or None, guest or None, sweep or None)"""
    run = guest = sweep = None
    for path in paths:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            sys.exit(f"bench/report: {path}: {error}")
        if isinstance(data, list) and data and "pressure" in data[0]:
            sweep = data
            continue
        try:
            found = Results.load(path)
        except ValueError as error:
            sys.exit(f"bench/report: {error}")
        if found.data["kind"] == "guest":
            guest = found.data
        else:
            run = found
    if not run:
        sys.exit("bench/report: one of the files must be from bench/run, and none is")
    return run, guest, sweep


def ratio(found):
    return f"{found[0]:.2f}" if found else "-"


def speed_table(results, names, rivals):
    rows = []
    for name in names:
        ours = results.speed(name, OURS)
        rows.append([name, amount(results.median(name, BASELINE), results.data["workloads"][name]["micro"]),
                     f"{ours[0]:.2f} ({ours[1]:.2f}-{ours[2]:.2f})" if ours else "-",
                     *(ratio(results.speed(name, o)) for o in rivals if o != OURS)])
    return {"head": ["", "glibc", "dphuge (range)", *(o for o in rivals if o != OURS)], "rows": rows}


def memory_table(results, names):
    """Peak resident size relative to glibc's, and the part of it in 2 MiB pages when most was seen."""
    rivals = [o for o in [OURS, "dphuge small=huge", "jemalloc", "jemalloc thp", "mimalloc", "tcmalloc", "THP always"]
              if o in results.data["opponents"]]
    rows = []
    for name in names:
        base = results.median(name, BASELINE, "rss_kb")
        cells = []
        for o in rivals:
            rss, warm = results.median(name, o, "rss_kb"), results.warm(name, o)
            share = f" ({100 * warm['huge_kb'] / warm['seen_kb']:.0f} %)" if warm and warm["seen_kb"] else ""
            cells.append(f"{rss / base:.2f}{share}" if rss and base else "-")
        rows.append([name, f"{base / 1024:.0f} MiB" if base else "-", *cells])
    return {"head": ["", "glibc", *rivals], "rows": rows}


def in_use(results):
    """For each opponent in how many workloads its library was seen mapped, and the most memory in
    2 MiB pages."""
    rows = []
    for o, about in results.data["opponents"].items():
        warm = [w for w in (results.warm(name, o) for name in results.data["runs"]) if w]
        most = max((w["huge_kb"] for w in warm), default=0)
        rows.append([o, about["about"], f"{sum(w['mapped'] for w in warm)} of {len(warm)}", f"{most >> 10} MiB"])
    return {"head": ["opponent", "configuration", "workloads in which its library was seen (runs of a few ms may be missed)", "most memory in 2 MiB pages"], "rows": rows}


def losses(results, names):
    """The programs that are more than 2 % slower than under glibc, and why."""
    found = []
    for name in names:
        speed, noise = results.speed(name, OURS), results.noise(name)
        if speed and speed[0] < SLOWER:
            within = noise and 1 / speed[0] <= noise
            found.append([name, f"{speed[0]:.3f}", f"{noise:.3f}" if noise else "-",
                          REASONS.get(name) or ("within this row's noise" if within else "not known")])
    return {"head": ["", "times as fast", "noise", "why"], "rows": found}


def noise(results):
    names = results.workloads(True) + results.workloads(False)
    every = sorted(((results.noise(n), n) for n in names if results.noise(n)), reverse=True)
    if not every:
        return None
    ratios = [n for n, _ in every]
    return {"median": ratios[len(ratios) // 2], "within": sum(r <= 1.02 for r in ratios), "of": len(ratios), "worst": every[:3]}


def verdict(results, programs):
    """The library's mean speed, and the best of those that a user could have by environment variables."""
    mean = results.mean(programs, OURS) if programs else None
    if not mean:
        return None
    others = [(results.mean(programs, o), o) for o, about in results.data["opponents"].items()
              if about["by_environment"] and o not in (OURS, BASELINE, AGAIN, "dphuge small=huge")]
    others = sorted(((m, o) for m, o in others if m), reverse=True)
    return {"mean": mean, "best": others[0] if others else None}


def markdown(table):
    lines = ["| " + " | ".join(table["head"]) + " |", "|---" * len(table["head"]) + "|"]
    lines += ["| " + " | ".join(str(c) for c in row) + " |" for row in table["rows"]]
    return "\n".join(lines)


def draw(results, guest, sweep, out, micro, programs, dependent):
    """Draw the pictures. Return {name: file}."""
    import plots  # its matplotlib is installed by now: see arguments.parse()
    shown = [o for o in SHOWN if o in results.data["opponents"]]
    pictures = {}

    def picture(name, function, *args):
        function(*args, out / f"{name}.png")
        pictures[name] = f"{name}.png"

    if programs:
        picture("programs", plots.speeds, results, programs, shown, "Real programs")
    if dependent:
        picture("means", plots.means, results, dependent)
    if micro:
        picture("micro", plots.speeds, results, micro, shown, "Micro-benchmarks")
    if "chase" in micro:
        picture("chase", plots.chase, results, "chase", [o for o in CURVES if o in results.data["opponents"]])
    if guest:
        picture("coverage", plots.coverage, guest)
    if sweep:
        picture("sweep", plots.sweep, sweep)
    return pictures


def guest_table(guest):
    rows = []
    for r in guest["rows"]:
        rows.append([r["pattern"], r["memory"], f"{r['faults']:,}", f"{r['instructions'] / 1e6:,.1f}", f"{r['rss_kb'] / 1024:.1f}",
                     f"{100 * r['huge_kb'] / r['rss_kb']:.0f} %" if r["rss_kb"] else "-", f"{r['entries']:,}"])
    return {"head": ["pattern", "memory", "page faults", "instructions, M", "heap resident, MiB", "in 2 MiB pages", "TLB entries to cover it"],
            "rows": rows}


def main():
    args = parse()
    import jinja2  # installed by now: see arguments.parse()
    results, guest, sweep = load(args.file)
    args.out.mkdir(parents=True, exist_ok=True)
    micro, programs, dependent = results.workloads(True), results.workloads(False), results.dependent()
    rivals = [o for o in results.data["opponents"] if o not in (BASELINE,)]
    context = {
        "data": results.data, "verdict": verdict(results, dependent), "noise": noise(results), "dependent": dependent,
        "rounds": max((len(e["runs"]) for w in results.data["runs"].values() for e in w.values()), default=0),
        "pictures": draw(results, guest, sweep, args.out, micro, programs, dependent),
        "programs": speed_table(results, programs, rivals), "micro": speed_table(results, micro, rivals),
        "memory": memory_table(results, programs), "in_use": in_use(results), "losses": losses(results, programs),
        "failures": results.failures(), "guest": guest and guest_table(guest), "guest_machine": guest and guest["machine"],
    }
    env = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=lambda name: name.startswith("report.html"), trim_blocks=True,
                             lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    env.filters["markdown"] = markdown
    env.filters["embed"] = lambda name: base64.b64encode((args.out / name).read_bytes()).decode()
    for name in ("report.html", "report.md"):
        (args.out / name).write_text(env.get_template(name + ".in").render(context).rstrip() + "\n", encoding="utf-8")
    print(args.out / "report.html")


if __name__ == "__main__":
    main()
