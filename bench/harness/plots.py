# SPDX-License-Identifier: MIT
"""The pictures of the report. The colours are those of Okabe and Ito, which colour-blind people
can tell apart; the library always has the first."""

import math

import matplotlib
from opponents import AGAIN, BASELINE, OURS

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#999999"]
MARKS = "Dos^vP*X"


def _styles(names):
    rest = [n for n in names if n != OURS]
    return {OURS: (COLOURS[0], MARKS[0]), **{n: (COLOURS[1 + i % 7], MARKS[1 + i % 7]) for i, n in enumerate(rest)}}


def speeds(results, names, rivals, title, path):
    """One line for each workload: the speed of each opponent relative to glibc; for the library
    also its range."""
    rivals = [OURS] + [o for o in rivals if o != OURS]
    names = sorted(names, key=lambda n: (results.speed(n, OURS) or (1,))[0])
    style = _styles(rivals)
    fig, ax = plt.subplots(figsize=(9, 1.6 + 0.34 * len(names)))
    for y, name in enumerate(names):
        ax.axhline(y, color="#dddddd", linewidth=0.8, zorder=0)
        for o in reversed(rivals):
            found = results.speed(name, o)
            if not found:
                continue
            colour, mark = style[o]
            if o == OURS:
                ax.plot(found[1:], (y, y), color=colour, linewidth=3, alpha=0.35, zorder=2, solid_capstyle="round")
            ax.plot(found[0], y, mark, color=colour, markersize=8 if o == OURS else 5.5, zorder=4 if o == OURS else 3)
    ax.axvline(1, color="black", linewidth=1)
    ax.set_xscale("log", base=2)
    low, high = ax.get_xlim()
    ticks = [2.0 ** n for n in range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)]
    ax.set_xticks(ticks, [f"{t:g}" if t >= 1 else f"1/{1 / t:g}" for t in ticks])
    ax.set_xlim(low, high)
    ax.minorticks_off()
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(-0.7, len(names) - 0.3)
    ax.set_xlabel("times as fast as glibc (medians; bar: lowest and highest round)")
    ax.set_title(title, loc="left")
    handles = [plt.Line2D([], [], color=style[o][0], marker=style[o][1], linestyle="", label=o) for o in rivals]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.4, -1.0 / fig.get_figheight()), ncol=4, frameon=False)
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)


def means(results, names, path):
    """Geometric means over the programs that depend on large blocks."""
    rows = [(results.mean(names, o), o) for o in results.data["opponents"] if o != BASELINE]
    rows = sorted((m, o) for m, o in rows if m)
    fig, ax = plt.subplots(figsize=(8, 1.2 + 0.32 * len(rows)))
    for y, (mean, o) in enumerate(rows):
        free = results.data["opponents"][o]["by_environment"] and o != AGAIN
        ax.barh(y, mean - 1, left=1, color=COLOURS[0] if o == OURS else COLOURS[5] if free else "#bbbbbb", height=0.65)
        ax.text(max(mean, 1) + 0.005, y, f"{mean:.2f}", va="center")
    ax.axvline(1, color="black", linewidth=1)
    ax.set_yticks(range(len(rows)), [o for _, o in rows])
    ax.set_xlim(right=max(m for m, _ in rows) + 0.06)
    ax.set_xlabel("times as fast as glibc: geometric mean (grey: needs root, or is no opponent)")
    ax.set_title(f"{len(names)} programs that depend on large blocks", loc="left")
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)


def chase(results, name, rivals, path):
    """The time for a dependent load, by the size of the memory that the loads go through."""
    fig, ax = plt.subplots(figsize=(9, 5))
    style = _styles(rivals)
    for o in rivals:
        entry = results.data["runs"].get(name, {}).get(o, {})
        curves = [dict(map(tuple, r["points"])) for r in entry.get("runs", []) if "points" in r]
        if not curves:
            continue
        sizes = sorted(curves[0])
        middle = [sorted(c[s] for c in curves)[len(curves) // 2] for s in sizes]
        ax.plot(sizes, middle, color=style[o][0], marker=style[o][1], markersize=5, label=o, linewidth=2.2 if o == OURS else 1.3)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    units = lambda v: f"{v / (1 << 30):g} GiB" if v >= 1 << 30 else f"{v / (1 << 20):g} MiB" if v >= 1 << 20 else f"{v / 1024:g} KiB"  # noqa: E731
    low, high = (round(math.log2(v)) for v in (min(sizes), max(sizes)))
    ax.set_xticks([2.0 ** n for n in range(low, high + 1, 2)], [units(2.0 ** n) for n in range(low, high + 1, 2)])
    ticks = [2.0 ** n for n in range(0, 11)]
    ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
    ax.set_ylim(0.7, None)
    ax.grid(color="#e5e5e5")
    ax.set_xlabel("memory that the chain goes through, one line of each 4 KiB")
    ax.set_ylabel("ns for a dependent load")
    ax.set_title("Pointer chase: where each level of the TLB ends", loc="left")
    ax.legend(frameon=False)
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)


def coverage(guest, path):
    """For the guest, the share of the heap that is in 2 MiB pages while a program fills it."""
    fig, ax = plt.subplots(figsize=(9, 4.5))
    for i, (name, rows) in enumerate(guest["coverage"].items()):
        ax.plot([100 * r["touched"] for r in rows], [100 * r["huge"] for r in rows], color=COLOURS[i % 8], marker=MARKS[i % 8],
                markersize=4, label=name, linewidth=2.2 if name == "driver" else 1.3)
    ax.set_xlabel("part of the heap that the program has touched, in random order, %")
    ax.set_ylabel("part of it in 2 MiB pages, %")
    ax.set_ylim(-3, 103)
    ax.grid(color="#e5e5e5")
    ax.set_title("2 MiB coverage while a heap fills up (guest)", loc="left")
    ax.legend(frameon=False)
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)


def sweep(rows, path):
    """The rows of bench/policy-sweep: how much memory each threshold puts into 2 MiB pages, and how
    much it holds for it."""
    rows = [r for r in rows if r["pressure"] == "plenty"]
    thresholds = [t for t in dict.fromkeys(r["threshold"] for r in rows)]
    fig, axes = plt.subplots(1, 2, figsize=(11, 4.5))
    for i, pattern in enumerate(dict.fromkeys(r["pattern"] for r in rows)):
        mine = {r["threshold"]: r for r in rows if r["pattern"] == pattern}
        share = [100 * mine[t]["huge_kib"] / (mine[t]["touched_kib"] or 1) for t in thresholds]
        held = [mine[t]["held_kib"] / (mine[t]["touched_kib"] or 1) for t in thresholds]
        axes[0].plot(thresholds, share, marker=MARKS[i % 8], color=COLOURS[i % 8], label=pattern)
        axes[1].plot(thresholds, held, marker=MARKS[i % 8], color=COLOURS[i % 8], label=pattern)
    axes[0].set_title("in 2 MiB pages, % of what is touched", loc="left")
    axes[1].set_title("held / touched", loc="left")
    axes[1].set_yscale("log", base=2)
    for ax in axes:
        ax.set_xlabel("threshold, % (memory plenty)")
        ax.grid(color="#e5e5e5")
    axes[0].legend(frameon=False, fontsize=8)
    fig.savefig(path, dpi=110, bbox_inches="tight")
    plt.close(fig)
