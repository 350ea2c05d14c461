# SPDX-License-Identifier: MIT
"""Format, static analysis, spelling and the order of modules, for the files that git tracks.

Prints TAP: one line for each check, and each finding as a comment line. Without a NAME all
checks run, as many pieces of them at once as there are processors."""

import argparse
import fcntl
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import guest_kernel  # noqa: E402
import tap  # noqa: E402

TOP = Path(__file__).resolve().parent.parent
SPELLING = TOP / "scripts/spelling.txt"
# Texts of others, and data.
NOT_OURS = re.compile(r"LICENSES/|.*\.(svg|png|json)$")
# What checkpatch needs beside it. Only the packages of whole sources have it.
CHECKPATCH = ["checkpatch.pl", "spelling.txt", "const_structs.checkpatch"]
# These are there to compare versions, and take arguments that only some kernels use.
COMPAT = re.compile(r"kernel/compat(_\w+)?\.h")
COMPAT_OFF = ["--ignore", "LINUX_VERSION_CODE,CONSTANT_COMPARISON,MACRO_ARG_UNUSED"]
# sparse sees each module build on these. Linux 7.3 asks for a newer one than Debian has: its
# scripts/checker-valid.sh switches C=1 off with trixie's 0.6.4, too.
SPARSE_SERIES = ["6.1", "6.12"]
KERNEL_DOC_SERIES = "6.12"
LIMIT = 900  # seconds for one command


def tracked():
    """The files that git knows and that are there."""
    names = subprocess.run(["git", "-C", str(TOP), "ls-files", "-z"], stdout=subprocess.PIPE, text=True,
                           check=False)
    if names.returncode:
        sys.exit("check: needs a git checkout: only tracked files are looked at")
    return [name for name in names.stdout.split("\0") if name and (TOP / name).is_file()]


def first_line(name):
    with open(TOP / name, "rb") as file:
        return file.readline(200).decode(errors="replace")


def run(command, **kwargs):
    """(exit status, both outputs) of a command at the top of the tree."""
    done = subprocess.run([str(word) for word in command], cwd=TOP, stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.STDOUT, text=True, errors="replace", stdin=subprocess.DEVNULL,
                          timeout=LIMIT, **kwargs)
    return done.returncode, done.stdout


def lines_of(command, **kwargs):
    """What a tool says that prints nothing if all is well."""
    code, text = run(command, **kwargs)
    found = [line for line in text.replace(f"{TOP}/", "").splitlines() if line.strip()]
    return found or ([f"{command[0]}: exit status {code}"] if code else [])


