# SPDX-License-Identifier: MIT
"""The library exports exactly the symbols of libdphuge.map, and these are the malloc
family, C++'s operators and a few others that are listed here."""

import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from tap import done, ok  # noqa: E402

FAMILY = {"malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "posix_memalign", "aligned_alloc",
          "memalign", "valloc", "pvalloc", "malloc_usable_size", "malloc_trim", "mallinfo", "mallinfo2",
          "malloc_stats", "malloc_info", "mallopt", "free_sized", "free_aligned_sized"}
NEW = {f"_Zn{kind}m{how}" for kind in "wa" for how in ("", "RKSt9nothrow_t", "St11align_val_t",
                                                       "St11align_val_tRKSt9nothrow_t")}
DELETE = {f"_Zd{kind}Pv{how}" for kind in "la" for how in (
    "", "m", "RKSt9nothrow_t", "St11align_val_t", "mSt11align_val_t", "St11align_val_tRKSt9nothrow_t")}
OTHERS = {"dlopen", "malloc_conf", "dphuge_backend_name", "setrlimit", "setrlimit64", "prlimit", "prlimit64"}

wanted = set(re.findall(r"(\w+);", Path(sys.argv[1]).read_text(encoding="utf-8").split("global:")[1].split("local:")[0]))
lines = subprocess.run(["nm", "-D", "--defined-only", os.environ["LIBDPHUGE"]], capture_output=True,
                       text=True, check=True).stdout.splitlines()
found = {line.split()[-1].split("@")[0] for line in lines}
ok(found == wanted, f"nm -D shows the {len(wanted)} symbols of libdphuge.map; missing: {sorted(wanted - found)}; "
   f"too many: {sorted(found - wanted)}")
ok(wanted == FAMILY | OTHERS | NEW | DELETE, "they are the whole malloc family, C++'s operators, dlopen, setrlimit and "
   "its kin, malloc_conf and dphuge_backend_name")
sys.exit(done())
