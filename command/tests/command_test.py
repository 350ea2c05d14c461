# SPDX-License-Identifier: MIT
"""Each subcommand of dphuge does what its manual says, on real processes; wrong arguments
and unsuitable programs are refused with one line that names them. The same test runs in a
guest, where the driver is loaded ($DPHUGE_GUEST)."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
import beacon  # noqa: E402
from tap import done, ok  # noqa: E402

LIBRARY = Path(os.environ["LIBDPHUGE"])
COMMAND = LIBRARY.parent.parent / "command/dphuge"
PYTHON = "/usr/bin/python3"
MIB = 1 << 20
DRIVER = os.path.exists("/dev/dphuge")
BACKEND = "driver" if DRIVER else "thp"
HOLDER = [PYTHON, str(Path(__file__).with_name("holder.py"))]
CLEAN = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def dphuge(*args, env=None, **kwargs):
    return subprocess.run([COMMAND, *map(str, args)], capture_output=True, text=True, env={**CLEAN, **(env or {})},
                          timeout=600, **kwargs)


def one_line(result, *words):
    """Whether it was refused with one line on standard error that contains all @words. The line
    that argp adds, "Try `dphuge ... --help'", does not count."""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("Try `")]
    return len(lines) == 1 and all(word in lines[0] for word in words)


@contextmanager
def holder(env=None, command=None, kind="hold", options=()):
    """A process of holder.py under `dphuge run`, or of @command, that lives until the block ends."""
    command = command or [COMMAND, "run", *options, "--", *HOLDER, kind]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**CLEAN, **(env or {})})
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{command} did not start")
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(60)


def general():
    r = dphuge()
    ok(r.returncode == 2 and "Usage: dphuge COMMAND" in r.stderr and not r.stdout, "no command: the usage, status 2")
    r = dphuge("--help")
    ok(r.returncode == 0 and all(f"  {name} " in r.stdout for name in ("run", "stat", "check", "map", "doctor")),
       "--help names the commands")
    ok(re.fullmatch(r"dphuge \d+\.\d+\.\d+\n", dphuge("--version").stdout), "--version")
    r = dphuge("fly")
    ok(r.returncode == 2 and one_line(r, "'fly'", "run, stat, check, map and doctor"), "an unknown command is refused by name")
    for name in ("run", "stat", "check", "map", "doctor"):
        r = dphuge(name, "--help")
        ok(r.returncode == 0 and f"Usage: dphuge {name}" in r.stdout and "exit status:" in r.stdout, f"{name} --help")
        r = dphuge(name, "--fly")
        ok(r.returncode == 2 and one_line(r, "--fly"), f"{name} --fly is refused by name")


def environment_of(*args, env=None):
    r = dphuge("run", *args, "--", "/usr/bin/env", env=env)
    return dict(line.split("=", 1) for line in r.stdout.splitlines() if "=" in line)


def run():
    r = dphuge("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    ok((r.returncode, r.stdout, r.stderr) == (7, "out\n", "err\n"), "run: output and exit status are the command's")
    ok(dphuge("run", "--", "sh", "-c", "kill -9 $$").returncode == -signal.SIGKILL, "run: so is the signal that ends it")
    got = environment_of("--threshold", "256K", "--backend", "base", "--promote", "75", "--small", "huge")
    ok(got.get("LD_PRELOAD") == str(LIBRARY) and got.get("DPHUGE_THRESHOLD") == "256K" and
       got.get("DPHUGE_BACKEND") == "base" and got.get("DPHUGE_PROMOTE") == "75" and got.get("DPHUGE_SMALL") == "huge"
       and "DPHUGE_STRICT" not in got, "run: the options set the environment")
    other = "/usr/lib/x86_64-linux-gnu/libdl.so.2"
    ok(environment_of(env={"LD_PRELOAD": other})["LD_PRELOAD"] == f"{LIBRARY}:{other}", "run: another preloaded library stays")
    twice = f"{other}:{LIBRARY}"
    ok(environment_of(env={"LD_PRELOAD": twice})["LD_PRELOAD"] == twice, "run: the library is not added twice")
    ok(environment_of(env={"DPHUGE_DECAY_MS": "5"})["DPHUGE_DECAY_MS"] == "5", "run: other settings stay as they are")
    r = dphuge("run", "--stats", "--", PYTHON, "-c", "bytearray(1 << 24)")
    ok(r.returncode == 0 and f"backend {BACKEND}" in r.stderr and "coverage:" in r.stderr, "run --stats reports at exit")
    r = dphuge("run", "--dry-run", "--threshold", "1M", "--", "printf", "%s|", "a b", "it's", "")
    ok(r.returncode == 0 and f"LD_PRELOAD={LIBRARY} DPHUGE_THRESHOLD=1M printf " in r.stdout, "run --dry-run shows the command")
    shown = subprocess.run(["/bin/sh", "-c", r.stdout], capture_output=True, text=True, env=CLEAN, timeout=60)
    ok(shown.stdout == "a b|it's||", "run --dry-run: a shell can run what it shows")
    r = dphuge("run", "-v", "--", "echo", "x")
    ok(r.stdout == "x\n" and one_line(r, "LD_PRELOAD=", "echo x"), "run -v shows the command and runs it")


def run_refuses():
    for args, words in ((("--threshold", "1"), ("DPHUGE_THRESHOLD=1", "64K to 1G")),
                        (("--backend", "none"), ("DPHUGE_BACKEND=none", "auto, driver, thp")),
                        (("--promote", "101"), ("DPHUGE_PROMOTE=101", "0 to 100")),
                        (("--small", "tiny"), ("DPHUGE_SMALL=tiny", "jemalloc or huge"))):
        r = dphuge("run", *args, "--", "true")
        ok(r.returncode == 2 and one_line(r, *words), f"run {' '.join(args)} is refused, with what is allowed")
    r = dphuge("run", "--backend", "driver", "--", "true")
    ok(r.returncode == (0 if DRIVER else 2) and (DRIVER or one_line(r, "no /dev/dphuge", "load the driver", "--device")),
       "run --backend driver needs the device")
    r = dphuge("run")
    ok(r.returncode == 2 and one_line(r, "COMMAND is missing"), "run: the command is missing")
    r = dphuge("run", "--", "/no/such")
    ok(r.returncode == 127 and one_line(r, "/no/such", "not found"), "run: a command that does not exist: 127")
    r = dphuge("run", "no-such-command")
    ok(r.returncode == 127 and one_line(r, "no-such-command"), "and a command that is not in PATH: 127")
    r = dphuge("run", "/etc")
    ok(r.returncode == 126 and one_line(r, "/etc", "executable"), "run: a folder: status 126")
    r = dphuge("run", "/etc/passwd")
    ok(r.returncode == 126 and one_line(r, "/etc/passwd", "executable"), "run: a file that is not executable: 126")
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        true = Path("/bin/true").read_bytes()

        def program(name, content, mode=0o755):
            path = at / name
            path.write_bytes(content)
            path.chmod(mode)
            return path

        cases = [("statically linked", Path("/bin/busybox")),
                 ("statically linked", program("script", b"#! /bin/busybox sh\n")),
                 ("a 32-bit program", program("32", b"\x7fELF\x01" + true[5:16] + b"\x02\x00\x03\x00\x01" + bytes(64))),
                 ("another processor", program("arm", true[:18] + b"\xb7\x00" + true[20:])),
                 ("not an ELF program", program("text", b"echo x\n"))]
        if os.getuid() == 0:
            setuid = program("setuid", true)
            os.chown(setuid, 65534, 65534)
            setuid.chmod(0o4755)
            cases.append(("setuid", setuid))
            setgid = program("setgid", true)
            os.chown(setgid, 0, 65534)
            setgid.chmod(0o2755)
            cases.append(("setgid", setgid))
        for what, path in cases:
            r = dphuge("run", "--", path)
            ok(r.returncode == 125 and one_line(r, what, "preloaded"), f"run: {path.name}: {what}: 125")
        r = dphuge("run", "--", program("orphan", b"#!/no/such/interpreter\n"))
        ok(r.returncode == 127 and one_line(r, "/no/such/interpreter"), "run: a script without its interpreter: 127")
        # The command without its library, and then in a folder whose name LD_PRELOAD cannot hold.
        alone = at / "alone"
        shutil.copy(COMMAND, alone)
        r = subprocess.run([alone, "run", "true"], capture_output=True, text=True, env=CLEAN, timeout=60)
        ok(r.returncode == 125 and one_line(r, "libdphuge.so", "install"), "run: no library: 125")
        r = subprocess.run([alone, "doctor"], capture_output=True, text=True, env=CLEAN, timeout=60)
        ok(r.returncode == 1 and re.search(r"FAIL  library .*No such file", r.stdout) and "=> install" in r.stdout,
           "doctor without the library: FAIL, what to do, and status 1")
        for folder in ("a b/command", "a b/preload"):
            (at / folder).mkdir(parents=True)
        shutil.copy(COMMAND, at / "a b/command")
        shutil.copy(LIBRARY, at / "a b/preload")
        r = subprocess.run([at / "a b/command/dphuge", "run", "true"], capture_output=True, text=True, env=CLEAN, timeout=60)
        ok(r.returncode == 125 and one_line(r, "a b", "space"), "run: a path that LD_PRELOAD cannot hold: 125")


def check():
    with holder() as pid:
        _, rights = beacon.find(pid) or (None, None)
        ok(rights == "r--p", f"the library's state is read-only after start: {rights}")
        r = dphuge("check", pid)
        ok(r.returncode == 0 and r.stdout.startswith(f"{pid} (python3): active, backend {BACKEND}, requests of 131072 bytes"),
           f"check: {r.stdout.strip()}")
    r = dphuge("check", pid)
    ok(r.returncode == 1 and r.stdout == f"{pid}: no such process\n", "check: a process that has ended")
    with holder({"DPHUGE_EXCEPT": "python3*"}) as pid:
        r = dphuge("check", pid)
        ok(r.returncode == 1 and "no large heap: DPHUGE_ONLY and DPHUGE_EXCEPT leave this program out" in r.stdout,
           "check: left out by DPHUGE_EXCEPT")
    with holder(command=[*HOLDER, "hold"]) as pid:
        r = dphuge("check", pid)
        ok(r.returncode == 1 and "LD_PRELOAD was not set" in r.stdout and "dphuge run -- COMMAND" in r.stdout,
           "check: LD_PRELOAD is not set")
    with holder({"LD_PRELOAD": "/no/such/libdphuge.so"}, [*HOLDER, "hold"]) as pid:
        r = dphuge("check", pid)
        ok(r.returncode == 1 and "LD_PRELOAD names /no/such/libdphuge.so, which does not exist" in r.stdout,
           "check: LD_PRELOAD names a file that does not exist")
    with holder({"LD_PRELOAD": str(LIBRARY)}, ["/bin/busybox", "sh", "-c", "echo ready; read x"]) as pid:
        r = dphuge("check", pid)
        ok(r.returncode == 1 and "statically linked" in r.stdout, "check: a static program")
    for bad in ("x", "0", "-1", "1.5", "99999999999"):
        r = dphuge("check", "--", bad)
        ok(r.returncode == 2 and one_line(r, bad), f"check {bad} is refused")
    ok(dphuge("check").returncode == 2 and dphuge("check", 1, 2).returncode == 2, "check takes exactly one PID")
    if os.getuid():
        return
    with tempfile.TemporaryDirectory() as name, holder() as pid:
        os.chmod(name, 0o755)
        shutil.copy(COMMAND, name)
        r = subprocess.run([f"{name}/dphuge", "check", str(pid)], capture_output=True, text=True, user=65534, group=65534,
                           extra_groups=[], env=CLEAN, timeout=60)
        ok(r.returncode == 1 and "cannot be examined" in r.stdout, "check: somebody else's process")


def smaps_of(pid):
    """(resident, of that in 2 MiB pages) of the mapping with most memory, in bytes."""
    best = (0, 0)
    resident = 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Rss":
            resident, huge = int(value.split()[0]) << 10, 0
        elif name in ("AnonHugePages", "FilePmdMapped") and resident:
            huge += int(value.split()[0]) << 10
            best = max(best, (resident, huge))
    return best


def stat():
    with holder() as pid, holder({"DPHUGE_BACKEND": "base"}) as other, holder({"DPHUGE_EXCEPT": "python3*"}) as idle:
        r = dphuge("stat", "--json", pid)
        found = json.loads(r.stdout)
        row = found["processes"][0]
        resident, huge = smaps_of(pid)
        ok(r.returncode == 0 and row["pid"] == pid and row["command"] == "python3" and row["backend"] == BACKEND,
           "stat --json PID: the process")
        ok(72 * MIB <= row["in_use"] < 90 * MIB and 64 * MIB <= row["resident"] < 90 * MIB, f"its figures: {row}")
        ok(row["resident"] >= resident >= 64 * MIB and row["huge"] >= huge and row["huge"] <= row["resident"],
           f"they agree with the kernel's: {resident} and {huge}")
        ok((found["driver"] is not None) == DRIVER and (not DRIVER or found["driver"]["promotions"] > 0),
           "the driver's counters are there if it is loaded")
        r = dphuge("stat", pid)
        ok(r.returncode == 0 and re.search(rf"^ *{pid} python3 +{BACKEND} +7\d.\d MiB +\d", r.stdout, re.M) and
           ("driver: " in r.stdout) == DRIVER, "stat PID shows a table")
        ok(DRIVER == ("promotions" in row) and row.get("promotions", 1) > 0 and DRIVER == ("PROMOTED" in r.stdout),
           "on the driver, with the counters of the process")
        r = dphuge("stat", "--prometheus")
        metrics = dict(re.findall(rf'^(dphuge_heap_\w+)\{{pid="{pid}",command="python3",backend="{BACKEND}"\}} (\d+)$',
                                  r.stdout, re.M))
        ok(r.returncode == 0 and int(metrics["dphuge_heap_resident_bytes"]) == row["resident"] and
           all(re.match(r"# (HELP|TYPE) \w+ |\w+(\{.*\})? \d+$", line) for line in r.stdout.splitlines()) and
           DRIVER == ("dphuge_driver_bytes " in r.stdout) == ("dphuge_heap_promotions_total" in metrics),
           f"stat --prometheus: {len(metrics)} metrics")
        listed = {row["pid"]: row for row in json.loads(dphuge("stat", "--json").stdout)["processes"]}
        ok(pid in listed and other in listed and idle not in listed and listed[other]["huge"] == 0,
           "stat shows all processes with a large heap; backend base has no 2 MiB pages")
        watch = subprocess.Popen([COMMAND, "stat", "--json", "-i", "0.05", str(pid)], stdout=subprocess.PIPE, text=True,
                                 env=CLEAN)
        rows = [json.loads(watch.stdout.readline()) for _ in range(3)]
        ok(all(row["processes"][0]["pid"] == pid for row in rows), "stat --interval repeats")
    ok(watch.wait(60) == 0, "stat --interval ends when the process ends")
    watch.stdout.close()
    r = dphuge("stat", pid)
    ok(r.returncode == 1 and one_line(r, str(pid), "dphuge check"), "stat: a process that has ended")
    r = dphuge("stat", "--json", "--", PYTHON, "-c", "import time; a = bytearray(b'x') * (1 << 26); time.sleep(3); exit(5)")
    rows = json.loads(r.stderr)["processes"]
    ok(r.returncode == 5 and rows and rows[0]["resident"] >= 64 * MIB, "stat -- COMMAND shows the moment of most memory, and ends with the status of the command")
    with holder(kind="hostile") as pid:
        r = subprocess.run([COMMAND, "stat", "--prometheus", str(pid)], capture_output=True, env=CLEAN, timeout=60)
        ok(rb'command="?[31m\"\\?"' in r.stdout and r.stdout.isascii() and b"\x1b" not in r.stdout,
           "stat: control characters in a process's name are replaced")
        ok(json.loads(dphuge("stat", "--json", pid).stdout)["processes"][0]["command"] == '?[31m"\\?', "stat: also in JSON")
    with holder(kind="forger") as pid:
        r = subprocess.run([COMMAND, "stat", "--prometheus", str(pid)], capture_output=True, env=CLEAN, timeout=60)
        ok(rb',backend="a\"\\}??[31m"} ' in r.stdout and r.stdout.isascii(), "stat: so are those in a forged name of a backend")
        ok(json.loads(dphuge("stat", "--json", pid).stdout)["processes"][0]["backend"] == 'a"\\}??[31m', "stat: also in JSON")
    with holder({"ARENAS": str((1 << 32) - 1)}, kind="forger") as pid:
        r = dphuge("stat", pid)
        ok(r.returncode in (0, 1), f"stat: a process that says it has 4 Gi arenas: {r.stdout[-40:]!r} {r.stderr[-80:]!r}")
    if DRIVER:
        with holder({"PYTHONMALLOC": "malloc"}, kind="small", options=["--small", "huge"]) as pid:
            row = json.loads(dphuge("stat", "--json", pid).stdout)["processes"][0]
            ok(row["resident"] >= 45 * MIB and row["huge"] > row["resident"] // 2 and row["in_use"] < 20 * MIB,
               f"stat: on the driver the memory of small objects counts with --small huge: {row}")
    start = time.monotonic()
    ok(dphuge("stat", "-i", "3000", "--", "true").returncode == 0 and time.monotonic() - start < 1000,
       "stat -i 3000 -- COMMAND ends with the command")
    r = dphuge("stat", "--", "true")
    ok(r.returncode == 0 and ("no large heap" in r.stderr or " true " in r.stderr), "stat -- COMMAND that ends at once")
    ok(dphuge("stat", "--", "/no/such").returncode == 127, "stat -- /no/such: 127")
    for bad in ("0", "-1", "x", "1s", "nan", "86401"):
        r = dphuge("stat", f"--interval={bad}")
        ok(r.returncode == 2 and one_line(r, f"'{bad}'", "0.01 to 86400"), f"stat --interval {bad} is refused")
    ok(dphuge("stat", 1, 2).returncode == 2 and dphuge("stat", 1, "--", "true").returncode == 2,
       "stat takes one PID or a command, not more")
    with open("/dev/full", "w") as full:
        r = subprocess.run([COMMAND, "stat"], stdout=full, stderr=subprocess.PIPE, text=True, env=CLEAN, timeout=60)
        ok(r.returncode == 1 and one_line(r, "cannot write the output"), "stat: a full disk is reported")


def counts(picture):
    match = re.search(r"(\d+) blocks are one 2 MiB page.* (\d+) on 4 KiB pages", picture)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def picture():
    with holder() as pid:
        r = dphuge("map", pid)
        huge, small = counts(r.stdout)
        cells = sum(r.stdout.rsplit("\n", 2)[0].count(c) for c in "█░▒▓")
        ok(r.returncode == 0 and huge + small >= 32 and cells >= huge + small, f"map: {huge} + {small} blocks drawn")
        rows = [line for line in r.stdout.splitlines() if re.match(r" *[0-9a-f]{8,} ", line)]
        ok(rows and all(len(line.split(None, 1)[1]) <= 64 for line in rows), "map: 64 cells a row at most")
        r = dphuge("map", pid, env={"LC_ALL": "C"})
        ok(r.returncode == 0 and r.stdout.isascii() and counts(r.stdout) == (huge, small), "map draws in ASCII where the locale is not UTF-8")
    with holder({"DPHUGE_BACKEND": "base"}) as pid:
        huge, small = counts(dphuge("map", pid).stdout)
        ok(huge == 0 and small >= 32, f"map: backend base: {huge} + {small}")
    with holder({"DPHUGE_BACKEND": "base"}, kind="sparse") as pid:
        r = dphuge("map", pid)
        ok(r.stdout.count("░") >= 30, f"map: sparsely used blocks are drawn in the lightest shade: {r.stdout.count('░')}")
    ok(dphuge("map", pid).returncode == 1 and dphuge("map").returncode == 2 and dphuge("map", "x").returncode == 2,
       "map: a process that has ended, no PID, and a PID that is not a number")


def doctor():
    r = dphuge("doctor")
    lines = [line for line in r.stdout.splitlines() if not line.startswith(" ")]
    ok(len(lines) == 11 and all(re.match(r"(ok  |warn|FAIL)  \S+ +\S", line) for line in lines),
       "doctor: a line for each of 11 things")
    ok(r.returncode == any(line.startswith("FAIL") for line in lines), "doctor: status 1 if and only if a check fails")
    for before, line in zip(r.stdout.splitlines(), r.stdout.splitlines()[1:]):
        if line.startswith(" ") and before.startswith("ok"):
            ok(False, f"doctor: advice although all is well: {line}")
    ok(re.search(r"^ok    library .*libdphuge.so \S+ on jemalloc 5", r.stdout, re.M), "doctor: the library and jemalloc")
    module = re.search(r"^(\w+) +module +(.*)$", r.stdout, re.M)
    ok(module[1] == ("ok" if DRIVER else "warn"), f"doctor: {module[2]}")
    ok(re.search(r"^ok    device ", r.stdout, re.M), "doctor: the device")
    r = dphuge("doctor", "now")
    ok(r.returncode == 2 and one_line(r, "no argument"), "doctor takes no argument")


def complete(*words):
    """What bash's completion offers for the last of @words."""
    script = f"source {TOP}/command/completion.bash; " + r"""
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dphuge; printf '%s\n' "${COMPREPLY[@]}" """
    r = subprocess.run(["/bin/bash", "-c", script, "bash", *words], capture_output=True, text=True, env=CLEAN, timeout=60)
    return set(r.stdout.split()) if not r.stderr else {r.stderr}


