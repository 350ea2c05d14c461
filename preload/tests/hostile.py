# SPDX-License-Identifier: MIT
"""Programs keep their memory right in surroundings that are hard for a malloc: without
system calls or descriptors, with privileges, beside other libraries, in a memory cgroup,
under gdb and valgrind.

Usage: hostile.py HOSTILE COUNTING_LIBRARY LINKED STATIC SANITIZED... --cxx [PLUGIN PROGRAM...]
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from preloaded import LIBRARY, PATH, run  # noqa: E402
from tap import done, ok  # noqa: E402

AT = sys.argv.index("--cxx")
HOSTILE, COUNTING, LINKED, STATIC, *SANITIZED = map(os.path.abspath, sys.argv[1:AT])
CXX = list(map(os.path.abspath, sys.argv[AT + 1:]))


def right(result, lines=1):
    return result.returncode == 0 and result.stdout == "right\n" * lines and not result.stderr


def wrapped(words, **env):
    """Run a tool that gets no preloaded library itself."""
    return run(words, preload="", **env)


def surroundings():
    for name, lines, what in (
            ("plain", 1, "an ordinary program"), ("chroot", 1, "chroot without /dev"),
            ("closed", 1, "close_range closes all descriptors"),
            ("no-open", 1, "seccomp forbids open and ioctl"),
            ("no-advice", 1, "seccomp forbids madvise, mremap and threads too"), ("vfork", 2, "vfork"),
            ("spawn", 2, "posix_spawn"), ("clone", 2, "clone without exec"),
            ("threads", 1, "destructors of threads allocate"), ("exit", 2, "atexit and destructors after ours allocate"),
            ("cancel", 1, "a thread that is to be cancelled allocates"), ("signals", 1, "signals arrive all the time")):
        for decay in ("10000", "1"):
            r = run([HOSTILE, name], DPHUGE_DECAY_MS=decay)
            ok(right(r, lines), f"right with DPHUGE_DECAY_MS={decay}: {what} ({r.returncode}, {r.stdout!r}, {r.stderr!r})")
    r = run([HOSTILE, "steady"])
    ok(right(r), f"blocks of up to 64 MiB come and go without a system call ({r.returncode})")
    r = run([HOSTILE, "deepbind"], HOSTILE_LIBRARY="libhostile_library.so")
    ok(right(r), f"right: dlopen with RTLD_DEEPBIND opens a library that only its caller's RUNPATH finds ({r.stdout!r}, {r.stderr!r})")


def other_libraries():
    for order in (f"{COUNTING} {LIBRARY}", f"{LIBRARY} {COUNTING}"):
        r = run([HOSTILE, "plain"], preload=order)
        counted = "counted calls\n" if order.startswith(COUNTING) else "counted nothing\n"
        ok(r.returncode == 0 and r.stdout == "right\n" and r.stderr == counted,
           f"another library with a malloc is preloaded {'before' if order.startswith(COUNTING) else 'after'} ours ({r.stderr!r})")
    r = run([STATIC, "plain"])
    ok(right(r), "a static program runs without the library")
    for program in SANITIZED:
        r = run([program, "plain"])
        name = Path(program).name.removeprefix("hostile_").capitalize() + "Sanitizer"
        ok(r.returncode != 0 and "right" not in r.stdout and
           (f"{name}, which needs its own malloc" in r.stderr or
            (name == "AddressSanitizer" and "ASan runtime does not come first" in r.stderr)),
           f"a program with {name} is refused with a message ({r.stderr.splitlines()[:1]})")


def cxx():
    """One library calls new and another one delete: the program has a libstdc++ of its own
    and opens a plugin that is linked with the system's."""
    if not CXX:
        ok(False, "g++ is needed to try C++ programs")
    for program in CXX[1:]:
        r = run([program, CXX[0]])
        kind = Path(program).name.removeprefix("hostile_user_")
        ok(right(r), f"a C++ program with a {kind} libstdc++ and a plugin works ({r.returncode}, {r.stdout!r}, {r.stderr[-300:]!r})")


