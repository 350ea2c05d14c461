# SPDX-License-Identifier: MIT
"""Every command line in the README, the pages for users and the manual works: it is run
here, or the test is named that runs it. A line that is new, or has changed, fails until
it has its place below."""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from tap import done, ok  # noqa: E402

LIBRARY = Path(os.environ["LIBDPHUGE"])
BUILD = LIBRARY.parent.parent
PAGES = ["README.md", "docs/operators.md", "docs/recipes.md", "docs/libdphuge.7.in"]  # dphuge(1)'s: test command

# What is run here: in a folder with your-program (and server) in it, the installed library
# and the build folder replaced by this build's.
HERE = {
    "LD_PRELOAD=$PWD/build/preload/libdphuge.so ./your-program",
    "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libdphuge.so ./server",
    "dphuge run -- ./your-program",
    "dphuge stat",
    "dphuge stat -- ./your-program",
    "dphuge check PID",
    "dphuge map PID",
    "dphuge doctor",
    "dphuge stat --prometheus > /var/lib/node_exporter/dphuge.prom.new",
    'dphuge run -- /usr/bin/python3 -c "import numpy; a = numpy.ones(1 << 24); print((a * a).sum())"',
    "dphuge run -- xz -9 -k -c /bin/bash > /dev/null",
    "dphuge run -- zstd -q --ultra -22 --long=27 -c /bin/bash > /dev/null",
    "mv /var/lib/node_exporter/dphuge.prom.new /var/lib/node_exporter/dphuge.prom",
}
# What others run: the test, and a line of it that does.
ELSEWHERE = {
    "scripts/test": (".ci/run", "scripts/test"),
    "meson setup build && ninja -C build": ("scripts/lib.sh", 'ninja -C "$directory"'),
    "bench/run --quick": ("bench/tests/bench_test.py", 'bench/harness/run.py", "--quick"'),
    "bench/guest": ("bench/tests/guest_test.py", "bench/harness/guest.py"),
    "bench/report build/bench-results.json build/bench-guest.json": ("bench/tests/bench_test.py", "bench/harness/report.py"),
    "bench/dtlb -- ./your-program": ("bench/tests/bench_test.py", "bench/harness/dtlb.py"),
    "make -C kernel": ("kernel/tests/vm_test.py", '"make", "-C"'),
    "insmod kernel/dphuge.ko": ("kernel/tests/vm_test.py", "insmod /tmp/k/dphuge.ko"),
    "make -C kernel check": ("kernel/tests/vm_test.py", "make -s -C /tmp/k check"),
    "rmmod dphuge": ("kernel/tests/vm_test.py", "rmmod dphuge"),
    "dphuge run --small huge -- redis-server": ("command/tests/documents_test.py", "def redis("),
    "/usr/src/linux-headers-$(uname -r)/scripts/sign-file sha256 key.priv key.der dphuge.ko":
        ("scripts/packages", "scripts/sign-file sha256 key.priv key.der dphuge.ko"),
    "bpftrace -e 'tracepoint:dphuge:dphuge_promote { @[comm] = count(); }'":
        ("kernel/tests/tracing_test.py", '["bpftrace", "-e", program]'),
    "perf record -e 'dphuge:*' -a -- sleep 10": ("kernel/tests/tracing_test.py", "perf record {options}"),
    "scripts/vm [--kernel 6.1|6.12|7.3|debug] [--mem SIZE] [--cpus N] [--timeout S] [--no-module] -- COMMAND [ARG...]":
        ("kernel/tests/vm_test.py", 'TOP / "scripts/vm"'),
    "scripts/vm -- sh -c 'LD_PRELOAD=$LIBDPHUGE DPHUGE_STATS=1 xz -9 < /usr/bin/python3 > /dev/null'":
        ("kernel/tests/vm_test.py", "README's example"),
}
# What takes a machine of one's own, and why.
BY_HAND = {
    "scripts/demo": "runs real programs for minutes, and measures",
    "docker run --device /dev/dphuge -e LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libdphuge.so IMAGE": "needs an image",
    "podman run --device /dev/dphuge -e LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libdphuge.so IMAGE": "needs an image",
    "java -XX:+UseTransparentHugePages -version": "scripts/programs installs Java, and runs it",
    "systemctl edit postgresql@.service": "scripts/programs runs PostgreSQL's own server",
    "mokutil --import /var/lib/dkms/mok.pub": "asks for a password, and changes the firmware's variables",
}
NO_COMMAND = re.compile(r"\[Service\]|Environment=|options dphuge ")  # lines of files


