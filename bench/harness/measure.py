# SPDX-License-Identifier: MIT
"""One run of one workload under one opponent: the time it took, what it used, and what the
kernel says of its pages."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import opponents

LIMIT = 600  # seconds after which a run is ended, as it must hang
HUGE = ("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb")


class Failure(Exception):
    """A run that failed; one line says how."""


@contextmanager
def setting(path, value):
    """Set @path, a setting of the kernel, to @value until the end of the block."""
    old = path.read_text(encoding="ascii")
    if "[" in old:
        old = old.split("[")[1].split("]")[0]
    path.write_text(value, encoding="ascii")
    try:
        yield
    finally:
        path.write_text(old.strip(), encoding="ascii")


@contextmanager
def pool(mib):
    """Have a hugetlb pool of @mib MiB, if so much memory is free; yields what was got, in MiB."""
    if not os.access(opponents.POOL, os.W_OK):
        yield 0
        return
    with setting(opponents.POOL, str(mib // 2)):
        yield int(opponents.POOL.read_text(encoding="ascii")) * 2


def tree(pid):
    """The IDs of the process and its descendants."""
    pids = [pid]
    for p in pids:
        try:
            pids += map(int, Path(f"/proc/{p}/task/{p}/children").read_text(encoding="ascii").split())
        except OSError:
            pass
    return pids


def kill(child):
    """End the process, unless it has ended, and all that it has started."""
    if child and child.poll() is None:
        for pid in reversed(tree(child.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def pages(pid):
    """(resident kB, kB of that in 2 MiB pages); both include hugetlb."""
    rss = huge = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, kb = line.split(":")
        if name == "Rss":
            rss += int(kb.split()[0])
        elif name in HUGE:
            huge += int(kb.split()[0])
            if name.endswith("Hugetlb"):
                rss += int(kb.split()[0])
    return rss, huge


class Watch(threading.Thread):
    """Observes a process and its descendants every 20 ms in the run that is not counted: the largest
    resident size, how much of that is in 2 MiB pages, and whether @library is mapped. Until the
    library has been seen, it looks more often, as some runs take only milliseconds."""

    def __init__(self, pid, library):
        super().__init__(daemon=True)
        self.pid, self.library = pid, library
        self.rss = self.huge = 0
        self.mapped = not library
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.02 if self.mapped else 0.002):
            for pid in tree(self.pid):
                try:
                    rss, huge = pages(pid)
                    if rss >= self.rss:
                        self.rss, self.huge = rss, huge
                    if not self.mapped and rss:
                        self.mapped = os.path.realpath(self.library) in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
                except (OSError, ValueError):
                    pass


def result_of(text):
    """What a micro-benchmark printed: {"value": ns}, and for a curve "points": [[x, ns]...]."""
    rows = [line.split() for line in text.splitlines()]
    if not rows or not all(1 <= len(row) <= 2 for row in rows):
        raise Failure(f"it printed {text[:100]!r} instead of nanoseconds")
    result = {"value": float(rows[-1][-1])}
    if len(rows[-1]) == 2:
        result["points"] = [[int(x), float(ns)] for x, ns in rows]
    return result


def run(workload, opponent, inputs, watch=False):
    """Return a dictionary with value (ns, or seconds for a program), user, sys, rss_kb, faults and,
    with @watch, huge_kb, seen_kb, mapped."""
    scratch = tempfile.mkdtemp(prefix="dphuge-bench-")
    usage_file = f"{scratch}.usage"
    words = [w.replace("$W", str(inputs)).replace("$T", scratch) for w in workload.command]
    base = {"PATH": "/usr/bin:/bin:/usr/games", "LC_ALL": "C", "HOME": scratch}
    env = opponent.environment()
    env = {"SERVER_ENV": json.dumps(env)} if workload.server else env
    # A small program starts it: what the parent has resident would count in the peak of its child.
    words = ["/usr/bin/time", "-q", "-o", usage_file, "-f", "%U %S %M %R", "env", *(f"{k}={v}" for k, v in env.items()), *words]
    child = None
    try:
        with open(Path(inputs) / workload.stdin if workload.stdin else os.devnull, "rb") as stdin, \
             tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            start = time.monotonic()
            child = subprocess.Popen(words, env=base, stdin=stdin, cwd=scratch, stderr=errors,
                                     stdout=out if workload.micro else subprocess.DEVNULL)
            guard = threading.Timer(LIMIT, kill, [child])
            guard.daemon = True
            guard.start()
            watcher = Watch(child.pid, opponent.library()) if watch else None
            if watcher:
                watcher.start()
            child.wait()
            seconds = time.monotonic() - start
            guard.cancel()
            if watcher:
                watcher.ended.set()
                watcher.join()
            out.seek(0)
            errors.seek(0)
            if child.returncode:
                raise Failure(f"{workload.name} under {opponent.name} ended with status {child.returncode}: "
                              f"{errors.read().decode(errors='replace')[-300:].strip()}")
            result = result_of(out.read().decode()) if workload.micro else {"value": seconds}
        user, system, rss, faults = Path(usage_file).read_text(encoding="ascii").split()
        result |= {"user": float(user), "sys": float(system), "rss_kb": int(rss), "faults": int(faults)}
    finally:
        kill(child)
        shutil.rmtree(scratch, ignore_errors=True)
        Path(usage_file).unlink(missing_ok=True)
    if watcher:
        result |= {"huge_kb": watcher.huge, "seen_kb": watcher.rss, "mapped": watcher.mapped}
    return result