def privileged():
    """Programs with privileges of their own ignore the settings in the user's environment.
    They are linked with the library, as it cannot be preloaded there."""
    if os.getuid() != 0:
        ok(False, "root is needed to make a setuid program")
        return
    nobody = pwd.getpwnam("nobody")
    folder = "/tmp/dphuge-hostile"  # where the linked program looks for the library
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder, 0o755)
    try:
        shutil.copy(LIBRARY, folder)
        program = Path(folder, "linked")
        shutil.copy(LINKED, program)
        command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
                   str(program), "plain"]
        noisy = {"DPHUGE_THRESHOLD": "nonsense", "DPHUGE_STATS": "1"}

        def mode(bits):
            os.chmod(program, bits)
            return wrapped(command, **noisy)

        r = mode(0o755)
        ok(r.stdout == "right\n" and "DPHUGE_THRESHOLD" in r.stderr and "backend" in r.stderr,
           f"a program that is linked with the library uses its settings ({r.stdout!r}, {r.stderr[:300]!r})")
        r = mode(0o4755)
        ok(right(r), f"a setuid program does not ({r.stdout!r}, {r.stderr[:300]!r})")
        os.chmod(program, 0o755)
        subprocess.run(["setcap", "cap_net_raw+ep", str(program)], env={"PATH": PATH}, check=True)
        r = wrapped(command, **noisy)
        ok(right(r), f"a program with file capabilities does not ({r.stdout!r}, {r.stderr[:300]!r})")
        r = wrapped([*command[:-2], "/usr/bin/env", f"LD_PRELOAD={LIBRARY}", *command[-2:]], **noisy)
        ok(right(r), "and the library cannot be preloaded into it")
    finally:
        shutil.rmtree(folder)


def dump(folder):
    """The path of a core dump: the kernel's own, or gdb's where the kernel gives its dumps
    to a program."""
    if not Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").startswith(("|", "/")):
        subprocess.run(["sh", "-c", 'ulimit -c unlimited; exec env LD_PRELOAD="$0" "$1" crash', LIBRARY, HOSTILE],
                       cwd=folder, env={"PATH": PATH}, check=False)
        return next((str(path) for path in Path(folder).iterdir()), f"{folder}/none")
    wrapped(["gdb", "-q", "-batch", "-nx", "-ex", f"set exec-wrapper env LD_PRELOAD={LIBRARY}", "-ex", "run",
             "-ex", f"generate-core-file {folder}/core", "--args", HOSTILE, "crash"])
    return f"{folder}/core"


def tools():
    r = wrapped(["gdb", "-q", "-batch", "-nx", "-ex", f"set exec-wrapper env LD_PRELOAD={LIBRARY}",
                 "-ex", "break works", "-ex", "run", "-ex", "continue", "--args", HOSTILE, "plain"])
    ok("Breakpoint 1, works" in r.stdout and "right" in r.stdout and "exited normally" in r.stdout, "gdb stops a program and lets it run on")
    with tempfile.TemporaryDirectory() as folder:
        core = dump(folder)
        r = wrapped(["gdb", "-q", "-batch", "-nx", "-ex", "print (char *)kept", HOSTILE, core])
        ok("in the core" in r.stdout, f"a core dump contains the large blocks ({r.stdout[-100:]!r})")
    r = wrapped(["valgrind", "-q", "--error-exitcode=9", "--trace-children=no", HOSTILE, "plain"], LD_PRELOAD=LIBRARY)
    ok(r.returncode == 0 and r.stdout == "right\n", f"a program runs under valgrind ({r.returncode}, {r.stderr[:300]!r})")


def memory_cgroup():
    """A new group below the root of the memory controller, and its limit's file."""
    for root, limit in ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"):
        group = Path(root, f"dphuge-hostile-{os.getpid()}")
        try:
            if limit == "memory.max":
                Path(root, "cgroup.subtree_control").write_text("+memory", encoding="ascii")
            group.mkdir()
        except OSError:
            continue
        if (group / limit).exists():
            return group, group / limit
        group.rmdir()
    return None, None


def cgroups():
    """A cgroup's limit holds as under any malloc: within it a program works, beyond it the
    OOM killer ends it, and nothing hangs."""
    group, limit = memory_cgroup()
    if not group:
        ok(True, "limits of a memory cgroup # SKIP none can be made here")
        return
    command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec env LD_PRELOAD="$1" "$2" plain', str(group), LIBRARY, HOSTILE]
    try:
        limit.write_text("500M", encoding="ascii")
        r = wrapped(command)
        ok(right(r), f"in a cgroup of 500 MB the program has room ({r.returncode}, {r.stdout!r}, {r.stderr[:200]!r})")
        limit.write_text("60M", encoding="ascii")
        r = wrapped(command)
        ok(r.returncode == -9 and not r.stdout, f"in a cgroup of 60 MB it is killed ({r.returncode}, {r.stdout!r})")
    finally:
        group.rmdir()


surroundings()
cgroups()
other_libraries()
cxx()
privileged()
tools()
sys.exit(done())
