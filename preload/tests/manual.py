# SPDX-License-Identifier: MIT
"""The manual page is correct roff, has every setting with its default, and quotes the
library's own messages."""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from preloaded import run  # noqa: E402
from tap import done, ok  # noqa: E402

page = sys.argv[1]
formatted = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-rLL=200n", page], capture_output=True, text=True,
                           env={"PATH": "/usr/bin:/bin", "GROFF_NO_SGR": "1"}, check=False)
ok(formatted.returncode == 0 and not formatted.stderr, f"groff formats it without a warning {formatted.stderr[:200]}")
text = re.sub(r".\x08", "", formatted.stdout).replace("\u2010", "-").replace("\u2212", "-")
shown = run(["/bin/true"], DPHUGE_HELP="1").stderr
for name, default in re.findall(r"^dphuge: (DPHUGE_\w+)=(.*)$", shown, re.M):
    at = text.find(f"       {name}\n")
    ok(at >= 0, f"{name} is in the page")
    ok("".join(default.split()) in "".join(text[at:at + 1500].split()), f"and so is its default")
source = "".join(path.read_text() for path in Path(__file__).resolve().parents[1].rglob("*.c"))
for message in ("double free, or a pointer into freed memory", "inside the block of ", "bytes before the block at ",
                "nothing is allocated there", "the block isn't aligned so"):
    ok(message in source and message in text.replace("\u2019", "'"), f"'{message}' is in the page and in the library")
sys.exit(done())
