#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/guest-batch loses no check: what a program prints, or does not print, and how it
ends decides whether it passed."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))
import tap  # noqa: E402

# What a shell script does, and the lines that the batch prints for it after the program's name.
PASSES = {
    "echo ok 1 - a; echo ok 2 - b; echo 1..2": ["ok 1 - program: a", "ok 2 - program: b"],
    "echo ok 1 - a '# SKIP' none; echo 1..1": ["ok 1 - program: a # SKIP none"],
    "echo a remark; echo ok 1; echo 1..1": ["# program: a remark", "ok 1 - program: "],
}
FAILS = {
    "echo not ok 1 - a; echo 1..1; exit 1": ["not ok 1 - program: a"],
    "echo ok 1 - a; exit 0": ["ok 1 - program: a", "not ok 2 - program: made 1 checks and planned None; exit status 0"],
    "echo ok 1 - a; echo 1..2": ["ok 1 - program: a", "not ok 2 - program: made 1 checks and planned 2; exit status 0"],
    "echo ok 1 - a; echo 1..1; kill -11 $$": ["ok 1 - program: a", "not ok 2 - program: exit status -11"],
    "echo ok 1 - a; echo 1..1; exit 3": ["ok 1 - program: a", "not ok 2 - program: exit status 3"],
    "(echo Bail out! b); echo ok 1 - a; echo 1..1": ["not ok 1 - program: Bail out! b", "ok 2 - program: a"],
    "echo Bail out! b; exit 1": ["not ok 1 - program: Bail out! b"],
    "echo 1..0": ["not ok 1 - program: made 0 checks and planned 0; exit status 0"],
    "exit 0": ["not ok 1 - program: made 0 checks and planned None; exit status 0"],
    "echo ok 1 - a; echo 1..1; sleep 1000": ["ok 1 - program: a", "not ok 2 - program: ends within 5 seconds"],
}


def batch(folder, *scripts, prefix=""):
    """Run a program for each script, with @prefix before its path. The exit status, and the lines
    that were printed."""
    commands = []
    for i, script in enumerate(scripts):
        program = folder / str(i) / "program"
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        commands.append(prefix + str(program))
    env = {name: value for name, value in os.environ.items() if name != "DPHUGE_GUEST"}
    limit = "5" if "sleep" in scripts[0] else "300"
    done = subprocess.run([sys.executable, SCRIPTS / "guest-batch", "--timeout", limit, *commands], stdout=subprocess.PIPE,
                          text=True, timeout=600, env=env, check=False)
    return done.returncode, done.stdout.splitlines()


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for script, lines in {**PASSES, **FAILS}.items():
            checks = sum("ok " in line[:7] for line in lines)
            status, printed = batch(folder, script)
            good = printed == [*lines, f"1..{checks}"] and status == (script in FAILS)
            expected = "fails" if script in FAILS else "passes"
            # A number sign would make this line a skipped check.
            tap.ok(good, f"{script}: {expected}{'' if good else f' {status} {printed}'}".replace("#", ""))
        status, printed = batch(folder, "echo not ok 1 - a; echo 1..1; exit 1", "echo ok 1 - b; echo 1..1")
        tap.ok(status == 1 and printed == ["not ok 1 - program: a", "ok 2 - program: b", "1..2"],
               "after a program that failed the next one runs, and the numbers go on")
        status, printed = batch(folder, 'echo "ok 1 - $EMPTY$WORD"; echo 1..1', prefix="WORD='a b=c' EMPTY= ")
        tap.ok(status == 0 and printed == ["ok 1 - program: a b=c", "1..1"], "a program finds its variables in its environment")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
