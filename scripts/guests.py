# SPDX-License-Identifier: MIT
"""Programs that print JSON, run in a guest by scripts/vm."""

import json
import subprocess
import sys

from paths import TOP

# The guest's clock counts instructions. With init_on_alloc, which is on in Debian's kernels,
# they would also be those that clear each page once more, in the page allocator.
COUNTED = ["--icount", "--append", "init_on_alloc=0"]


def json_lines(name, command, *options):
    """Run @command in a guest with these options of scripts/vm, and yield each line of JSON as
    it is printed; other lines are passed on. If the guest fails, this program ends with a
    message that begins with @name."""
    words = [str(word) for word in (TOP / "scripts/vm", *options, "--", *command)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as guest:
        for line in guest.stdout:
            if line.startswith("{"):
                yield json.loads(line)
            else:
                print(line, end="", flush=True)
    if guest.returncode:
        sys.exit(f"{name}: the guest failed with status {guest.returncode}")
