# SPDX-License-Identifier: MIT
"""glibc's own tests of malloc, fetched as Debian's package glibc-source and run with
the library preloaded: what they ask of a malloc is what programs expect.

Left out are tests of glibc's insides (tcache, mtrace, tunables, state of the heap in
old dumps), those that bring a malloc of their own, and two that ask for what we do
not promise (README, "What it does not do"):

  tst-mallocfork2         fork() in a signal handler that interrupted malloc
  tst-malloc-thread-fail  threads under a ulimit -v in which jemalloc finds no room
                          for an arena: jemalloc 5.3.0 follows a null pointer
"""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import guest_kernel  # noqa: E402
from tap import done, ok  # noqa: E402

TESTS = """mallocbug tst-calloc tst-free-errno tst-mallinfo2 tst-malloc tst-malloc-fork-deadlock
tst-malloc-stats-cancellation tst-malloc-tcache-leak tst-malloc-thread-exit tst-malloc-too-large tst-malloc_info
tst-mallocalign1 tst-mallocfork tst-mallocfork3 tst-mallopt tst-memalign tst-obstack tst-posix_memalign tst-pvalloc
tst-realloc tst-reallocarray tst-trim1 tst-valloc""".split()
LIBRARY = os.environ["LIBDPHUGE"]
# What the tests would have from glibc's build.
CONFIG = """#include <limits.h>
#define libc_hidden_proto(x)
#define attribute_hidden
#define TIMEOUTFACTOR 4
"""
HEADERS = ["libc-diag.h", "array_length.h", "intprops.h", "malloc-size.h", "malloc-alignment.h", "scratch_buffer.h"]


def run(words, **kwargs):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs)


def build(folder):
    """Everything from the package to the programs, in @folder."""
    run(["apt-get", "-q", "download", "glibc-source"], cwd=folder)
    run(["dpkg-deb", "-x", str(next(folder.glob("glibc-source_*.deb"))), str(folder)])
    run(["tar", "-xf", str(next((folder / "usr/src/glibc").glob("glibc-*.tar.xz"))), "-C", str(folder)])
    source = next(folder.glob("glibc-*/"))
    include = folder / "include"
    include.mkdir()
    (include / "config.h").write_text(CONFIG)
    for name in "support", "malloc":
        (include / name).symlink_to(source / name)
    for name in HEADERS:
        places = [source / place / name for place in ("include", "sysdeps/generic", "sysdeps/x86_64")]
        (include / name).symlink_to(next(place for place in places if place.exists()))
    compiler = ["gcc", "-w", "-O1", "-fno-builtin", "-std=gnu11", "-D_GNU_SOURCE", "-D_ISOMAC", "-include", "config.h",
                f"-I{include}", f"-I{source}/support", "-iquote", f"{source}/malloc", "-c"]
    objects = folder / "objects"
    objects.mkdir()
    (objects / "paths.c").write_text('const char support_objdir_root[] = "/";\n')
    # Some of these can't be built outside glibc; no test here needs them.
    for path in [objects / "paths.c", *sorted((source / "support").glob("*.c"))]:
        subprocess.run([*compiler, str(path), "-o", str(objects / f"{path.stem}.o")], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run(["ar", "rc", str(folder / "libsupport.a"), *map(str, sorted(objects.glob("*.o")))])
    for name in TESTS:
        run([*compiler, str(source / f"malloc/{name}.c"), "-o", str(objects / f"{name}.test.o")])
        run(["gcc", "-o", str(folder / name), str(objects / f"{name}.test.o"), str(folder / "libsupport.a"),
             "-lpthread"])


def programs():
    """The folder with the programs, built at the first time."""
    folder = guest_kernel.cache() / "glibc-tests"
    with open(guest_kernel.cache() / "glibc-tests.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "TESTS").exists() and (folder / "TESTS").read_text() == " ".join(TESTS):
            return folder
        fresh = folder.with_suffix(".new")
        for old in folder, fresh:
            shutil.rmtree(old, ignore_errors=True)
        fresh.mkdir()
        try:
            build(fresh)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{' '.join(error.cmd)}:\n{error.stdout}")
        for name in [*fresh.glob("glibc-*"), fresh / "usr", fresh / "objects"]:
            shutil.rmtree(name) if name.is_dir() else name.unlink()
        (fresh / "TESTS").write_text(" ".join(TESTS))
        fresh.rename(folder)
    return folder


def main():
    folder = programs()
    for name in TESTS:
        result = subprocess.run([folder / name], env={"PATH": "/usr/bin:/bin", "LD_PRELOAD": LIBRARY},
                                capture_output=True, text=True, errors="replace", timeout=400, check=False)
        ok(result.returncode == 0, f"{name} ({result.returncode})")
        if result.returncode:
            print("# " + (result.stdout + result.stderr)[-1000:].replace("\n", "\n# "))
    return done()


if __name__ == "__main__":
    sys.exit(main())
