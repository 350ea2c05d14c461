# SPDX-License-Identifier: MIT
"""Every setting accepts its good values in silence, and answers a wrong value or a wrong
name with one line. Each setting has its effect. Programs work where addresses, data,
descriptors or stderr are missing."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from preloaded import run as run_preloaded  # noqa: E402
from tap import done, ok  # noqa: E402

PYTHON = "/usr/bin/python3"


def run(command, shell=None, **settings):
    """Run @command, by a shell script if one is given, which finds it in "$@"."""
    if shell:
        command = ["/bin/bash", "-c", shell, "bash", *command]
    return run_preloaded(command, **settings)


def large_calls(result):
    match = re.search(r"large: (\d+) calls", result.stderr)
    return int(match.group(1)) if match else 0


NAMES = "names of programs, separated by commas; * and ? stand for any characters; using "
WRONG = {
    "DPHUGE_THRESHOLD": (["", "12Q", "-1", "0", "63K", "2G", "128KB", "K", "99999999999999999999", "1e6", " 1M"],
                         "a size from 64K to 1G, as in 128K or 2M; using 128K"),
    "DPHUGE_BACKEND": (["", "none", "DRIVER", "driver,thp"], "auto, driver, thp, hugetlb or base; using auto"),
    "DPHUGE_SMALL": (["", "1", "HUGE"], "jemalloc or huge; using jemalloc"),
    "DPHUGE_PROMOTE": (["", "101", "-1", "50%", "half"],
                       "a percentage from 0 to 100; using the module's threshold"),
    "DPHUGE_ONLY": (["", "/usr/bin/redis-server"], NAMES + "*"),
    "DPHUGE_EXCEPT": (["/bin/sh"], NAMES + "shells and wrappers"),
    "DPHUGE_STRICT": (["", "2", "yes"], "0 or 1; using 0"),
    "DPHUGE_HELP": (["", "2", "yes"], "0 or 1; using 0"),
    "DPHUGE_DECAY_MS": (["", "-2", "86400001", "10s", "0x10"],
                        "milliseconds from 0 to 86400000, or -1 for never; using 10000"),
    "DPHUGE_BACKGROUND": (["", "2", "yes"], "0 or 1; using 1"),
    "DPHUGE_QUARANTINE": (["", "-1", "65G", "lots"], "a size from 0K to 64G, as in 128K or 2M; using 0"),
    "DPHUGE_STATS": (["", "2", "on", "/tmp/x"], "0 or 1; using 0"),
}
GOOD = {
    "DPHUGE_THRESHOLD": ["64K", "65536", "1m", "1M", "1G"],
    "DPHUGE_BACKEND": ["auto", "thp", "hugetlb", "base"],
    "DPHUGE_SMALL": ["jemalloc", "huge"],
    "DPHUGE_PROMOTE": ["0", "100"],
    "DPHUGE_DECAY_MS": ["-1", "0", "86400000"],
    "DPHUGE_BACKGROUND": ["0", "1"],
    "DPHUGE_QUARANTINE": ["0", "1M", "1G"],
    "DPHUGE_STATS": ["0"],
    "DPHUGE_ONLY": ["*", "python3", "redis-server,valkey*"],
    "DPHUGE_EXCEPT": ["", "sh,bash", ",,", "x" * 5000],
    "DPHUGE_STRICT": ["0", "1"],
    "DPHUGE_HELP": ["0"],
}
SLURP = "x = [bytearray(300000 * n) for n in range(1, 20)]; print(sum(map(len, x)))"
ANSWER = f"{sum(300000 * n for n in range(1, 20))}\n"


def values():
    for name, (wrong, allowed) in WRONG.items():
        for value in wrong:
            r = run(["/bin/true"], **{name: value})
            ok(r.returncode == 0 and r.stderr == f"dphuge: {name}={value}: not {allowed}\n", f"{name}='{value}' is answered with one line")
        for value in GOOD[name]:
            r = run([PYTHON, "-c", SLURP], **{name: value})
            ok(r.returncode == 0 and r.stderr == "" and r.stdout == ANSWER, f"{name}={value} is accepted in silence")
    r = run(["/bin/true"], DPHUGE_BACKEND="driver")
    if os.path.exists("/dev/dphuge"):
        ok(r.stderr == "", "DPHUGE_BACKEND=driver works")
    else:
        ok(r.returncode == 0 and r.stderr ==
           "dphuge: DPHUGE_BACKEND=driver: no /dev/dphuge: load the driver, or start the container with --device; "
           "large requests go to jemalloc\n",
           "DPHUGE_BACKEND=driver without a device is answered with one line, and the program runs")


def names():
    for wrong, near in (("DPHUGE_TRESHOLD", "DPHUGE_THRESHOLD"), ("DPHUGE_STAT", "DPHUGE_STATS"), ("DPHUGE_", "DPHUGE_"),
                        ("DPHUGE_backend", "DPHUGE_"), ("DPHUGE_" + "X" * 300, "DPHUGE_")):
        r = run(["/bin/true"], **{wrong: "1"})
        ok(r.returncode == 0 and r.stderr.startswith(f"dphuge: {wrong}: no such setting; the nearest is {near}")
           and r.stderr.count("\n") == 1, f"{wrong[:20]} is answered with one line that names the nearest setting, {near}")
    r = run(["/bin/true"], DPHUGEX="1", DPHUGE="1", DPHUGE_CACHE="/tmp")
    ok(r.stderr == "", "names of other programs and of the project's scripts are ignored")


def strict():
    for setting in ({"DPHUGE_DECAY_MS": "soon"}, {"DPHUGE_DECAI_MS": "1"}):
        r = run(["/bin/true"], DPHUGE_STRICT="1", **setting)
        ok(r.returncode == -6 and r.stderr.endswith("; the program ends, as DPHUGE_STRICT=1 says\n") and r.stderr.count("\n") == 1,
           f"with DPHUGE_STRICT=1, {setting} is answered with one line, and the program ends")
    r = run([PYTHON, "-c", SLURP], DPHUGE_STRICT="1", DPHUGE_DECAY_MS="1000")
    ok(r.returncode == 0 and r.stdout == ANSWER and r.stderr == "", "with good settings the program runs")
    r = run(["/bin/true"], DPHUGE_STRICT="1", DPHUGE_BACKEND="driver")
    ok((r.returncode == 0) == os.path.exists("/dev/dphuge"), "with DPHUGE_STRICT=1 and DPHUGE_BACKEND=driver a program needs the driver")


def shown():
    r = run(["/bin/true"], DPHUGE_HELP="1")
    settings = dict(re.findall(r"^dphuge: (DPHUGE_\w+)=(.*)$", r.stderr, re.M))
    ok(r.returncode == 0 and set(settings) == set(WRONG), "DPHUGE_HELP=1 shows all settings that are tested here and no others")
    table = Path(__file__).resolve().parents[2] / "README.md"
    rows = dict(re.findall(r"^\| `(DPHUGE_\w+)` \|.*?\| ([^|]*) \|[^|]*\|$", table.read_text(), re.M))
    for name, default in settings.items():
        shown = rows.get(name, "missing").strip("`")
        ok(shown in (default, "the module's", "shells and wrappers"), f"the README has the default of {name}: {shown}")
    r = run(["/bin/true"], DPHUGE_HELP="1", **{name: value for name, value in settings.items()
                                               if value and name != "DPHUGE_HELP"})
    ok("not " not in r.stderr and "no such" not in r.stderr, "the defaults that DPHUGE_HELP shows are valid values")


def included():
    def backend(command, **settings):
        r = run(command, DPHUGE_STATS="1", DPHUGE_BACKEND="thp", **settings)
        return r.stdout == ANSWER and "backend thp" in r.stderr

    program = [PYTHON, "-c", SLURP]
    real = Path(PYTHON).resolve().name
    ok(backend(program), "a program has a large heap")
    for name in ("python3", real, "pytho*", "x,python?*,y"):
        ok(not backend(program, DPHUGE_EXCEPT=name), f"with DPHUGE_EXCEPT={name} {real} has none")
        ok(backend(program, DPHUGE_ONLY=name), f"with DPHUGE_ONLY={name} {real} has one")
    ok(not backend(program, DPHUGE_ONLY="redis-server"), "with DPHUGE_ONLY=redis-server it has none")
    ok(not backend(program, DPHUGE_ONLY="python3", DPHUGE_EXCEPT="python3"), "DPHUGE_EXCEPT is stronger than DPHUGE_ONLY")
    ok(backend(program, DPHUGE_EXCEPT="sh,bash"), "with DPHUGE_EXCEPT=sh,bash it has one")
    r = run(["/bin/sh", "-c", "cat /proc/$$/maps; :"])
    sizes = [int(end, 16) - int(start, 16) for start, end in re.findall(r"^(\w+)-(\w+) ", r.stdout, re.M)]
    ok("libdphuge" in r.stdout and max(sizes) < 1 << 32, "a shell reserves no addresses")


def effects():
    few = run([PYTHON, "-c", SLURP], DPHUGE_STATS="1", DPHUGE_THRESHOLD="4M")
    many = run([PYTHON, "-c", SLURP], DPHUGE_STATS="1", DPHUGE_THRESHOLD="256K")
    ok(5 <= large_calls(few) <= 8 and large_calls(many) >= 19, "the threshold decides what is large "
       f"({large_calls(few)} and {large_calls(many)} calls)")
    backend = "driver" if os.path.exists("/dev/dphuge") else "thp"
    ok(f"): backend {backend}\n" in many.stderr, f"the report names the backend, {backend}")
    ok(re.search(r"small: \d+ calls, \d+ bytes live", many.stderr) and "peak RSS" in many.stderr,
       "it counts small requests and has the peak of memory")
    match = re.search(r"coverage: (\d+) of (\d+) resident bytes", many.stderr)
    ok(match and int(match.group(2)) > 50e6, "and it has the coverage of the large heap, as the kernel tells it")
    objects = ("x = [str(n) * 10 for n in range(500000)]; import re; "
               "t = open('/proc/self/smaps').read(); "
               "print(sum(map(int, re.findall(r'(?:AnonHuge|FilePmdMapped|ShmemPmdMapped)\\w*: +(\\d+)', t))) >> 10)")
    mib = {small: int(run([PYTHON, "-c", objects], PYTHONMALLOC="malloc", DPHUGE_SMALL=small).stdout)
           for small in ("jemalloc", "huge")}
    ok(mib["huge"] > mib["jemalloc"] + 30, f"with DPHUGE_SMALL=huge small objects are in 2 MiB pages, {mib} MiB")
    option = ("import ctypes; v = ctypes.c_size_t(); n = ctypes.c_size_t(8); ctypes.CDLL(None).mallctl("
              "b'opt.tcache_gc_incr_bytes', ctypes.byref(v), ctypes.byref(n), None, ctypes.c_size_t(0)); print(v.value)")
    r = run([PYTHON, "-c", option])
    ok(r.stdout == "262144\n" and not r.stderr, f"jemalloc runs with the library's option ({r.stdout!r}, {r.stderr!r})")
    r = run([PYTHON, "-c", option], MALLOC_CONF="tcache_gc_incr_bytes:65536")
    ok(r.stdout == "65536\n", f"MALLOC_CONF is stronger than it ({r.stdout!r})")
    r = run(["/bin/true"], DPHUGE_STATS="1")
    ok(re.fullmatch(r"dphuge: pid \d+ \(true\): no large request; backend \w+\n", r.stderr), "a report without large requests says so")


def limited():
    r = run([PYTHON, "-c", SLURP], shell='ulimit -v 4000000; exec "$@"', DPHUGE_STATS="1")
    ok(r.stdout == ANSWER, "a program works with ulimit -v of 4 GB")
    r = run([PYTHON, "-c", SLURP], shell='ulimit -v 400000; exec "$@"')
    ok(r.stdout == ANSWER, "and with ulimit -v of 400 MB")
    r = run([PYTHON, "-c", SLURP], shell='ulimit -d 400000; exec "$@"')
    ok(r.stdout == ANSWER, "and with ulimit -d of 400 MB")
    later = ("import resource; a = bytearray(1000000); "
             "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)); "
             "b = [bytes(1000) for n in range(100000)]; " + SLURP)
    r = run([PYTHON, "-c", later])
    ok(r.stdout == ANSWER, "and if addresses are limited after it has started")
    r = run([PYTHON, "-c", "import resource; resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20)); "
             "b = [bytes(1000) for n in range(100000)]; print(len(b))"])
    ok(r.stdout == "100000\n", "with a limit of 300 MiB neither the reserved addresses nor what describes them is in the way")
    r = run([PYTHON, "-c", SLURP], shell='exec "$@" 2>&-', DPHUGE_STATS="1", DPHUGE_THRESHOLD="nonsense")
    ok(r.stdout == ANSWER, "a program works if stderr is closed")
    r = run([PYTHON, "-c", "import os; os.closerange(3, 65536); " + SLURP])
    ok(r.stdout == ANSWER, "and if all descriptors but the first three are closed")
    r = run([PYTHON, "-c", "import threading\ndef f(): " + SLURP + "\nt = threading.Thread(target=f); t.start(); t.join()"])
    ok(r.stdout == ANSWER, "and if a thread allocates")


values()
names()
strict()
shown()
included()
effects()
limited()
sys.exit(done())
