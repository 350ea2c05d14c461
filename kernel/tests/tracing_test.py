# SPDX-License-Identifier: MIT
"""The README's commands for bpftrace and perf work: run in a guest, both see the
promotions of a real program."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from tap import done, ok  # noqa: E402

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
WORK = ["/bin/sh", "-c", "xz -9 < /usr/bin/python3 > /dev/null"]
ENV = dict(os.environ, LD_PRELOAD=os.environ["LIBDPHUGE"])


def main():
    subprocess.run(["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"], check=False, stderr=subprocess.DEVNULL)
    subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"], check=False, stderr=subprocess.DEVNULL)
    program = re.search(r"bpftrace -e '(.*)'", README)[1]
    with subprocess.Popen(["bpftrace", "-e", program], stdout=subprocess.PIPE, text=True) as trace:
        ok("Attaching" in trace.stdout.readline(), f"bpftrace -e '{program}' starts")
        for _ in range(2):  # the first may be over before it is attached
            subprocess.run(WORK, env=ENV, check=True)
        trace.send_signal(signal.SIGINT)
        said = trace.stdout.read()
    found = re.search(r"@\[xz\]: (\d+)", said)
    ok(found and int(found[1]) > 0, f"it counts the promotions of xz: {said.strip()}")
    options = re.search(r"perf record (.*) -- sleep 10", README)[1]
    r = subprocess.run(f"perf record {options} -o /tmp/perf.data -- {' '.join(WORK[:2])} '{WORK[2]}'", shell=True, env=ENV,
                       capture_output=True, text=True, check=False)
    ok(r.returncode == 0, f"perf record {options} {'' if r.returncode == 0 else r.stderr[-300:]}")
    r = subprocess.run(["perf", "script", "-i", "/tmp/perf.data"], capture_output=True, text=True, check=False)
    events = re.findall(r"xz .*dphuge:dphuge_promote: addr=0x[0-9a-f]+ touched=512 pages=\d+", r.stdout)
    ok(events, f"it has {len(events)} promotions of xz")
    return done()


if __name__ == "__main__":
    sys.exit(main())