class Checks:
    """Each check is a method: it returns pieces of work, which return lists of findings."""

    def __init__(self, fix):
        self.fix = fix
        self.files = tracked()
        self.build = Path(os.environ.get("DPHUGE_BUILD", TOP / "build"))
        self.scratch = tempfile.TemporaryDirectory(prefix="dphuge-check-")

    def named(self, pattern):
        return [name for name in self.files if re.fullmatch(pattern, name)]

    def scripts(self, shebang, pattern):
        return [name for name in self.files if re.fullmatch(pattern, name) or re.match(shebang, first_line(name))]

    def format(self):
        """clang-format: C outside kernel/"""
        files = [name for name in self.named(r".*\.[ch]") if not name.startswith("kernel/")]
        if self.fix:
            run(["clang-format", "-i", *files])
        return [lambda: [line for line in lines_of(["clang-format", "--dry-run", "-Werror", *files])
                         if "error:" in line]]

    def tidy(self):
        """clang-tidy: the library and the command"""
        commands = {}
        try:
            entries = json.loads((self.build / "compile_commands.json").read_text(encoding="utf-8"))
        except OSError:
            return [lambda: [f"no compile_commands.json in {self.build}: build first"]]
        for entry in entries:  # some are built more than once: with the options of the first
            path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
            commands.setdefault(os.path.relpath(path, TOP), dict(entry, file=path))
        # Not tests and benchmarks: they free twice, race and divide by arguments on purpose.
        commands = {name: entry for name, entry in commands.items() if name in self.files and
                    re.match(r"(preload|command)/(?!tests/)", name)}
        base = Path(self.scratch.name)
        (base / "compile_commands.json").write_text(json.dumps(list(commands.values())), encoding="utf-8")

        def one(name):
            # One file a process: with several, version 14 takes each va_list for uninitialized.
            _, text = run(["clang-tidy", "-p", base, "--quiet", "--warnings-as-errors=*",
                           "--extra-arg=-Wno-unknown-warning-option", TOP / name])
            return [line.replace(f"{TOP}/", "") for line in text.splitlines()
                    if re.search(r": (warning|error): ", line)]

        return [lambda name=name: one(name) for name in sorted(commands)]

    def shellcheck(self):
        """shellcheck: scripts for a shell"""
        files = self.scripts(r"#!.*\b(ba|da|)sh\b", r".*\.(sh|bash)")
        return [lambda: lines_of(["shellcheck", "-x", "--source-path=SCRIPTDIR", "--format=gcc", "--shell=dash", name]
                                 if "busybox" in first_line(name) else
                                 ["shellcheck", "-x", "--source-path=SCRIPTDIR", "--format=gcc", name])
                for name in files]

    def python(self):
        """pyflakes: Python"""
        files = self.scripts(r"#!.*\bpython3?\b", r".*\.py")
        return [lambda: lines_of(["pyflakes3", *files])]

    def spelling(self):
        """codespell: all texts"""
        files = [name for name in self.files if not NOT_OURS.match(name)]
        return [lambda: lines_of(["codespell", f"--ignore-words={SPELLING}", *files])]

    def module_files(self, suffixes):
        return self.named(rf"kernel/([^/]*|include/.*)\.[{suffixes}]")

    def checkpatch(self):
        """checkpatch: the module"""
        folder = checkpatch_folder()

        def one(name):
            code, text = run(["perl", folder / "checkpatch.pl", "--no-tree", "--no-summary", "--terse",
                              "--show-types", "--color=never", *(COMPAT_OFF if COMPAT.fullmatch(name) else []),
                              "-f", name])
            found = [line for line in text.splitlines() if re.match(r"[^:]+:\d+: ", line)]
            return found or ([text.strip()] if code else [])

        return [lambda name=name: one(name) for name in self.module_files("ch")]

    def kernel_doc(self):
        """kernel-doc: headers"""
        kernel = guest_kernel.kernel(KERNEL_DOC_SERIES)
        kernel.fetch()
        tool = next(kernel.root.glob("usr/lib/linux-kbuild-*/scripts/kernel-doc"))
        files = [name for name in self.named(r"(kernel|preload|command|include)/.*\.h") if "/tests/" not in name]

        def one():
            _, text = run([tool, "-none", "-Wall", *files])
            return sorted({line for line in text.splitlines() if re.search(r"warning:|error:", line)})

        return [one]

    def sparse(self, series):
        """sparse, and gcc's warnings: the module on Linux"""
        def one():
            kernel = guest_kernel.kernel(series)
            kernel.fetch()
            try:
                kernel.build_module(TOP / "kernel")
            except guest_kernel.Error as error:
                lines = str(error).splitlines()
                return [line for line in lines if re.search(r"(error|warning): ", line)] or lines
            return []

        return [one]

    def architecture(self):
        """the order of modules"""
        return [lambda: run([TOP / "scripts/architecture", "--build", self.build])[1].splitlines()]


