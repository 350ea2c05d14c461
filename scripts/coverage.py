# SPDX-License-Identifier: MIT
"""Which lines do the tests reach? Builds with gcov, runs the tests, and prints for each file
how many percent of its lines were reached, and the numbers of those that were not.

The library is built in a folder of its own ($DPHUGE_BUILD-coverage, or build-coverage) and
runs the tests of the suite "malloc" on this machine, and some in guests, where there are the
driver and a pool of hugetlb. The driver runs its tests in guests on
the debug kernel (6.12); the counters are read while the module is still loaded, so its
thread and its shrinkers are in them. Lines that only other kernels compile are listed apart.

A line counts as reached if any test reached it, in any of the programs that contain it."""

import argparse
import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import guest_kernel  # noqa: E402

TOP = Path(__file__).resolve().parent.parent
GCOV = "gcov-12"
BUILD = Path(os.environ.get("DPHUGE_BUILD", TOP / "build"))
COVERAGE_BUILD = Path(f"{BUILD}-coverage")
# Sanitizers add nothing to what large_heap reaches; glibc's own tests and other people's
# programs run for long.
SKIPPED_TESTS = re.compile(r".*_(asan|tsan)")
# What the library's tests reach only in a guest: options of scripts/vm, environment, programs.
GUEST_TESTS = {
    "the driver": (["--kernel", "6.12", "--cpus", "4", "--mem", "3G"], "",
                   ["preload/tests/malloc_api", "preload/tests/forks_malloc", "preload/tests/stress",
                    "command/tests/command_test.py"]),
    "hugetlb": (["--kernel", "6.12", "--no-module"], "DPHUGE_BACKEND=hugetlb DPHUGE_STRICT=1",
                ["preload/tests/hugetlb"]),
}
LIBRARY_SECONDS = 900
# These measure, or run on this machine.
NO_DRIVER_TEST = {"policy_test", "cost"}
# These need a guest with two memory nodes. The others expect that all its memory is near.
TWO_NODES = {"affinity", "isolation_numa", "nodes", "numa"}
# These take many minutes each on the debug kernel, and reach the lines that others reach: only
# by name.
SLOW_DRIVER_TEST = {"isolation", "isolation_numa", "scale", "inversion"}
GUEST_SECONDS = 1200  # for one program, on a kernel that checks everything
GUEST_PROGRAMS = 6  # in one guest, which is slow to start
DEFINE = "GCOV_PROFILE=y"  # kbuild's own variable


def die(message):
    sys.exit(f"coverage: {message}")


class Lines:
    """What gcov says, added up: file -> line -> how often it was reached."""

    def __init__(self):
        self.count = defaultdict(lambda: defaultdict(int))

    def add(self, folder, files, locate):
        """Run gcov on @files in @folder; @locate tells a source file's name in the tree, or None."""
        for file in files:
            done = subprocess.run([GCOV, "--json-format", "--stdout", str(file)], cwd=folder, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True, check=False)
            for text in done.stdout.splitlines():
                if not text.startswith("{"):
                    continue
                data = json.loads(text)
                for source in data["files"]:
                    name = locate(data["current_working_directory"], source["file"])
                    for line in source["lines"] if name else ():
                        self.count[name][line["line_number"]] += line["count"]

    def report(self, apart=None):
        """Print the table, then the lines not reached, then those that were not compiled."""
        total = reached = 0
        for name, lines in sorted(self.count.items()):
            hit = sum(count > 0 for count in lines.values())
            print(f"{100 * hit / len(lines):6.1f} %  {hit:4} of {len(lines):4}  {name}")
            total += len(lines)
            reached += hit
        if not total:
            die("no counters: did any test run?")
        print(f"{100 * reached / total:6.1f} %  {reached:4} of {total:4}  all")
        print("\nLines that no test reached:")
        for name, lines in sorted(self.count.items()):
            show(name, [line for line, count in lines.items() if not count])
        if apart is not None:
            print("\nLines that only other kernels compile:")
            for name, numbers in sorted(apart.items()):
                show(name, numbers)


def show(name, numbers):
    """A file's line numbers, as ranges, and the lines themselves."""
    if not numbers:
        return
    text = (TOP / name).read_text(encoding="utf-8").splitlines()
    ranges = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    print(f"{name}: {', '.join(str(a) if a == b else f'{a}-{b}' for a, b in ranges)}")
    for number in sorted(numbers):
        print(f"    {number:4} {text[number - 1].strip() if number <= len(text) else ''}")


def own_file(folder, directory, file):
    """@file as a name in the tree, if it lies in @folder of it and is no test."""
    path = Path(os.path.normpath(os.path.join(directory, file)))
    try:
        name = path.resolve().relative_to(TOP)
    except ValueError:
        return None
    return str(name) if name.parts[0] == folder and "tests" not in name.parts else None


