# SPDX-License-Identifier: MIT
"""Writes the manual page: the template, with the settings as the library itself
shows them (DPHUGE_HELP=1), so that the two can't differ.

Usage: manpage.py TEMPLATE VERSION LIBRARY OUTPUT
"""

import re
import subprocess
import sys

template, version, library, output = sys.argv[1:]
shown = subprocess.run(["/bin/true"], env={"LD_PRELOAD": library, "DPHUGE_HELP": "1"}, capture_output=True, text=True,
                       check=True).stderr
settings = re.findall(r"^dphuge: (DPHUGE_\w+)=(.*)\ndphuge:     (.*?); (.*)$", shown, re.M)
if not settings:
    raise SystemExit(f"manpage: {library} shows no settings: {shown}")


def roff(text):
    return text.replace("\\", "\\e").replace("-", "\\-").replace("*", "\\&*").replace(",", ",\\:")


def entry(name, default, meaning, allowed):
    meaning = meaning[0].upper() + meaning[1:]
    shown_default = f"the default is\n.BR {roff(default)} ." if default else "unset by default."
    return f".TP\n.B {name}\n{roff(meaning)}:\n{roff(allowed)};\n{shown_default}\n"


with open(template, encoding="utf-8") as f:
    page = f.read()
page = page.replace("@VERSION@", version).replace("@SETTINGS@\n", "".join(entry(*s) for s in settings))
with open(output, "w", encoding="utf-8") as f:
    f.write(page)