def checkpatch_folder():
    """checkpatch and its lists, out of a kernel's source: from the debug kernel's, or fetched."""
    target = guest_kernel.cache() / "checkpatch"
    with open(guest_kernel.cache() / "checkpatch.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((target / name).exists() for name in CHECKPATCH):
            target.mkdir(exist_ok=True)
            source = guest_kernel.cache() / f"kernel-debug/usr/src/{guest_kernel.DEBUG_SOURCE}/scripts"
            if all((source / name).exists() for name in CHECKPATCH):
                guest_kernel.run(["cp", *[source / name for name in CHECKPATCH], target])
            else:
                fetch_checkpatch(target)
    return target


def fetch_checkpatch(target):
    print(f"# fetching {guest_kernel.DEBUG_SOURCE} for checkpatch", flush=True)
    name = guest_kernel.DEBUG_SOURCE
    with tempfile.TemporaryDirectory(dir=target) as folder:
        guest_kernel.run(["apt-get", "-q", "download", name], cwd=folder)
        guest_kernel.run(["sh", "-c", 'dpkg-deb --fsys-tarfile *.deb | tar -xO "./usr/src/$0.tar.xz" | '
                          'tar -xJ --strip-components=2 -C "$1" $2', name, str(target),
                          " ".join(f"{name}/scripts/{file}" for file in CHECKPATCH)], cwd=folder)


def jobs(checks):
    """Name -> (what it says, what it needs, how its pieces are had). Longest first."""
    table = {f"sparse-{series}": (f"sparse and gcc with W=1: the module on Linux {series}", "kernel",
                                  lambda series=series: checks.sparse(series)) for series in SPARSE_SERIES}
    for name, needs in {"tidy": "build", "checkpatch": "kernel", "architecture": "kernel build", "kernel-doc": "kernel",
                        "shellcheck": "", "format": "", "python": "", "spelling": ""}.items():
        method = getattr(Checks, name.replace("-", "_"))
        table[name] = (method.__doc__, needs, lambda method=method: method(checks))
    return table


def parse(names):
    parser = argparse.ArgumentParser(prog="check", description=__doc__)
    parser.add_argument("--fix", action="store_true", help="let clang-format mend what it can")
    parser.add_argument("--list", action="store_true", help="show the names of the checks")
    parser.add_argument("--packages", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}; sparse: on each kernel; "
                        f"no-kernel: those that need no kernel; kernel: the others")
    args = parser.parse_args()
    table = jobs(None)
    chosen = []
    for word in args.names or list(names):
        more = [name for name in names if name == word or word == name.partition("-")[0] == "sparse" or
                word in ("kernel", "no-kernel") and (word == "kernel") == ("kernel" in table[name][1])]
        if not more:
            parser.error(f"no check is called {word}; there are {', '.join(names)}")
        chosen += [name for name in more if name not in chosen]
    args.names = chosen
    return args


def passed_on(lines):
    """The lines of a tool that prints TAP itself, as our own; true if there were any."""
    checks = 0
    for line in lines:
        match = re.match(r"(not )?ok \d+ - (.*)", line)
        if match:
            tap.ok(not match[1], f"architecture: {match[2]}")
            checks += 1
        elif not re.fullmatch(r"1\.\.\d+", line):
            print(line if line.startswith("#") else f"# {line}")
    return checks


def attempt(piece):
    try:
        return piece()
    except (guest_kernel.Error, subprocess.TimeoutExpired, OSError, StopIteration) as error:
        return [line for line in f"{type(error).__name__}: {error}".splitlines() if line]


def main():
    args = parse(list(jobs(None)))
    if args.list:
        print("\n".join(args.names))
        return 0
    if args.packages:
        print(" ".join(jobs(None)[name][1] for name in args.names))
        return 0
    if any("kernel" in jobs(None)[name][1] for name in args.names):
        guest_kernel.require_tools("6.12")
    table = jobs(Checks(args.fix))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = []
        for name in args.names:
            what, _, pieces = table[name]
            try:
                work = pieces()
            except (guest_kernel.Error, OSError, StopIteration) as error:
                work = [lambda error=error: [f"{type(error).__name__}: {error}"]]
            running.append((name, what, [pool.submit(attempt, piece) for piece in work]))
        for name, what, futures in running:
            found = [line for future in futures for line in future.result()]
            if name == "architecture" and passed_on(found):
                continue
            tap.ok(not found, f"{name}: {what}")
            for line in found:
                print(f"# {line}", flush=True)
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
