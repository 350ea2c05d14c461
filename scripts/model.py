#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the model of one block's protocol (kernel/model) with spin: each run explores every
state that its actors can reach; then each WITHOUT_... leaves a lock, a flush or a check out, and
spin must find what that breaks. Prints TAP."""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import tap
from arguments import parse
from paths import TOP

MODEL = TOP / "kernel/model"
SECONDS = 240  # for one run; the longest takes a few seconds of a processor

# Each run: what it starts from, who does what, how often (block.pml says what the words mean).
RUNS = {
    "touch": "START=EMPTY_BLOCK+RESERVATION USER=READ+WRITE USER_N=1 OTHER=READ+WRITE OTHER_N=1",
    "touch on 7.x": "NEW_CORE START=EMPTY_BLOCK+RESERVATION USER=READ+WRITE USER_N=1 OTHER=READ+WRITE OTHER_N=1",
    "promotion": "START=RESERVATION+TABLE_MAPPED USER=READ+WRITE USER_N=2 OTHER=DONTNEED+WRITE OTHER_N=1",
    "promotion and I/O": "START=TABLE_MAPPED USER=READ+PIN USER_N=2 RECLAIM_BITS=RECLAIM+RELATIVE RECLAIM_N=1",
    "discard": "START=HUGE_MAPPED+SINGLE_PAGES+TABLE_MAPPED USER=READ+WRITE USER_N=1"
               " OTHER=DISCARD+DISCARD_ALL OTHER_N=1 RECLAIM_N=1",
    "repair": "START=SINGLE_PAGES USER=WRITE+PIN USER_N=1 OTHER=DISCARD OTHER_N=1 WORKER_N=1",
    "fork": "START=HUGE_MAPPED+TABLE_MAPPED+SINGLE_PAGES USER=WRITE USER_N=1 OTHER=FORK+REMAKE OTHER_N=2"
            " KID=READ+WRITE KID_N=1",
    "fork and I/O": "START=HUGE_MAPPED USER=PIN+WRITE USER_N=2 OTHER=FORK OTHER_N=1 RECLAIM_BITS=RELATIVE RECLAIM_N=1",
    "fork and I/O to single pages": "START=SINGLE_PAGES USER=PIN+WRITE USER_N=2 OTHER=FORK OTHER_N=1",
    "copy-on-write": "START=SHARED+SHARED_OVER USER=WRITE USER_N=1 KID=READ+WRITE KID_N=1",
    "copy-on-write and reclaim": "START=SHARED USER=WRITE USER_N=1 KID=WRITE KID_N=1 RECLAIM_N=1",
    "exit and reclaim": "START=SHARED USER=WRITE USER_N=1 KID=EXIT KID_N=1 RECLAIM_N=1",
    "exit and a pipe": "START=SHARED+SHARED_OVER USER=WRITE USER_N=1 KID=READ+PIPE+EXIT KID_N=3",
    "a pipe is left": "START=PIPE_LEFT USER=WRITE USER_N=1 OTHER=DISCARD+DONTNEED OTHER_N=1",
    "fold": "START=SHARED+SHARED_OVER USER=WRITE USER_N=1 KID=EXIT KID_N=1 WORKER_N=1",
    "settle": "START=PIPE_LEFT+CHILD_GONE USER=WRITE USER_N=1 WORKER_N=1",
    "the child is gone": "START=CHILD_GONE USER=WRITE USER_N=1 OTHER=DISCARD OTHER_N=1 WORKER_N=1",
    "the child is gone on 7.x": "NEW_CORE START=CHILD_GONE USER=WRITE USER_N=1 OTHER=DISCARD OTHER_N=1 WORKER_N=1",
}

# More of everything, for --deep.
DEEP = {
    "deep touch": "START=EMPTY_BLOCK+RESERVATION USER=READ+WRITE USER_N=2 OTHER=READ+WRITE OTHER_N=1",
    "deep discard": "START=HUGE_MAPPED+SINGLE_PAGES+TABLE_MAPPED USER=READ+WRITE USER_N=2"
                    " OTHER=DISCARD+DISCARD_ALL OTHER_N=1 RECLAIM_N=1",
    "deep repair": "START=SINGLE_PAGES USER=WRITE+PIN USER_N=2 OTHER=DISCARD OTHER_N=1 WORKER_N=1",
    "deep fork and I/O": "START=HUGE_MAPPED+SINGLE_PAGES USER=PIN+WRITE USER_N=2 OTHER=FORK OTHER_N=1"
                         " RECLAIM_BITS=RELATIVE RECLAIM_N=1",
    "deep exit": "START=SHARED USER=WRITE USER_N=1 KID=WRITE+EXIT KID_N=2 RECLAIM_N=1",
    "deep leftovers": "START=PIPE_LEFT+CHILD_GONE USER=WRITE USER_N=1 OTHER=DISCARD+DONTNEED OTHER_N=1 WORKER_N=1",
}

# What is left out: a run of its own, small, that finds it, and what spin then says.
MUTATIONS = {
    "CLEAN_PROTECT": ("START=HUGE_MAPPED USER=WRITE USER_N=1 OTHER=FORK+REMAKE OTHER_N=2", "no_lost_write"),
    "PROTECT": ("START=HUGE_MAPPED USER=WRITE USER_N=1 OTHER=FORK OTHER_N=1", "no_lost_write"),
    "FORK_FLUSH": ("START=HUGE_MAPPED USER=WRITE USER_N=2 OTHER=FORK OTHER_N=1", "no_lost_write"),
    "PIN_CHECK": ("START=HUGE_MAPPED USER=PIN+WRITE USER_N=2 OTHER=FORK OTHER_N=1", "no_lost_write"),
    "FORK_REF_FIRST": ("START=HUGE_MAPPED USER=PIN USER_N=1 OTHER=FORK OTHER_N=1 RECLAIM_BITS=RELATIVE RECLAIM_N=1",
                         "no_lost_write"),
    "DISTINCT_VMAS": ("START=HUGE_MAPPED USER=WRITE USER_N=1 OTHER=FORK+REMAKE OTHER_N=2", "no_lost_write"),
    "LEFTOVER_CHECK": ("START=PIPE_LEFT USER=WRITE USER_N=1", "pipe_unharmed"),
    "COUNT_ORDER": ("START=PIPE_LEFT USER=WRITE USER_N=1 OTHER=DONTNEED OTHER_N=1", "pipe_unharmed"),
    "MKWRITE_SMALL": ("START=CHILD_GONE USER=WRITE USER_N=1 OTHER=DISCARD OTHER_N=1", "isolation_in_page_table"),
    "MKWRITE_RECHECK": ("START=CHILD_GONE USER=WRITE USER_N=1 OTHER=DISCARD OTHER_N=1", "page_there"),
    "UNLOCK_BEFORE_MKWRITE": ("START=CHILD_GONE USER=WRITE USER_N=1 OTHER=DISCARD OTHER_N=1", "deadlock"),
    "SETTLE_CHECK": ("START=PIPE_LEFT USER=WRITE USER_N=1 WORKER_N=1", "pipe_unharmed"),
    "QUIESCE_FOLIO_LOCK": ("START=SINGLE_PAGES+FULL_BLOCK USER=WRITE USER_N=1 OTHER=DISCARD_ALL OTHER_N=1",
                         "isolation_in_page_table"),
    "DISCARD_QUIESCE": ("START=SINGLE_PAGES+FULL_BLOCK USER=WRITE USER_N=1 OTHER=DISCARD_ALL OTHER_N=1",
                         "isolation_in_page_table"),
    "MOVABLE_CHECK": ("START=SINGLE_PAGES USER=PIN USER_N=1 WORKER_N=1", "no_lost_write"),
    "COW_ZAP": ("START=SHARED_OVER USER=READ+WRITE USER_N=2", "fault_ends"),
    "FORCE_SMALL": ("START=EMPTY_BLOCK USER=READ USER_N=1", "isolation_in_page_table"),
    "FOLIO_LOCKED": ("START=FULL_BLOCK USER=WRITE USER_N=1 OTHER=DISCARD_ALL OTHER_N=1", "isolation_in_page_table"),
    "BLOCK_LOCK": ("START=EMPTY_BLOCK USER=WRITE USER_N=1 OTHER=WRITE OTHER_N=1", "isolation_in_page_table"),
    "VMA_LOCK": ("START=RESERVATION USER=READ USER_N=1 OTHER=READ OTHER_N=1", "table_empty"),
    "I_MMAP_LOCK": ("START=TABLE_MAPPED USER=WRITE USER_N=1 RECLAIM_BITS=RELATIVE RECLAIM_N=1", "table_unused"),
    "RETRACT_FLUSH": ("START=TABLE_MAPPED USER=READ+PIN USER_N=2 OTHER=READ OTHER_N=1", "table_unused"),
    "RECLAIM_FOLIO_LOCK": ("START=FULL_BLOCK USER=WRITE USER_N=1 RECLAIM_N=1", "free_not_held"),
    "RECLAIM_REF_CHECK": ("START=HUGE_MAPPED USER=PIN USER_N=1 RECLAIM_N=1", "no_lost_write"),
    "RECLAIM_BLOCK_LOCK": ("START=FULL_BLOCK USER=WRITE USER_N=1 RECLAIM_N=1", "isolation_in_page_table"),
    "TRYLOCK": ("START=SHARED USER=WRITE USER_N=1", "deadlock"),
    "RETRACT_INTERRUPT": ("START=TABLE_MAPPED USER=PIN USER_N=1 OTHER=READ OTHER_N=1", "table_unused"),
}


def defines(run, *more):
    return [f"-D{word}" for word in (*run.split(), *more)]


def explore(name, run, *more):
    """(what is broken, or None; states; seconds)"""
    with tempfile.TemporaryDirectory(prefix="dphuge-model-") as work:
        for file in MODEL.glob("*.pml"):
            shutil.copy(file, work)

        def call(*command):
            return subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=SECONDS, check=False)

        made = call("spin", "-a", *defines(run, *more), "block.pml")
        if made.returncode or "rror" in made.stdout:
            raise RuntimeError(f"{name}: spin: {made.stdout}{made.stderr}")
        # The program is large and runs for seconds: a compiler that is fast, not its result.
        built = call("tcc", "-w", "-DSAFETY", "-DVECTORSZ=1024", "-DMEMLIM=4000", "-o", "pan", "pan.c")
        if built.returncode:
            raise RuntimeError(f"{name}: tcc: {built.stderr}")
        result = call("nice", "./pan", "-n", "-m200000", "-w22")
        states = re.search(r"(\d+) states, stored", result.stdout)
        finished = re.search(r"errors: (\d+)", result.stdout)
        incomplete = re.search("max search depth too small|out of memory", result.stdout)
        if not states or not finished or incomplete:
            raise RuntimeError(f"{name}: pan: {result.stdout}{result.stderr}")
        found = re.search(r"pan:\d+: (.*?) \(at depth (\d+)\)", result.stdout)
        seconds = re.search(r"elapsed time ([\d.]+)", result.stdout)
        text = found.group(1).removeprefix("assertion violated ") if found else None
        if text and text.startswith("invalid end state"):
            text = "deadlock"
        return text, int(states.group(1)), float(seconds.group(1)) if seconds else 0.0


def checked(job):
    name, run, more, expected = job
    try:
        found, states, seconds = explore(name, run, *more)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return False, f"{name}: {str(error)[:2000]}"
    size = f"{states} states, {seconds:.1f} s"
    if expected is None:
        return found is None, f"{name}: nothing is broken ({size})" if found is None else f"{name}: {found} ({size})"
    return found == expected, f"{name}: finds {found}{'' if found == expected else f' instead of {expected}'} ({size})"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deep", action="store_true", help="larger runs as well: minutes, and up to 4 GB")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    args = parse(parser)
    jobs = [(name, run, (), None) for name, run in RUNS.items()]
    if args.deep:
        jobs += [(name, run, (), None) for name, run in DEEP.items()]
    jobs += [(f"WITHOUT_{name}", run, (f"WITHOUT_{name}",), expected) for name, (run, expected) in MUTATIONS.items()]
    if args.names:
        jobs = [job for job in jobs if job[0] in args.names]
    # Two at most: each takes up to 1 GB.
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for good, what in pool.map(checked, jobs):
            tap.ok(good, what)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