def command_lines(page):
    """Indented lines of Markdown, without the remark behind; the .nf parts of a manual page."""
    text = (TOP / page).read_text(encoding="utf-8")
    if page.endswith(".in"):
        blocks = re.findall(r"^\.nf\n(.*?)^\.fi", text, re.M | re.S)
        return [line for block in blocks for line in block.replace("\\-", "-").splitlines()]
    lines = re.findall(r"^    (\S.*)$", text, re.M)
    return [re.sub(r"\s+# .*", "", line) for line in lines if not NO_COMMAND.match(line)]


def run_here(line, folder, pid):
    line = line.replace("/var/lib/node_exporter", str(folder)).replace("PID", str(pid))
    line = re.sub(r"LD_PRELOAD=\S*/libdphuge\.so", f"LD_PRELOAD={LIBRARY}", line)
    env = {"PATH": f"{BUILD}/command:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
    return subprocess.run(["/bin/bash", "-c", line], cwd=folder, env=env, capture_output=True, text=True, timeout=600)


def redis(folder):
    """The recipe for Redis: most of what a million keys take is in 2 MiB pages, if there are any."""
    socket = folder / "redis.sock"
    client = ["redis-cli", "-s", socket]
    with subprocess.Popen([BUILD / "command/dphuge", "run", "--small", "huge", "--", "redis-server", "--port", "0", "--save",
                           "", "--unixsocket", socket, "--enable-debug-command", "yes"], stdout=subprocess.DEVNULL,
                          cwd=folder) as server:
        for _ in range(600):
            if subprocess.run([*client, "ping"], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.2)
        subprocess.run([*client, "debug", "populate", "300000", "key", "100"], capture_output=True, check=True)
        roll = Path(f"/proc/{server.pid}/smaps_rollup").read_text(encoding="ascii")
        found = {name: int(kb) for name, kb in re.findall(r"^(Rss|AnonHugePages): +(\d+)", roll, re.M)}
        size = subprocess.run([*client, "dbsize"], capture_output=True, text=True, check=True).stdout.strip()
        subprocess.run([*client, "shutdown", "nosave"], capture_output=True, check=False)
    ok(size == "300000" and found["Rss"] > 30000, f"Redis: {size} keys, {found['AnonHugePages']} of {found['Rss']} kB in 2 MiB pages")


def main():
    lines = [(page, line) for page in PAGES for line in command_lines(page)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("your-program", "server"):
            (folder / program).symlink_to("/usr/bin/python3")
        with subprocess.Popen([BUILD / "command/dphuge", "run", "--", "/usr/bin/python3", "-c",
                               "a = bytearray(1 << 24); print(flush=True); import sys; sys.stdin.read()"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            for page, line in lines:
                if line in HERE:
                    r = run_here(line, folder, process.pid)
                    good = r.returncode == 0 or (line == "dphuge doctor" and r.returncode == 1)
                    ok(good, f"{page}: {line}{'' if good else f': {r.returncode} {r.stderr[-300:]!r}'}")
                elif line in ELSEWHERE:
                    test, words = ELSEWHERE[line]
                    ok(words in (TOP / test).read_text(encoding="utf-8"), f"{page}: {line} (in {test})")
                else:
                    ok(line in BY_HAND, f"{page}: {line} ({BY_HAND.get(line, 'has no place in this test')})")
            process.stdin.close()
        redis(folder)
    known = HERE | ELSEWHERE.keys() | BY_HAND.keys()
    gone = known - {line for _, line in lines}
    ok(not gone, f"no line is known here that stands nowhere {sorted(gone) or ''}")
    return done()


if __name__ == "__main__":
    sys.exit(main())