def documents():
    """--help, the manual pages and the completion name the same options, and the manual's examples work."""
    page = (TOP / "docs/dphuge.1.in").read_text(encoding="utf-8").replace("\\-", "-")
    for name in ("run", "stat", "check", "map", "doctor"):
        options = set(re.findall(r"(--[a-z-]+)", dphuge(name, "--help").stdout)) - {"--usage", "--help", "--version"}
        offered = complete("dphuge", name, "--")
        ok(all(option in page for option in options), f"dphuge(1) has {name}'s options: {' '.join(sorted(options)) or 'none'}")
        ok(offered - {"--help"} == options or name in ("check", "map"), f"and bash completes them: {' '.join(sorted(offered))}")
    ok(complete("dphuge", "st") == {"stat"} and "driver" in complete("dphuge", "run", "--backend", ""),
       "bash completes commands and values")
    ok("true" in complete("dphuge", "run", "--stats", "--", "tru"), "and the command that is to be run")
    ok(str(os.getpid()) in complete("dphuge", "map", str(os.getpid())[:1]), "and processes")
    device = (TOP / "docs/dphuge.4.in").read_text(encoding="utf-8")
    for number, text in (1, page), (4, device):
        formatted = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True, check=False)
        ok(formatted.returncode == 0 and not formatted.stderr, f"groff formats without a warning dphuge({number}) {formatted.stderr[:200]}")
    contract = (TOP / "kernel/include/uapi/dphuge.h").read_text(encoding="utf-8")
    said = set(re.findall(r"\b(DPHUGE_(?:IOC_)?[A-Z]+|E[A-Z0-9]{3,})\b", device))
    wanted = set(re.findall(r"\b(DPHUGE_IOC_[A-Z]+|E[A-Z0-9]{3,})\b", contract)) - {"DPHUGE_IOC_MAGIC", "EFAULT"}
    ok(wanted <= said, f"dphuge(4) has each ioctl and error of the contract {sorted(wanted - said) or ''}")
    source = "".join(path.read_text(encoding="utf-8") for path in (TOP / "kernel").glob("*.c"))
    parameters = set(re.findall(r"module_param\w*\((\w+),", source)) | set(re.findall(r"MODULE_PARM_DESC\((\w+),", source))
    ok(parameters and all(f"BR {name} " in device for name in parameters), f"and each parameter: {' '.join(sorted(parameters))}")
    for line in re.search(r"\.SH EXAMPLES\n\.nf\n(.*?)\.fi", page, re.S)[1].splitlines():
        r = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, timeout=600,
                           env={**CLEAN, "PATH": f"{COMMAND.parent}:{CLEAN['PATH']}"})
        ok(r.returncode == 0 or "doctor" in line, f"example: {line}")


