# SPDX-License-Identifier: MIT
"""glibc's own tests of malloc pass with the library preloaded: what they ask of a malloc
is what programs expect. They are fetched as Debian's package glibc-source.

Left out are tests of glibc's insides (tcache, mtrace, tunables, the state of the heap in
old dumps), those that bring a malloc of their own, and two that ask for what the library
does not promise (README, "What it does not do"):

  tst-mallocfork2         fork() in a signal handler that interrupted malloc
  tst-malloc-thread-fail  threads under a ulimit -v in which jemalloc finds no room
                          for an arena: jemalloc 5.3.0 follows a null pointer
"""

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import guest_kernel  # noqa: E402
from preloaded import run  # noqa: E402
from tap import done, note, ok  # noqa: E402

TESTS = """mallocbug tst-calloc tst-free-errno tst-mallinfo2 tst-malloc tst-malloc-fork-deadlock
tst-malloc-stats-cancellation tst-malloc-tcache-leak tst-malloc-thread-exit tst-malloc-too-large tst-malloc_info
tst-mallocalign1 tst-mallocfork tst-mallocfork3 tst-mallopt tst-memalign tst-obstack tst-posix_memalign tst-pvalloc
tst-realloc tst-reallocarray tst-trim1 tst-valloc""".split()
# What glibc's own build would give to the tests.
CONFIG = """#include <limits.h>
#define libc_hidden_proto(x)
#define attribute_hidden
#define TIMEOUTFACTOR 4
"""
HEADERS = ["libc-diag.h", "array_length.h", "intprops.h", "malloc-size.h", "malloc-alignment.h", "scratch_buffer.h"]


def build_step(words, **kwargs):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs)


def build(folder):
    """Everything from the package to the programs, in @folder."""
    build_step(["apt-get", "-q", "download", "glibc-source"], cwd=folder)
    build_step(["dpkg-deb", "-x", str(next(folder.glob("glibc-source_*.deb"))), str(folder)])
    build_step(["tar", "-xf", str(next((folder / "usr/src/glibc").glob("glibc-*.tar.xz"))), "-C", str(folder)])
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
    # Some of these cannot be built outside glibc, and no test here needs them.
    for path in [objects / "paths.c", *sorted((source / "support").glob("*.c"))]:
        subprocess.run([*compiler, str(path), "-o", str(objects / f"{path.stem}.o")], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    build_step(["ar", "rc", str(folder / "libsupport.a"), *map(str, sorted(objects.glob("*.o")))])
    for name in TESTS:
        build_step([*compiler, str(source / f"malloc/{name}.c"), "-o", str(objects / f"{name}.test.o")])
        build_step(["gcc", "-o", str(folder / name), str(objects / f"{name}.test.o"), str(folder / "libsupport.a"),
             "-lpthread"])


def programs():
    """The folder with the programs, which are built if they are not there yet."""
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
        result = run([folder / name], timeout=400)
        ok(result.returncode == 0, f"{name} passes ({result.returncode})")
        if result.returncode:
            note((result.stdout + result.stderr)[-1000:])
    return done()


if __name__ == "__main__":
    sys.exit(main())
