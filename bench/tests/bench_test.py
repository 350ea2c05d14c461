# SPDX-License-Identifier: MIT
"""The bench computes correctly, shown by cases that were worked out by hand, and its tools work,
shown on small work: bench_test.py BUILD_DIRECTORY"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path += [str(TOP / "scripts"), str(TOP / "bench/harness")]
from tap import done, ok  # noqa: E402

BUILD = Path(sys.argv[1])
PYTHON = "/usr/bin/python3"
SMALL = {"chase": "--to 128K --steps 1000", "churn": "--steps 50", "colours": "--size 64K", "cow": "--size 4M --writes 8",
         "cross": "--steps 20", "first_touch": "--size 4M", "grow": "--to 1M", "gups": "--size 1M --updates 1000",
         "join": "--build 2K --probe 1K", "matrix": "--rows 64 --columns 64", "nodes": "--nodes 1000 --visits 1000", "stream": "--size 1M",
         "zeroed": "--spread 4K"}


def run(*words, stdin=None, **env):
    env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"} | env  # meson sets it, and it would slow down glibc
    return subprocess.run([str(w) for w in words], input=stdin, env=env, capture_output=True, text=True,
                          timeout=900, check=False)


def model(trace, *options):
    return json.loads(run(BUILD / "bench/tlb_model", *options, stdin=trace).stdout)


def pages(n, kind="L", size=4096, times=2):
    return "".join(f" {kind} {i * size:x},8\n" for _ in range(times) for i in range(n))


def tlb():
    m = model(pages(64))
    ok((m["l1_load_misses"], m["l2_load_misses"]) == (64, 64), "64 pages fit the first level: each misses once")
    # 16 sets of 4 ways: pages 0, 16, 32, 48 and 64 push each other out of set 0.
    m = model(pages(65))
    ok((m["l1_load_misses"], m["l2_load_misses"]) == (70, 65), "the 65th makes one set of five pages miss each time")
    # 128 sets of 12 ways: 13 pages in set 0 of the second level, in order, always miss.
    m = model(pages(1537, "S"))
    ok((m["l1_store_misses"], m["l2_store_misses"], m["stores"]) == (3074, 1550, 3074), "1537 pages: the second level's set of 13")
    m = model(pages(1537, "S"), "--huge", "0-800000")
    ok((m["l1_store_misses"], m["l2_store_misses"]) == (4, 4), "in 2 MiB pages they are four entries")
    m = model(pages(33, size=2 << 20), "--huge", "0-4200000")
    ok(m["l1_load_misses"] == 33 + 5, "33 pages of 2 MiB: 8 sets of 4 ways, five in set 0")
    m = model(" M 1ffc,8\nI  100,4\n== valgrind talks\n L 1000,4\n")
    ok((m["loads"], m["stores"], m["instructions"], m["l2_load_misses"], m["l2_store_misses"]) == (2, 1, 1, 2, 0),
       "a modification is a load and a store; across a border it takes two pages")
    ok(model(pages(100), "--accesses", "10")["loads"] == 10, "--accesses")
    for bad in (["--pid", "x"], ["--accesses", "0"], ["--huge", "5"]):
        r = run(BUILD / "bench/tlb_model", *bad, stdin="")
        ok(r.returncode and bad[1] in r.stderr, f"tlb_model {' '.join(bad)} is refused by name")


def wrappers():
    """What users type answers questions and refuses wrong words; nothing is built for that."""
    for name, wrong in (("bench/run", "--repeat=0"), ("bench/guest", "--mib=9"), ("bench/dtlb", "--rounds=x"), ("bench/report", "--out"),
                        ("bench/policy-sweep", "--kernel=2"), ("scripts/demo", "--rounds=0"), ("scripts/programs", "--rounds=0")):
        r = run(TOP / name, "--help", DPHUGE_BUILD="/nonexistent")
        ok(r.returncode == 0 and r.stdout.startswith(f"usage: {name} ") and not r.stderr, f"{name} --help {r.stderr}")
        r = run(TOP / name, wrong, DPHUGE_BUILD="/nonexistent")
        ok(r.returncode == 2 and wrong.split("=")[0] in r.stderr and not r.stdout, f"{name} {wrong} is refused by name")


def micro():
    sources = {path.stem for path in (TOP / "bench/micro").glob("*.c")} - {"micro"}
    ok(sources == set(SMALL), f"each micro-benchmark is tested {sorted(sources ^ set(SMALL)) or ''}")
    for name, options in SMALL.items():
        r = run(BUILD / "bench" / name, *options.split(), "--rounds", "1")
        last = r.stdout.split()[-1:] or ["-1"]
        ok(r.returncode == 0 and float(last[0]) > 0, f"{name} {options}: {last[0]} ns {r.stderr}")
    for bad in (["--size", "12X"], ["--size", "-1"], ["--size", ""], ["--updates", "0"], ["--rounds", "1.5"], ["--what", "1"], ["word"]):
        r = run(BUILD / "bench/gups", *bad)
        ok(r.returncode and bad[0] in r.stderr, f"gups {' '.join(bad)} is refused by name")
    r = run(BUILD / "bench/chase", "--from", "8K", "--to", "64K", "--steps", "1000")
    ok([line.split()[0] for line in r.stdout.splitlines()] == ["8192", "16384", "32768", "65536"], "chase prints a curve")


def made_up():
    """Results of three programs and a micro-benchmark, made by hand."""
    def entry(values, rss=1000):
        return {"warm": {"value": 1, "user": 1, "sys": 0, "rss_kb": rss, "faults": 1, "huge_kb": 500, "seen_kb": 1000, "mapped": True},
                "runs": [{"value": v, "user": v, "sys": 0, "rss_kb": rss, "faults": 1} for v in values]}
    curve = entry([4.0, 5.0])
    for r in curve["runs"]:
        r["points"] = [[65536, 1.0], [131072, r["value"]]]
    names = ("dphuge", "glibc", "glibc again", "jemalloc thp", "THP always")
    return {"kind": "run", "format": 1, "options": {"quick": False}, "left_out": {"tcmalloc": "not there"},
            "machine": {"cpu": "a", "cpus": 2, "memory_mib": 1, "kernel": "k", "system": "s", "virtual": "none", "thp": "madvise",
                        "driver": False, "commit": "c", "date": "d"},
            "opponents": {n: {"about": n, "by_environment": n != "THP always"} for n in names},
            "workloads": {"fast": {"about": "", "micro": False}, "same": {"about": "", "micro": False},
                          "luck": {"about": "", "micro": False}, "chase": {"about": "", "micro": True}},
            "runs": {"fast": {"glibc": entry([8, 10, 6]), "glibc again": entry([8, 8, 8]), "dphuge": entry([4, 2, 6], 1500),
                              "jemalloc thp": entry([5, 4, 4])},
                     "same": {"glibc": entry([1, 1]), "glibc again": entry([1.04, 1.04]), "dphuge": entry([1.05, 1.05]),
                              "jemalloc thp": entry([1, 1]), "THP always": {"runs": [], "failed": "it <fell> over"}},
                     "luck": {"glibc": entry([9, 9, 9]), "glibc again": entry([9, 9, 7]), "dphuge": entry([8, 8, 8])},
                     "chase": {n: curve for n in names}}}


def report(folder):
    from results import Results
    r = Results(made_up())
    ok(r.speed("fast", "dphuge") == (2.0, 1.0, 5.0), "speed: the medians' ratio, 8 / 4; the rounds' are 2, 5 and 1")
    ok(abs(r.noise("same") - 1.04) < 1e-9, "noise: glibc beside itself")
    ok(r.dependent() == ["fast"], "only programs that some opponent makes 5 % faster, and in every round, depend on large blocks")
    ok(abs(r.mean(["fast", "same"], "dphuge") - (2 / 1.05) ** 0.5) < 1e-9, "the mean is geometric")
    ok(r.mean(["fast", "same"], "THP always") is None, "and there is none if a program is missing")
    source = folder / "made.json"
    source.write_text(json.dumps(made_up()), encoding="utf-8")
    guest = folder / "guest.json"
    guest.write_text(json.dumps({"kind": "guest", "format": 1, "machine": made_up()["machine"], "mib": 8, "coverage": {
        "driver": [{"touched": 0.5, "huge": 0.2, "rss_kb": 1}]}, "rows": [{"pattern": "sparse", "memory": "driver", "faults": 4711,
        "instructions": 5, "rss_kb": 10, "huge_kb": 0, "entries": 9}]}), encoding="utf-8")
    sweep = folder / "sweep.json"
    sweep.write_text(json.dumps([{"pressure": "plenty", "pattern": "sequential", "threshold": t, "faults": 1, "instructions": 2, "touched_kib": 4,
                                  "held_kib": 8, "huge_kib": 2} for t in ("0", "50")]), encoding="utf-8")
    made = run(PYTHON, TOP / "bench/harness/report.py", "--out", folder / "out", source, guest, sweep)
    page = (folder / "out/report.html").read_text(encoding="utf-8") if made.returncode == 0 else made.stderr
    ok("2.00 (1.00-5.00)" in page and "4,711" in page and "it &lt;fell&gt; over" in page and "not known" in page,
       "the page shows the figures, the slower programs and the failures")
    ok(page.count("data:image/png;base64,") == 6 and "src=\"http" not in page, "the page contains its pictures")
    ok(all((folder / f"out/{n}.png").read_bytes()[:4] == b"\x89PNG" for n in ("programs", "means", "micro", "chase", "coverage", "sweep")), "the pictures are also files beside it")
    (folder / "bad.json").write_text("{", encoding="utf-8")
    for bad in (folder / "bad.json", folder / "none.json", guest):
        r = run(PYTHON, TOP / "bench/harness/report.py", "--out", folder / "out", bad)
        ok(r.returncode == 1 and len(r.stderr.splitlines()) == 1, f"{bad.name} alone: {r.stderr.strip()}")


def runner(folder):
    results = folder / "results.json"
    command = [PYTHON, TOP / "bench/harness/run.py", "--quick", "--repeat", "1", "--json", results]
    some = ["--only", "calloc,stream triad", "--against", "glibc again,jemalloc thp"]
    r = run(*command, *some)
    data = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {"runs": {}}
    ok(r.returncode == 0 and set(data["runs"]) == {"calloc", "stream triad"}, f"a run of two workloads {r.stderr[-300:] if r.returncode else ''}")
    rivals = data["runs"].get("calloc", {})
    ok(set(rivals) == {"dphuge", "glibc", "glibc again", "jemalloc thp"} and all(len(e["runs"]) == 1 and "warm" in e for e in rivals.values()),
       "each runs once, after a run that is not counted")
    ok("4 GiB" not in r.stdout and "how many times as fast" in r.stdout, "a table at the end")
    for _ in range(10):  # on a busy machine it may end before it is observed
        run(*command, "--only", "gups", "--against", "glibc again", "--json", folder / "seen.json")
        ours = json.loads((folder / "seen.json").read_text(encoding="utf-8"))["runs"]["gups"]["dphuge"]["warm"]
        if ours["mapped"] and ours["huge_kb"] > 200000:
            break
        (folder / "seen.json").unlink()
    ok(ours["mapped"] and ours["huge_kb"] > 200000, f"the library was seen, and its 2 MiB pages: {ours}")
    # As after an interruption.
    del data["runs"]["calloc"]["glibc"]["runs"][0]
    results.write_text(json.dumps(data), encoding="utf-8")
    run(*command, *some)
    again = json.loads(results.read_text(encoding="utf-8"))
    ok(again["runs"]["calloc"]["glibc"]["runs"] and again["runs"]["calloc"]["dphuge"] == data["runs"]["calloc"]["dphuge"],
       "what is missing is run, and what is there stays")
    r = run(*[w for w in command if w != "--quick"], *some)
    ok(r.returncode == 1 and "--quick" in r.stderr and len(r.stderr.splitlines()) == 1, "results of other work are not mixed in")
    for bad in (["--only", "nothing"], ["--against", "malloc9"], ["--repeat", "0"]):
        r = run(*command, *bad)
        ok(r.returncode == 2 and bad[1] in r.stderr, f"{' '.join(bad)} is refused by name")


def dtlb(folder):
    shutil.copy(Path(__file__).with_name("fake-perf"), folder / "perf")
    tool = TOP / "bench/harness/dtlb.py"
    r = run(PYTHON, tool, "--rounds", "2", "--", "true", PATH=f"{folder}:{os.environ['PATH']}")
    rows = {line.split()[0]: line.split()[-3:] for line in r.stdout.splitlines()[1:]}
    ok(rows.get("dTLB-load-misses") == ["40.000", "10.000", "4.00"], f"with counters: misses a thousand instructions and the ratio {r.stderr}")
    (folder / "perf").write_text("#!/bin/sh\necho no >&2; exit 3\n", encoding="ascii")
    work = [BUILD / "bench/gups", "--size", "16M", "--updates", "300000", "--rounds", "1"]
    r = run(PYTHON, tool, "--json", "--", *work, PATH=f"{folder}:{os.environ['PATH']}")
    ok("no counters: perf stat ended with status 3" in r.stderr, "without counters: it says why")
    found = json.loads(r.stdout) if r.returncode == 0 else {"sides": {}, "how": r.stderr}
    misses = [found["sides"].get(s, {}).get("dTLB-load-misses", 0) for s in ("glibc", "dphuge")]
    # 4,096 pages in 1,536 entries: five of eight updates miss; of 8 pages of 2 MiB none.
    ok(found["how"] == "model" and 150000 < misses[0] < 220000 and misses[1] < misses[0] / 10, f"the model of gups: {misses} {r.stderr[-200:]}")
    r = run(PYTHON, tool)
    ok(r.returncode == 2 and "COMMAND" in r.stderr, "without a COMMAND it is refused")
    r = run(PYTHON, tool, "--model", "--", "/nonexistent")
    ok(r.returncode == 1 and "valgrind ended" in r.stderr, "a COMMAND that does not exist is reported")


def main():
    tlb()
    wrappers()
    micro()
    with tempfile.TemporaryDirectory(prefix="dphuge-bench-test-") as name:
        report(Path(name))
        runner(Path(name))
        dtlb(Path(name))
    return done()


sys.exit(main())
