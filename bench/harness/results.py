# SPDX-License-Identifier: MIT
"""The file of results, and what is computed from it: medians, ratios and ranges."""

import json
import os
import statistics
from pathlib import Path

from opponents import AGAIN, BASELINE

FORMAT = 1


class Results:
    """runs[workload][opponent] = {"warm": result, "runs": [result...], "failed": line}"""

    def __init__(self, data, path=None):
        self.data, self.path = data, path

    @classmethod
    def open(cls, path, machine, options, rivals, missing, work):
        """Make a new file, or continue one, which must be of the same machine and options."""
        data = {"kind": "run", "format": FORMAT, "machine": machine, "options": options, "left_out": missing, "opponents": {},
                "workloads": {}, "runs": {}}
        if path.exists():
            old = cls.load(path).data
            same = ("cpu", "cpus", "kernel", "driver", "commit")
            differs = [key for key in same if old["machine"].get(key) != machine[key]]
            if differs or old["options"] != options:
                raise ValueError(f"{path} has results of another {differs[0] if differs else '--quick'}: name another file, or remove this one")
            data = old
        data["opponents"] |= {o.name: {"about": o.about, "by_environment": o.by_environment} for o in rivals}
        data["workloads"] |= {w.name: {"about": w.about, "micro": w.micro} for w in work}
        return cls(data, path)

    @classmethod
    def load(cls, path):
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        if not isinstance(data, dict) or data.get("kind") not in ("run", "guest") or data.get("format") != FORMAT:
            raise ValueError(f"{path} is not a file of results of bench/run or bench/guest")
        return cls(data, Path(path))

    def save(self):
        new = self.path.with_name(self.path.name + ".new")
        new.write_text(json.dumps(self.data, indent=1), encoding="utf-8")
        os.replace(new, self.path)

    def _entry(self, workload, opponent):
        return self.data["runs"].setdefault(workload, {}).setdefault(opponent, {"runs": []})

    def count(self, workload, opponent):
        """How many runs are done, the first one included, which is not counted."""
        entry = self._entry(workload, opponent)
        return ("warm" in entry) + len(entry["runs"])

    def missing(self, workload, opponent, repeat):
        if "failed" in self._entry(workload, opponent):
            return 0
        return max(repeat + 1 - self.count(workload, opponent), 0)

    def add(self, workload, opponent, result, warm):
        entry = self._entry(workload, opponent)
        if warm:
            entry["warm"] = result
        else:
            entry["runs"].append(result)
        self.save()

    def fail(self, workload, opponent, line):
        self._entry(workload, opponent)["failed"] = line
        self.save()

    def failures(self):
        return [e["failed"] for w in self.data["runs"].values() for e in w.values() if "failed" in e]

    def values(self, workload, opponent, key="value"):
        entry = self.data["runs"].get(workload, {}).get(opponent, {})
        return [] if "failed" in entry else [r[key] for r in entry.get("runs", [])]

    def median(self, workload, opponent, key="value"):
        values = self.values(workload, opponent, key)
        return statistics.median(values) if values else None

    def warm(self, workload, opponent):
        return self.data["runs"].get(workload, {}).get(opponent, {}).get("warm")

    def speed(self, workload, opponent, base=BASELINE):
        """How many times as fast as @base it is: (the ratio of the medians, the lowest and the highest
        ratio of a round), or None."""
        mine, others = self.values(workload, opponent), self.values(workload, base)
        if not mine or not others:
            return None
        rounds = [b / a for a, b in zip(mine, others)]
        return statistics.median(others) / statistics.median(mine), min(rounds), max(rounds)

    def workloads(self, micro):
        return [name for name, w in self.data["workloads"].items() if w["micro"] == micro and name in self.data["runs"]]

    def noise(self, workload):
        """By what factor, at least 1, glibc differs from itself; or None."""
        again = self.speed(workload, AGAIN)
        return max(again[0], 1 / again[0]) if again else None

    def _ahead(self, workload, opponent):
        """Whether it is at least 5 % faster than glibc, and in every round faster than both runs of
        glibc. In five rounds, noise alone shows that once in 3^5 times."""
        speed = self.speed(workload, opponent)
        glibc = [v for v in (self.values(workload, o) for o in (BASELINE, AGAIN)) if v]
        return speed and speed[0] >= 1.05 and all(mine < min(theirs) for mine, *theirs in zip(self.values(workload, opponent), *glibc))

    def dependent(self):
        """The programs that depend on large blocks. The rule knows no names: some opponent, no matter
        which, is ahead of glibc."""
        rivals = [o for o in self.data["opponents"] if o not in (BASELINE, AGAIN)]
        return [name for name in self.workloads(micro=False) if any(self._ahead(name, o) for o in rivals)]

    def mean(self, names, opponent):
        """The geometric mean of its speeds with @names, or None if one of them is missing."""
        speeds = [self.speed(name, opponent) for name in names]
        return statistics.geometric_mean(s[0] for s in speeds) if speeds and all(speeds) else None


def amount(value, micro):
    if value is None:
        return "-"
    return f"{value:,.0f} ns" if micro and value >= 1000 else f"{value:.1f} ns" if micro else f"{value:.2f} s"


def table(results, names, rivals):
    """A table of speeds relative to glibc, as text."""
    others = [o for o in rivals if o != BASELINE]
    width = max(len(o) for o in others) + 1
    lines = ["how many times as fast as glibc; medians", f"{'':24}{'glibc':>16}" + "".join(f"{o:>{width}}" for o in others)]
    for name in names:
        cells = [results.speed(name, o) for o in others]
        lines.append(f"{name:24}{amount(results.median(name, BASELINE), results.data['workloads'][name]['micro']):>16}"
                     + "".join(f"{c[0]:{width}.2f}" if c else f"{'-':>{width}}" for c in cells))
    programs = [n for n in results.dependent() if n in names]
    if programs:
        means = [results.mean(programs, o) for o in others]
        lines.append(f"{f'mean of {len(programs)} programs':24}{'':>16}" + "".join(f"{m:{width}.2f}" if m else f"{'-':>{width}}" for m in means))
    return "\n".join(lines)
