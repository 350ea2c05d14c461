# SPDX-License-Identifier: MIT
"""Runs programs with the library preloaded, for the tests that are Python programs."""

import os
import subprocess

LIBRARY = os.environ["LIBDPHUGE"]
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


def run(command, timeout=600, preload=LIBRARY, **env):
    """Run @command with the variables @env and little else in its environment, and with
    @preload preloaded, unless it is empty."""
    env = {"PATH": PATH, "HOME": "/tmp", **({"LD_PRELOAD": preload} if preload else {}), **env}
    return subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", timeout=timeout,
                          check=False)
