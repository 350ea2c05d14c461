# SPDX-License-Identifier: MIT
"""scripts/vm tells KCSAN's reports of races that the module has a part in from those of Linux's own."""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
from tap import done, ok  # noqa: E402

RULE = "[  12.300000] " + "=" * 66
OWN = f"""{RULE}
[  12.300001] BUG: KCSAN: data-race in dph_fault+0x10/0x90 [dphuge] / folio_lock+0x5/0x20
[  12.300002]
[  12.300003] write to 0xffff888100000000 of 8 bytes by task 40 on cpu 0:
[  12.300004]  folio_lock+0x5/0x20
[  12.300005]  handle_mm_fault+0x5/0x20
[  12.300006]
[  12.300007] read (marked) to 0xffff888100000000 of 8 bytes by task 41 on cpu 1:
[  12.300008]  dph_fault+0x10/0x90 [dphuge]
[  12.300009]
[  12.300010] Reported by Kernel Concurrency Sanitizer on:
{RULE}
"""
CORE = OWN.replace("dph_fault+0x10/0x90 [dphuge]", "lru_add+0x10/0x90").replace("handle_mm_fault+0x5/0x20", "dph_x+0x1/0x2 [dphuge]")
ATOMIC = OWN.replace("read (marked) to", "read-write (marked) to")
ATOMIC_READ = ATOMIC.replace(" write to", " read to")
UNKNOWN = "\n".join(["BUG: KCSAN: data-race in dph_fault [dphuge]", "", "race at unknown origin, with read to 0xffff of 8 bytes by "
                     "task 1 on cpu 0:", " dph_fault+0x1/0x2 [dphuge]", "=" * 66])


def main():
    loader = importlib.machinery.SourceFileLoader("vm", str(SCRIPTS / "vm"))
    vm = importlib.util.module_from_spec(importlib.util.spec_from_loader("vm", loader))
    loader.exec_module(vm)
    ok(any("KCSAN" in line for line in vm.complaints(OWN)), "a race with the module is a complaint")
    ok(any("KCSAN" in line for line in vm.complaints(UNKNOWN)), "and so is one with an unknown writer")
    ok(not vm.complaints(CORE) and vm.without_core_races(CORE)[1] == 1, "one of two functions of Linux's is counted")
    ok(not vm.complaints(ATOMIC_READ), "an atomic operation of the module's and a read of Linux's is Linux's affair")
    ok(any("KCSAN" in line for line in vm.complaints(ATOMIC)), "with a write of Linux's it is a complaint")
    ok("BUG: bad" in vm.complaints(CORE + "BUG: bad"), "what comes after its report is read")
    ok(any("KCSAN" in line for line in vm.complaints("BUG: KCSAN: data-race in a / b")), "a report without its end is a complaint")
    return done()


if __name__ == "__main__":
    sys.exit(main())
