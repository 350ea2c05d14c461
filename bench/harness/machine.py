# SPDX-License-Identifier: MIT
"""What a reader of the results must know of the machine."""

import os
import platform
import subprocess
import time
from pathlib import Path

from opponents import THP
from paths import TOP


def facts():
    """A dictionary of what is known of this machine, for the file of results."""
    def first(path, start):
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.startswith(start):
                return line.split(":" if ":" in line else "=", 1)[1].strip(' "\t')
        return "?"

    def output(*words):
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=TOP)
        return done.stdout.strip() if not done.returncode else "?"

    thp = THP.read_text(encoding="ascii").split("[")[1].split("]")[0] if THP.exists() else "none"
    return {"cpu": first("/proc/cpuinfo", "model name"), "cpus": os.cpu_count(),
            "memory_mib": int(first("/proc/meminfo", "MemTotal").split()[0]) >> 10,
            "kernel": platform.release(), "system": first("/etc/os-release", "PRETTY_NAME"),
            "virtual": output("systemd-detect-virt") if os.path.exists("/usr/bin/systemd-detect-virt") else
                       "yes" if "hypervisor" in first("/proc/cpuinfo", "flags") else "no",
            "thp": thp, "driver": os.path.exists("/dev/dphuge"), "commit": output("git", "rev-parse", "--short", "HEAD"),
            "date": time.strftime("%Y-%m-%d")}
