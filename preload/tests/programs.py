# SPDX-License-Identifier: MIT
"""Real, unmodified programs give the same results with the library as without it, and
the large heap really serves them. This runs on the machine, where transparent huge
pages serve, and in a guest, where the driver does."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from tap import done, note, ok  # noqa: E402

LIBRARY = os.environ["LIBDPHUGE"]
BACKEND = "driver" if os.path.exists("/dev/dphuge") else "thp"
ENV = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}


def run(command, under, **kwargs):
    """Run @command, with the library if @under is true. Output is bytes."""
    env = dict(ENV, **({"LD_PRELOAD": LIBRARY, "DPHUGE_STATS": "1"} if under else {}))
    return subprocess.run(command, env=env, capture_output=True, timeout=600, check=False, **kwargs)


def compare(name, command, large=True, **kwargs):
    """The same output and status as under glibc; if @large, the large heap has served it.
    Return the output."""
    plain, ours = run(command, False, **kwargs), run(command, True, **kwargs)
    report = ours.stderr.decode(errors="replace")
    served = re.findall(r"large: (\d+) calls, (\d+) bytes", report)
    digest = hashlib.sha256(ours.stdout).hexdigest()[:12]
    same = plain.returncode == ours.returncode == 0 and plain.stdout == ours.stdout
    used = not large or (f"backend {BACKEND}\n" in report and sum(int(b) for _, b in served) > 1 << 20)
    ok(same and used, f"{name}: same result ({digest}), backend {BACKEND}, "
       f"{sum(int(b) for _, b in served) >> 20} MiB served large")
    if not (same and used):
        note("\n".join(report.splitlines()[-8:]))
    return ours.stdout


def generated_text(lines):
    seed, words = 12345, []
    for _ in range(lines):
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        words.append(f"{seed:08x} line {seed % 1000} of a generated text\n")
    return "".join(words).encode()


def redis(work):
    """A server that forks to save while clients write; the dump is read back."""
    port = "7931"
    server = [shutil.which("redis-server"), "--port", port, "--save", "", "--dir", str(work),
              "--daemonize", "no", "--enable-debug-command", "yes", "--disable-thp", "no"]
    cli = ["redis-cli", "-p", port]

    def ask(*words, **kwargs):
        return subprocess.run([*cli, *words], env=ENV, capture_output=True, text=True, timeout=600, **kwargs).stdout

    def start(under):
        env = dict(ENV, **({"LD_PRELOAD": LIBRARY} if under else {}))
        process = subprocess.Popen(server, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            if ask("ping") == "PONG\n":
                return process
            time.sleep(0.1)
        raise RuntimeError("redis-server does not answer")

    process = start(True)
    ask("debug", "populate", "20000", "key", "300")
    ask("config", "set", "rdb-key-save-delay", "50")
    big = "v" * 700000
    for n in range(10):
        subprocess.run([*cli, "-x", "set", f"big{n}"], input=big.encode(), env=ENV, stdout=subprocess.DEVNULL, timeout=600)
    before = ask("debug", "digest")
    # Before the fork: what is written while the child lives becomes single pages.
    smaps = Path(f"/proc/{process.pid}/smaps").read_text()
    huge = sum(map(int, re.findall(r"(?:FilePmdMapped|AnonHugePages): +(\d+) kB", smaps)))
    ask("bgsave")
    for n in range(10):  # while the child saves
        subprocess.run([*cli, "-x", "set", f"big{n}"], input=(big + "x").encode(), env=ENV,
                       stdout=subprocess.DEVNULL, timeout=600)
    ask("config", "set", "rdb-key-save-delay", "0")
    for _ in range(3000):
        if "rdb_bgsave_in_progress:0" in ask("info", "persistence"):
            break
        time.sleep(0.2)
    saved = "rdb_last_bgsave_status:ok" in ask("info", "persistence")
    changed = ask("debug", "digest")
    ask("shutdown", "nosave")
    process.wait(600)
    process = start(False)  # glibc's allocator (or redis's own) reads it
    after = ask("debug", "digest")
    ask("shutdown", "nosave")
    process.wait(600)
    ok(LIBRARY in smaps and (BACKEND == "thp" or "/dev/dphuge" in smaps) and huge,
       f"redis-server runs on backend {BACKEND}, with {huge} kB in 2 MiB pages")
    ok(saved and before == after and changed != before and len(before) > 40,
       "redis-server: BGSAVE during writes saves the data as they were when it began")


CPP = r"""
#include <algorithm>
#include <cstdio>
#include <map>
#include <numeric>
#include <string>
#include <unordered_map>
#include <vector>
int main()
{
	std::vector<unsigned> v(3000000);
	std::unordered_map<unsigned, std::string> m;
	unsigned x = 1;
	for (auto &e : v)
		e = x = x * 1664525 + 1013904223;
	std::sort(v.begin(), v.end());
	for (size_t i = 0; i < 200000; i++)
		m[v[i * 7]] += std::to_string(i);
	std::vector<std::string> s;
	for (auto &p : m)
		s.push_back(p.second);
	std::stable_sort(s.begin(), s.end());
	try { std::vector<char> huge(1ul << 46); return 1; } catch (const std::bad_alloc &) { }
	printf("%llu %s %zu\n", std::accumulate(v.begin(), v.end(), 0ull), s[1000].c_str(), s.size());
}
"""


def git_gc(work):
    script = r"""set -e
rm -rf "$1/r"; git init -q "$1/r"; cd "$1/r"
git config user.name t; git config user.email t@example.org; git config gc.auto 0
for i in 1 2 3 4 5; do
    seq $i 7 400000 > numbers; seq 1 $((i * 20000)) > more
    git add -A; GIT_AUTHOR_DATE="@$i +0000" GIT_COMMITTER_DATE="@$i +0000" git commit -qm "commit $i"
done
git gc -q --aggressive 2>/dev/null; git fsck --strict 2>/dev/null
git log --format=%H; git rev-list --objects --all | sort | sha256sum"""
    compare("git gc and fsck", ["/bin/sh", "-c", script, "sh", str(work)])


def main():
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        data = generated_text(120000)
        (work / "data").write_bytes(data)
        (work / "prog.cc").write_text(CPP)
        packed = compare("xz -9", ["xz", "-9", "-T1", "-c", str(work / "data")])
        (work / "data.xz").write_bytes(packed)
        ok(run(["xz", "-dc", str(work / "data.xz")], True).stdout == data, "xz -d restores the data")
        compare("sort", ["sort", "--parallel=2", "-S", "64M", str(work / "data")])
        compare("gzip", ["gzip", "-nc", str(work / "data")], large=False)
        compare("python3", ["/usr/bin/python3", "-c",
                            "d = {i: str(i) * 3 for i in range(300000)}\n"
                            "b = bytearray(b'abc') * 5000000\n"
                            "print(len(d), sum(map(len, d.values())), hash(bytes(b)) != 0, b.count(b'ca'))"])
        compare("perl", ["perl", "-e", "my $s = 'x' x 9000000; my %h = map { $_ => $_ * 2 } 1..100000; "
                         "my $t = 0; $t += $_ for values %h; print length($s), ' ', $t, qq(\\n);"])
        git_gc(work)
        if shutil.which("g++"):
            built = run(["g++", "-O1", "-o", str(work / "prog"), str(work / "prog.cc")], True)
            ok(built.returncode == 0, "g++ compiles under the library")
            compare("a C++ program", [str(work / "prog")])
        redis(work)
    return done()


if __name__ == "__main__":
    sys.exit(main())
