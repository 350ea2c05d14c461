# SPDX-License-Identifier: MIT
"""Every command line in the README, in the pages for users and in the manual works. Each is
either run here or listed below with the test that runs it. A line that is new or has
changed fails until it is listed."""

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from tap import done, ok  # noqa: E402

LIBRARY = Path(os.environ["LIBDPHUGE"])
BUILD = LIBRARY.parent.parent
PAGES = ["README.md", "docs/operators.md", "docs/recipes.md", "docs/libdphuge.7.in"]  # dphuge(1)'s: test command

# These are run here, in a folder that has your-program and server in it. The paths of the
# installed library and of the build folder are replaced by those of this build.
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
    "java -XX:+UseTransparentHugePages -version",
    "dphuge run -- xz -9 -k -c /bin/bash > /dev/null",
    "dphuge run -- zstd -q --ultra -22 --long=27 -c /bin/bash > /dev/null",
    "mv /var/lib/node_exporter/dphuge.prom.new /var/lib/node_exporter/dphuge.prom",
}
# These are run by other tests: the test's file, and the words in it that run the command.
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
    "echo \"LD_PRELOAD = '/usr/lib/x86_64-linux-gnu/libdphuge.so'\" >> /etc/postgresql/15/main/environment":
        ("command/tests/documents_test.py", "def postgresql("),
    "pg_ctlcluster 15 main restart": ("command/tests/documents_test.py", "def postgresql("),
    "mokutil --import /var/lib/dkms/mok.pub": ("command/tests/documents_test.py", "def secure_boot("),
    "podman run --device /dev/dphuge -e LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libdphuge.so IMAGE":
        ("command/tests/container_test.py", "podman run"),
    "scripts/demo": ("kernel/tests/meson.build", "test('demo'"),
    "/usr/src/linux-headers-$(uname -r)/scripts/sign-file sha256 key.priv key.der dphuge.ko":
        ("scripts/installed/sign-module", "scripts/sign-file\" sha256 key.priv key.der dphuge.ko"),
    "bpftrace -e 'tracepoint:dphuge:dphuge_promote { @[comm] = count(); }'":
        ("kernel/tests/tracing_test.py", '["bpftrace", "-e", program]'),
    "perf record -e 'dphuge:*' -a -- sleep 10": ("kernel/tests/tracing_test.py", "perf record {options}"),
    "scripts/vm [--kernel 6.1|6.12|7.3|debug] [--mem SIZE] [--cpus N] [--timeout S] [--no-module] -- COMMAND [ARG...]":
        ("kernel/tests/vm_test.py", 'TOP / "scripts/vm"'),
    "scripts/vm -- sh -c 'LD_PRELOAD=$LIBDPHUGE DPHUGE_STATS=1 xz -9 < /usr/bin/python3 > /dev/null'":
        ("kernel/tests/vm_test.py", "README's example"),
}
NO_COMMAND = re.compile(r"\[Service\]|Environment=|options dphuge ")  # these are lines of files, not commands


def command_lines(page):
    """The indented lines of a Markdown page, without their comments, or the .nf parts of a manual page."""
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
    """The recipe for Redis works: a server with many keys runs under it, and stops."""
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


def postgresql(folder, lines):
    """The recipe for PostgreSQL works, on a cluster of the test's own: the server runs under the library, and sorts."""
    folder.chmod(0o755)
    library = Path(shutil.copy(LIBRARY, folder))  # the user postgres must be able to read it
    version = max(os.listdir("/usr/lib/postgresql"), key=int)
    env = dict(os.environ, PG_CLUSTER_CONF_ROOT=str(folder), LC_ALL="C.UTF-8")
    data = folder / "data"

    def run(line):
        return subprocess.run(["/bin/bash", "-c", line], env=env, capture_output=True, text=True, timeout=300, check=False)

    made = run(f"pg_createcluster --port 54329 -d {data} -s {folder} -l {folder}/log {version} main && chown postgres {folder}")
    for line in lines:
        ours = line.replace("/etc/postgresql", str(folder)).replace("15", version, 1)
        r = run(re.sub(r"'/usr\S*/libdphuge\.so'", f"'{library}'", ours))
        ok(not made.returncode and not r.returncode, f"PostgreSQL: {line}{(made.stderr + r.stderr)[-300:]}")
    try:
        server = (data / "postmaster.pid").read_text(encoding="ascii").split()[0]
        r = subprocess.run([BUILD / "command/dphuge", "check", server], capture_output=True, text=True, check=False)
        ok(r.returncode == 0, f"dphuge check: {r.stdout.strip()}")
        query = ("set work_mem = '64MB'; explain analyze select g from generate_series(1, 300000) g order by md5(g::text); "
                 "select md5(string_agg(md5(g::text), '' order by g)) from generate_series(1, 300000) g")
        r = run(f'runuser -u postgres -- psql -qAt -h {folder} -p 54329 -c "{query}" postgres')
        ok("Memory" in r.stdout and len(r.stdout.split()[-1]) == 32, f"PostgreSQL sorts in memory {r.stderr.strip()}")
    finally:
        run(f"pg_dropcluster --stop {version} main")


def secure_boot(folder, line):
    """mokutil, with a folder in place of the firmware's variables, asks for the key to be enrolled."""
    key = folder / "mok.pub"
    subprocess.run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "mok.key", "-outform",
                    "DER", "-out", key, "-subj", "/CN=dphuge test/"], check=True, stderr=subprocess.DEVNULL)
    variables = folder / "efivars"
    variables.mkdir()
    for name, value in ("SecureBoot", 1), ("SetupMode", 0):
        (variables / f"{name}-8be4df61-93ca-11d2-aa0d-00e098032b8c").write_bytes(bytes([6, 0, 0, 0, value]))
    pid, terminal = pty.fork()
    if not pid:
        os.environ["EFIVARFS_PATH"] = f"{variables}/"
        os.execvp("/bin/sh", ["sh", "-c", line.replace("/var/lib/dkms/mok.pub", str(key))])
    said, asked = b"", 0
    with suppress(OSError):  # at the end reading fails with EIO
        while data := os.read(terminal, 1000):
            said += data
            if said.count(b"password") > asked and said.rstrip().endswith(b":"):
                asked = said.count(b"password")
                os.write(terminal, b"a password\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    wanted = [path for path in variables.iterdir() if path.name.startswith("MokNew-") and key.read_bytes() in path.read_bytes()]
    ok(status == 0 and wanted, f"{line}: {said.decode(errors='replace').strip()!r}")


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
                    ok(False, f"{page}: {line} (is listed neither in HERE nor in ELSEWHERE)")
            process.stdin.close()
        redis(folder)
        if os.getuid() == 0:
            postgresql(folder, [line for _, line in lines if "postgresql/15" in line or "pg_ctlcluster" in line])
        secure_boot(folder, next(line for _, line in lines if line.startswith("mokutil")))
    known = HERE | ELSEWHERE.keys()
    gone = known - {line for _, line in lines}
    ok(not gone, f"each line that is listed here stands on a page {sorted(gone) or ''}")
    return done()


if __name__ == "__main__":
    sys.exit(main())
