# SPDX-License-Identifier: MIT
"""What scripts/demo and scripts/programs share: a program runs with and without the
library, and its parent learns what it used."""

import os

from paths import LIBRARY


def environment(base, with_library, library=LIBRARY):
    """The environment @base and, if @with_library, the variables that preload the library and make it
    report when the program exits."""
    return {**base, **({"LD_PRELOAD": library, "DPHUGE_STATS": "1"} if with_library else {})}


def wait(process):
    """Wait for a subprocess.Popen, set its return code, and return its struct rusage."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


def in_child(function, *args):
    """Call @function in a process of its own. What this process has resident would otherwise
    count in the peak of every program that it starts later."""
    pid = os.fork()
    if not pid:
        function(*args)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit(f"{function.__name__}() failed")
