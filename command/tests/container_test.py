# SPDX-License-Identifier: MIT
"""The page for operators is right about containers (in a guest): its podman command runs a
program on the driver and, without --device, on transparent huge pages."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "scripts"))
from tap import done, ok  # noqa: E402

LIBRARY = Path(os.environ["LIBDPHUGE"])
ASKS = LIBRARY.parent.parent / "command/tests/asks"
INSTALLED = "/usr/lib/x86_64-linux-gnu/libdphuge.so"
# The guest has no network and no cgroup controllers that a container could use.
SETTINGS = """[containers]
netns = "none"
cgroups = "disabled"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
STORAGE = """[storage]
driver = "vfs"
graphroot = "{0}/storage"
runroot = "{0}/run"
"""


def image(at):
    """The archive of a file system with one program, the libraries that it needs, and ours where the package installs it."""
    root = at / "root"
    listed = subprocess.run(["ldd", ASKS, LIBRARY], capture_output=True, text=True, check=True).stdout
    files = {path: path for path in re.findall(r"(/\S+) \(0x", listed)}
    for path, source in {**files, "/asks": ASKS, INSTALLED: LIBRARY}.items():
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, root / path[1:])
    archive = at / "image.tar"
    subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
    return archive


def main():
    page = (TOP / "docs/operators.md").read_text(encoding="utf-8")
    line = re.search(r"^    (podman run .* IMAGE)$", page, re.M)[1]
    subprocess.run(["mount", "-t", "tmpfs", "cache", "/var/cache"], check=True)  # in the guest only /tmp can be written
    with tempfile.TemporaryDirectory() as name:
        at = Path(name)
        (at / "containers.conf").write_text(SETTINGS, encoding="utf-8")
        (at / "storage.conf").write_text(STORAGE.format(at), encoding="utf-8")
        env = dict(os.environ, CONTAINERS_CONF=str(at / "containers.conf"), CONTAINERS_STORAGE_CONF=str(at / "storage.conf"))

        def run(command):
            r = subprocess.run(shlex.split(command), env=env, capture_output=True, text=True, check=False)
            said = re.search(r"^backend: (.*)$", r.stdout, re.M)
            return said[1] if r.returncode == 0 and said else f"{r.returncode} {r.stdout[-300:]!r} {r.stderr[-600:]!r}"

        r = subprocess.run(["podman", "import", "--change", 'CMD ["/asks"]', image(at), "dphuge-test"], env=env,
                           capture_output=True, text=True, check=False)
        ok(r.returncode == 0, f"an image with the library in it {r.stderr[-600:] if r.returncode else ''}")
        got = run(line.replace("IMAGE", "dphuge-test"))
        ok(got == "driver", f"{line}: {got}")
        got = run(line.replace("--device /dev/dphuge ", "").replace("IMAGE", "dphuge-test"))
        ok(got == "thp", f"without --device: {got}")
    return done()


if __name__ == "__main__":
    sys.exit(main())