def header():
    """dphuge-malloc.h: what a program learns from it, with and without the library."""
    asks = COMMAND.parent / "tests/asks"

    def answers(*command):
        r = subprocess.run([*command, asks], capture_output=True, text=True, env=CLEAN, timeout=60)
        return dict(line.split(": ") for line in r.stdout.splitlines())

    with_us, without = answers(COMMAND, "run", "--"), answers()
    ok(with_us["backend"] == BACKEND and without["backend"] == "none", f"dphuge_backend(): {with_us['backend']}, none")
    ok(without["not ours"] == ("ENXIO" if DRIVER else "ENOENT"), f"dphuge_set_promote() elsewhere: {without['not ours']}")
    if DRIVER:
        ok((without["101"], without["25"], without["threshold"]) == ("EINVAL", "0", "25"), "dphuge_set_promote() of a mapping sets its threshold")


def no_permission():
    """The device exists, but this user may not use it."""
    if not DRIVER or os.getuid():
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("command/dphuge", "preload/libdphuge.so"):
            (folder / part).parent.mkdir()
            shutil.copy(COMMAND.parent.parent / part, folder / part)
        os.chmod("/dev/dphuge", 0o600)
        try:
            r = subprocess.run([folder / "command/dphuge", "run", "--backend", "driver", "true"], capture_output=True,
                               text=True, user=65534, group=65534, extra_groups=[], env=CLEAN, timeout=60)
            ok(r.returncode == 2 and one_line(r, "no permission to use /dev/dphuge"), "run: a device that this user may not use is reported")
            r = subprocess.run([folder / "command/dphuge", "doctor"], capture_output=True, text=True, user=65534,
                               group=65534, extra_groups=[], env=CLEAN, timeout=60)
            ok(r.returncode == 1 and re.search(r"FAIL  device .*Permission denied\n +=> chmod 0666", r.stdout),
               "doctor: so is how to mend it")
        finally:
            os.chmod("/dev/dphuge", 0o666)


def main():
    general()
    no_permission()
    header()
    if "DPHUGE_GUEST" not in os.environ:  # in a guest it would be the same, and take long
        documents()
        run_refuses()
    run()
    check()
    stat()
    picture()
    doctor()
    return done()


if __name__ == "__main__":
    sys.exit(main())