def run(command, **kwargs):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **kwargs)
    if done.returncode:
        die(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def library(tests):
    build = COVERAGE_BUILD
    if not (build / "build.ninja").exists():
        run(["meson", "setup", build, TOP, "-Db_coverage=true", "-Dguest_tests=false", "-Dwerror=false", f"-Dc_args=-D_GNU_SOURCE -include {TOP}/scripts/coverage.h -fprofile-update=atomic"])
    run(["ninja", "-C", build])
    for old in build.rglob("*.gcda"):
        old.unlink()
    symbols = run(["nm", build / "preload/libdphuge.so"])
    dump = re.search(r"^([0-9a-f]+) \w __gcov_dump$", symbols, re.M)
    if not dump:
        die("the library has no __gcov_dump: was it built with -Db_coverage=true?")
    every = [line.split(" / ")[-1].strip() for line in
             run(["meson", "test", "-C", build, "--no-rebuild", "--suite", "malloc", "--list"],
                 stdin=subprocess.DEVNULL).splitlines() if " / " in line]
    chosen = [name for name in tests or every if not SKIPPED_TESTS.fullmatch(name)]
    unknown = set(chosen) - set(every)
    if unknown:
        die(f"the suite malloc has no test {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    print(f"coverage: running {', '.join(chosen)}", file=sys.stderr)
    done = subprocess.run(["meson", "test", "-C", str(build), "--no-rebuild", "--timeout-multiplier", "10",
                           "--num-processes", str(os.cpu_count() or 1), *chosen], stdout=sys.stderr, check=False,
                          env=dict(os.environ, COVERAGE_DUMP=dump[1]))
    if done.returncode:
        print("coverage: some tests failed; gcov's own messages and files disturb those that look at such "
              "things", file=sys.stderr)
    lines = Lines()

    def locate(directory, file):
        return own_file("preload", directory, file)

    lines.add(build, sorted(build.glob("preload/**/*.gcno")), locate)
    if not tests:
        for what, guest in GUEST_TESTS.items():
            print(f"coverage: {', '.join(Path(name).name for name in guest[2])} on {what}, in a guest", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(prefix="dphuge-coverage-") as folder:
                if unpack(library_guest(*guest, dump[1]), folder):
                    inside = Path(folder) / str(build).lstrip("/")
                    for data in inside.rglob("*.gcda"):
                        note = data.with_suffix(".gcno")
                        note.write_bytes((build / note.relative_to(inside)).read_bytes())
                    lines.add(folder, sorted(inside.rglob("*.gcno")), locate)
    print("\nThe library (preload/):")
    lines.report()


INSIDE_LIBRARY = r"""
export GCOV_PREFIX=/tmp/gcov
environment=$1
shift
export "COVERAGE_DUMP=$0"
for program; do
	case $program in
	*.py) /usr/bin/python3 "$program" >&2 ;;
	*) env "LD_PRELOAD=$LIBDPHUGE" $environment "$program" >&2 ;;
	esac
	echo "coverage: ${program##*/}: exit status $?" >&2
done
tar -cz -C /tmp/gcov .
"""


def library_guest(options, environment, names, dump):
    """Run the library's test programs in a guest; the archive with the counters."""
    programs = [(TOP if name.endswith(".py") else COVERAGE_BUILD) / name for name in names]
    return vm([*options, "--timeout", str(LIBRARY_SECONDS), "--", "sh", "-c", INSIDE_LIBRARY, dump, environment,
               *programs], env=dict(os.environ, DPHUGE_BUILD=str(COVERAGE_BUILD)))


def vm(words, **kwargs):
    """What a guest's command writes to its standard output; its failures are passed on."""
    done = subprocess.run([TOP / "scripts/vm", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          **kwargs)
    said = done.stderr.decode(errors="replace").splitlines()
    for at, line in enumerate(said):
        failed = re.fullmatch(r"coverage: .*: exit status [^0]\d*", line)
        if failed:
            print("\n".join(said[max(0, at - 8):at]), file=sys.stderr)
        if failed or re.match(r"not ok|coverage:|vm:", line):
            print(line, file=sys.stderr, flush=True)
    if done.returncode:
        print(f"coverage: the guest ended with status {done.returncode}", file=sys.stderr, flush=True)
    return done.stdout


def driver_tests():
    """The test programs that the build made."""
    folder = BUILD / "kernel/tests"
    return sorted(path.name for path in folder.glob("*") if path.is_file() and os.access(path, os.X_OK) and
                  path.name not in NO_DRIVER_TEST)


# The fuzzer is told what the debug kernel and a guest with one node lack.
INSIDE = "LACKS=guard-pages,uffd-unregister" r"""
for program; do
	case $program in */fuzz) set -- 60 1 "lacks=nodes,$LACKS" ;; *) set -- ;; esac
	"$program" "$@" >&2
	echo "coverage: ${program##*/}: exit status $?" >&2
done
mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug
mkdir /tmp/gcov && cd "/sys/kernel/debug/gcov$0" || exit 1
for f in *.gcda; do cat "$f" > "/tmp/gcov/$f"; done # for tar they are empty
tar -cz -C /tmp/gcov .
"""


def driver(tests):
    every = driver_tests()
    if not every:
        die(f"no test programs in {BUILD}/kernel/tests: build first")
    unknown = set(tests) - set(every)
    if unknown:
        die(f"{BUILD}/kernel/tests has no program {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    guest_kernel.require_tools("debug")
    kernel = guest_kernel.kernel("debug")
    kernel.fetch()
    build = kernel.build_module(TOP / "kernel", [DEFINE]).parent
    lines = Lines()

    def locate(_, file):
        path = Path(os.path.normpath(build / file))
        return own_file("kernel", TOP / "kernel", path.relative_to(build)) if build in path.parents else None

    # A folder that was used before may hold those of files that are gone.
    notes = [note for note in build.glob("*.gcno") if (TOP / "kernel" / note.name).with_suffix(".c").exists()]
    chosen = tests or [name for name in every if name not in SLOW_DRIVER_TEST]
    near, far = ([name for name in chosen if (name in TWO_NODES) == two] for two in (False, True))
    batches = [part[at:at + GUEST_PROGRAMS] for part in (near, far) for at in range(0, len(part), GUEST_PROGRAMS)]
    for names in batches:
        print(f"coverage: {', '.join(names)} on the debug kernel", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="dphuge-coverage-") as folder:
            if unpack(run_guest(names, build), folder):
                for note in notes:
                    (Path(folder) / note.name).write_bytes(note.read_bytes())
                lines.add(folder, sorted(path.name for path in Path(folder).glob("*.gcda")), locate)
    with tempfile.TemporaryDirectory(prefix="dphuge-coverage-") as folder:
        for note in notes:  # all lines count, also those of files without counters
            (Path(folder) / note.name).write_bytes(note.read_bytes())
        lines.add(folder, sorted(path.name for path in Path(folder).glob("*.gcno")), locate)
    print("\nThe driver (kernel/), on the debug kernel:")
    lines.report({name: not_compiled(build, name) for name in sorted(lines.count)})


def run_guest(names, build):
    """Run test programs in a guest; the archive with the counters."""
    programs = [BUILD / "kernel/tests" / name for name in names]
    return vm(["--kernel", "debug", "--timeout", str(GUEST_SECONDS * len(names)), "--cpus", "4",
               "--nodes", "2" if TWO_NODES.issuperset(names) else "1",
               "--define", DEFINE, "--", "sh", "-c", INSIDE, build, *programs])


def unpack(data, folder):
    try:
        with tempfile.TemporaryFile() as file:
            file.write(gzip.decompress(data))
            file.seek(0)
            with tarfile.open(fileobj=file) as archive:
                archive.extractall(folder)
        return True
    except (OSError, EOFError, tarfile.TarError) as error:
        print(f"coverage: no counters came out of the guest: {error}", file=sys.stderr)
        return False


def not_compiled(build, name):
    """The lines of code of a file that the preprocessor dropped on this kernel: those that stand
    between #if and #endif and left nothing in the preprocessed text of any file."""
    kept = kept_lines(build).get(Path(name).name, set())
    found = []
    depth = 0
    comment = False
    text = (TOP / name).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(text, 1):
        words = re.sub(r"/\*.*?\*/|//.*", "", line).strip()
        if comment:
            comment = "*/" not in words
            continue
        if words.startswith("/*"):
            comment = True
        elif re.match(r"#\s*if", words):
            depth += 1
        elif re.match(r"#\s*endif", words):
            depth -= 1
        elif words and not words.startswith("#") and depth > 1 - name.endswith(".c") and number not in kept and \
                re.search(r"[;{(]", words) and not text[number - 2].endswith("\\"):
            found.append(number)
    return found


KEPT = {}


def kept_lines(build):
    """File -> the lines that come through the preprocessor, in all of the module's files."""
    if KEPT:
        return KEPT
    for saved in sorted(build.glob(".*.o.cmd")):
        match = re.search(r"^(?:saved)?cmd_\S+ := (.*?) -c -o \S+ (\S+\.c)\b", saved.read_text(), re.M)
        if not match or match[2].endswith(".mod.c"):
            continue
        done = subprocess.run(["sh", "-c", f"{match[1]} -E {shlex.quote(match[2])}"], cwd=guest_kernel.kernel("debug").headers(),
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
        file, number = None, 0
        for line in done.stdout.splitlines():
            marker = re.match(r'# (\d+) "([^"]*)"', line)
            if marker:
                file, number = Path(marker[2]), int(marker[1])
                continue
            if file and line.strip() and (file.parent == build or not file.is_absolute()):
                KEPT.setdefault(file.name, set()).add(number)
            number += 1
    return KEPT


def parse():
    parser = argparse.ArgumentParser(prog="coverage", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    side = parser.add_mutually_exclusive_group()
    side.add_argument("--library", action="store_true", help="only the library")
    side.add_argument("--driver", action="store_true", help="only the driver")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("tests", nargs="*", metavar="TEST", help="only these tests; with --library or --driver")
    args = parser.parse_args()
    if args.tests and not args.library and not args.driver:
        parser.error("with names of tests, say --library or --driver")
    return args


def main():
    args = parse()
    if args.check:
        return
    try:
        if not args.driver:
            library(args.tests)
        if not args.library:
            driver(args.tests)
    except guest_kernel.Error as error:
        die(error)


if __name__ == "__main__":
    main()
