# SPDX-License-Identifier: MIT
"""The exported symbols are exactly those of libdphuge.map."""

import os
import re
import subprocess
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    wanted = set(re.findall(r"(\w+);", f.read().split("global:")[1].split("local:")[0]))
lines = subprocess.run(["nm", "-D", "--defined-only", os.environ["LIBDPHUGE"]], capture_output=True,
                       text=True, check=True).stdout.splitlines()
found = {line.split()[-1].split("@")[0] for line in lines}
good = found == wanted
print(f"{'' if good else 'not '}ok 1 - nm -D shows {len(found)} symbols; "
      f"missing: {sorted(wanted - found)}; too many: {sorted(found - wanted)}")
family = {"malloc", "calloc", "realloc", "reallocarray", "free", "cfree", "posix_memalign", "aligned_alloc",
          "memalign", "valloc", "pvalloc", "malloc_usable_size", "malloc_trim", "mallinfo", "mallinfo2",
          "malloc_stats", "malloc_info", "mallopt", "free_sized", "free_aligned_sized"}
others = {"dlopen", "malloc_conf", "dphuge_backend_name", "setrlimit", "setrlimit64", "prlimit", "prlimit64"}
new = {f"_Zn{kind}m{how}" for kind in "wa" for how in ("", "RKSt9nothrow_t", "St11align_val_t",
                                                       "St11align_val_tRKSt9nothrow_t")}
delete = {f"_Zd{kind}Pv{how}" for kind in "la" for how in (
    "", "m", "RKSt9nothrow_t", "St11align_val_t", "mSt11align_val_t", "St11align_val_tRKSt9nothrow_t")}
whole = wanted == family | others | new | delete
print(f"{'' if whole else 'not '}ok 2 - the whole family and C++'s operators are there, and nothing else but dlopen, setrlimit and its kin, malloc_conf, and what says who we are")
print("1..2")
sys.exit(not good or not whole)
