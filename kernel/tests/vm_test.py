# SPDX-License-Identifier: GPL-2.0
"""scripts/vm keeps its promises: output and exit status come through, a complaint of the
kernel, a leak or a wrong option fails the run. And the driver can be built, loaded, tested
and unloaded in the classical way."""

import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
import guest_kernel  # noqa: E402
from tap import done, note, ok  # noqa: E402


def vm(*args, timeout=1800):
    return subprocess.run([TOP / "scripts/vm", *map(str, args)], capture_output=True, text=True, timeout=timeout)


def in_turn(*args):
    """As vm(), but cheaper: for what is the same whether the processors run at once or in turn."""
    return vm("--in-turn", *args)


def classical():
    """make, insmod dphuge.ko, make check, rmmod dphuge. The build needs kernel/ alone, the tests need tests/ beside it."""
    with tempfile.TemporaryDirectory(dir=Path.home(), prefix="dphuge-classical-") as name:
        source = Path(name) / "kernel"
        shutil.copytree(TOP / "kernel", source, ignore=shutil.ignore_patterns("build"))
        shutil.copytree(TOP / "tests", Path(name) / "tests")
        headers = guest_kernel.Kernel("6.1").headers()
        made = subprocess.run(["make", "-C", source, f"KDIR={headers}", "CC=gcc-12"], capture_output=True, text=True)
        ok(made.returncode == 0 and (source / "dphuge.ko").exists(), "make in kernel/ builds dphuge.ko")
        made = subprocess.run(["make", "-C", source, "KVER=9.9"], capture_output=True, text=True)
        ok(made.returncode and "no kernel headers in /lib/modules/9.9/build: apt-get install linux-headers-9.9" in made.stderr,
           "without headers it says what to install")
        script = f"""set -e; cp -r {source} /tmp/k; cp -r {source.parent}/tests /tmp/tests; insmod /tmp/k/dphuge.ko; test -c /dev/dphuge
make -s -C /tmp/k check programs='policy_test basic giveback'; rmmod dphuge; test ! -e /dev/dphuge; echo done"""
        r = in_turn("--no-module", "--", "sh", "-c", script)
        ok(r.returncode == 0 and r.stdout.endswith("done\n"), "insmod, make check and rmmod work")
        if r.returncode:
            note((r.stdout + r.stderr)[-2000:])


def debugger():
    """The gdb command that --gdb shows stops the guest in the module, and lets it go on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    python = "import mmap,os; f=os.open('/dev/dphuge',2); print(mmap.mmap(f,4<<20)[0])"
    with subprocess.Popen([TOP / "scripts/vm", "--gdb", str(port), "--timeout", "900", "--", "/usr/bin/python3", "-c", python],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as guest:
        attach = next((line.strip() for line in guest.stderr if line.startswith("gdb ")), "false")
        orders = "-batch -ex 'break dph_user_current' -ex continue -ex bt -ex delete -ex detach"
        said = subprocess.run(["/bin/sh", "-c", f"{attach} {orders}"], capture_output=True, text=True, timeout=600)
        out, err = guest.communicate(timeout=900)
    hit = "hit Breakpoint 1, dph_user_current ()" in said.stdout
    ok(hit, f"--gdb: a breakpoint in the module{'' if hit else repr(said.stdout[-300:] + said.stderr[-300:])}")
    ok(guest.returncode == 0 and out == "0\n", f"the guest goes on when gdb has let it go {err[-300:]}")


def main():
    r = vm("--", "sh", "-c", "echo out; echo err >&2; test -r /etc/debian_version && touch /tmp/x && exit 7")
    ok(r.returncode == 7 and r.stdout == "out\n" and "err\n" in r.stderr,
       "output and exit status come through; /tmp is writable")
    r = in_turn("--", "sh", "-c", "touch /etc/x 2>/dev/null || echo refused")
    ok(r.stdout == "refused\n", "this machine's files are read-only in the guest")
    with tempfile.TemporaryDirectory() as name:
        # Of a checkout that lies in /tmp the guest sees that folder, and nothing else there.
        program = Path(name) / "folder" / "program"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\ncd "${0%/*}/../.." && ls -d */folder/program dphuge-vm-*\n')
        program.chmod(0o755)
        r = in_turn("--no-module", "--", program)
        ok(r.stdout == f"{Path(name).name}/folder/program\n", f"a program in /tmp can be run ({r.stdout!r})")
    r = in_turn("--cpus", 3, "--no-module", "--", "sh", "-c", "test ! -e /dev/dphuge && nproc")
    ok(r.returncode == 0, "with --no-module there is no device")
    ok(r.stdout == "3\n", f"--in-turn leaves the guest its processors ({r.stdout!r})")
    # The README's example.
    r = vm("--", "sh", "-c", "LD_PRELOAD=$LIBDPHUGE DPHUGE_STATS=1 xz -9 < /usr/bin/python3 > /dev/null")
    ok(r.returncode == 0 and "backend driver" in r.stderr, "the README's example runs a real program on the driver")
    r = in_turn("--", "sh", "-c", "echo 'WARNING: made up' > /dev/kmsg")
    ok(r.returncode == 125 and "WARNING: made up" in r.stderr, "a kernel complaint fails the run and is shown")
    r = in_turn("--timeout", 15, "--", "sleep", "1000")
    ok(r.returncode == 124, "--timeout ends the run with status 124")
    r = in_turn("--param", "threshold=101", "--", "true")
    ok(r.returncode == 125, "the module refuses to load with threshold=101")
    r = in_turn("--param", "limit_mib=-5", "--", "true")
    ok(r.returncode == 125, "the module refuses to load with limit_mib=-5")
    r = in_turn("--define", "DPHUGE_THRESHOLD=25", "--", "cat", "/sys/module/dphuge/parameters/threshold")
    ok(r.stdout == "25\n", "--define sets the threshold when the module is built")
    for bad in (["--mem", "lots"], ["--cpus", "0"], ["--timeout", "-1"], ["--kernel", "2.6"], ["--nodes", "3"],
                ["--gdb", "80"], ["--icount", "--cpus", "2"], ["--icount", "--nodes", "2"]):
        r = vm(*bad, "--", "true")
        ok(r.returncode == 2 and bad[1] in r.stderr, f"{' '.join(bad)} is refused, and the message names it")
    with tempfile.TemporaryDirectory() as name:
        # A driver that forgets a page: the unload must fail the run.
        source = Path(name) / "kernel"
        shutil.copytree(TOP / "kernel", source)
        folio = source / "folio.c"
        text = folio.read_text()
        right = "\tdph_held_put(folio->user, folio->core);\n"
        assert right in text
        folio.write_text(text.replace(right, "\tfolio_put(folio->core);\n"))
        python = "import mmap,os; f=os.open('/dev/dphuge',2); mmap.mmap(f,4<<20)[0]=1"
        r = in_turn("--kernel-source", source, "--", "/usr/bin/python3", "-c", python)
        ok(r.returncode == 125 and "leaked" in r.stderr, "a leak seen at unload fails the run")
    debugger()
    classical()
    return done()


if __name__ == "__main__":
    sys.exit(main())
