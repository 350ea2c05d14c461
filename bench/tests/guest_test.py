# SPDX-License-Identifier: MIT
"""bench/guest, on a small heap, shows what the driver is for, beside other kinds of memory; and
bench/policy-sweep works, on a few combinations."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from tap import done, ok  # noqa: E402

with tempfile.NamedTemporaryFile(prefix="dphuge-guest-", suffix=".json") as out:
    r = subprocess.run(["/usr/bin/python3", TOP / "bench/harness/guest.py", "--mib", "16", "--json", out.name], capture_output=True, text=True, check=False)
    ok(r.returncode == 0, f"runs {r.stderr[-500:] if r.returncode else ''}")
    data = json.loads(Path(out.name).read_text(encoding="utf-8") or '{"rows": [], "coverage": {}}')
row = {(r["memory"], r["pattern"]): r for r in data["rows"]}
if row:
    of = lambda memory, pattern, key: row[memory, pattern][key]  # noqa: E731
    ok(of("driver", "random", "huge_kb") >= 14 << 10 and of("4 KiB", "random", "huge_kb") == 0, "a full heap on the driver is in 2 MiB pages")
    ok(of("driver", "random", "entries") * 100 < of("4 KiB", "random", "entries"), "and takes a hundredth of the TLB entries")
    ok(of("driver", "sparse", "rss_kb") < 512 and of("THP madvise", "sparse", "rss_kb") > 12 << 10,
       "a sparse heap holds only what was touched, whereas THP holds all of it")
    ok(of("driver", "sequential", "faults") * 5 < of("4 KiB", "sequential", "faults"), "a heap used in sequence has a fifth of the faults")
    curve = data["coverage"]["driver, exact 50"]
    ok(curve[5]["huge"] < 0.05 < 0.95 < curve[-1]["huge"], "there are 2 MiB pages only after the heap has been used")
with tempfile.TemporaryDirectory(prefix="dphuge-sweep-") as name:
    r = subprocess.run(["/usr/bin/python3", TOP / "bench/harness/policy_sweep.py", "--quick", name], capture_output=True, text=True, check=False)
    made = {p.name for p in Path(name).iterdir()}
    ok(r.returncode == 0 and made == {"policy-sweep.json", "policy-sweep.md", "policy-sweep.svg"}, f"the sweep of thresholds {r.stderr[-300:]}")
    sweep = {(r["pattern"], r["threshold"]): r for r in json.loads((Path(name) / "policy-sweep.json").read_text(encoding="utf-8"))} if made else {}
if sweep:
    ok(sweep["random sparse", "0"]["huge_kib"] and not sweep["random sparse", "50"]["huge_kib"],
       "sparse blocks are 2 MiB pages with a threshold of 0, but not with 50")
    ok(sweep["sequential", "0"]["faults"] * 10 < sweep["sequential", "50"]["faults"], "and has fewer faults")
sys.exit(done())
