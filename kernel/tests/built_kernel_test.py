# SPDX-License-Identifier: GPL-2.0
"""A kernel that is built here (scripts/vm --kernel debug, kcsan) has what its configuration asks
for: in the configuration that it was built with, and in the guest that runs it.

Usage: built_kernel_test.py KERNEL"""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
import guest_kernel  # noqa: E402
from tap import done, note, ok  # noqa: E402

# What shows in a guest, by option. MEM_SOFT_DIRTY has no file: the test softdirty is about it.
FILES = {
    "CONFIG_NUMA_BALANCING": "/proc/sys/kernel/numa_balancing",
    "CONFIG_MEMORY_FAILURE": "/proc/sys/vm/memory_failure_early_kill",
    "CONFIG_HWPOISON_INJECT": "/sys/kernel/debug/hwpoison/corrupt-pfn",
    "CONFIG_MEMORY_HOTPLUG": "/sys/devices/system/memory/auto_online_blocks",
    "CONFIG_IDLE_PAGE_TRACKING": "/sys/kernel/mm/page_idle/bitmap",
    "CONFIG_FAIL_PAGE_ALLOC": "/sys/kernel/debug/fail_page_alloc/probability",
    "CONFIG_DEBUG_KMEMLEAK": "/sys/kernel/debug/kmemleak",
    "CONFIG_PROVE_LOCKING": "/proc/lockdep_chains",
    "CONFIG_KCSAN": "/sys/kernel/debug/kcsan",
}
ASKED = ["CONFIG_NUMA_BALANCING", "CONFIG_MEM_SOFT_DIRTY", "CONFIG_MEMORY_FAILURE", "CONFIG_MEMORY_HOTPLUG",
         "CONFIG_IDLE_PAGE_TRACKING"]


def main(series):
    kernel = guest_kernel.kernel(series)
    kernel.fetch()
    wanted = guest_kernel.options(guest_kernel.wanted_config(series))
    ok(all(wanted.get(name) == "y" for name in ASKED), f"{series}: the configuration asks for {', '.join(ASKED)}")
    missing = kernel.missing_options()
    ok(not missing, f"{series}: all {len(wanted)} options are as they are asked for {' '.join(missing)}")
    files = {name: path for name, path in FILES.items() if wanted.get(name) == "y"}
    script = ("mount -t debugfs debugfs /sys/kernel/debug; uname -r; uname -v; "
              f"for f in {' '.join(files.values())}; do [ -e $f ] && echo $f; done; :")
    said = subprocess.run([TOP / "scripts/vm", "--kernel", series, "--no-module", "--cpus", "2", "--nodes", "2", "--",
                           "sh", "-c", script], capture_output=True, text=True)
    lines = said.stdout.splitlines()
    if said.returncode or len(lines) < 2:
        note((said.stdout + said.stderr)[-2000:])
        lines = ["", ""]
    built = (kernel.root / "build/include/generated/utsversion.h").read_text()
    ok(lines[0] == kernel.version and lines[1] and f'"{lines[1]}"' in built, f"{series}: the guest runs what was built")
    for name, path in files.items():
        ok(path in lines[2:], f"{series}: the guest has {path} ({name})")
    return done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
