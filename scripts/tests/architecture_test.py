#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/architecture finds each kind of mistake that it is there for: small made-up
trees, right but for one thing each."""

import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))
import tap  # noqa: E402

TABLE = """\
# How to read this.
[shared]
contract: preload/beacon

[preload]
low: units ground
high: middle upper # a remark
handed in:
ground <- upper: upper_help, at start
ground <- middle: local_help, at start
ground <- (libc): free, at start
"""
TREE = {
    "docs/layers.txt": TABLE,
    "ARCHITECTURE.md": f"# Architecture\n\n```\n{TABLE}```\n",
    "preload/beacon.h": "struct beacon { int version; };\n",
    "preload/low/units.h": "#define UNIT 4096\n",
    # A module may stand in the folder itself, too.
    "preload/ground.h": '#include "low/units.h"\nvoid ground_init(void (*help)(void));\n',
    "preload/ground.c": '#include "ground.h"\n#include "beacon.h"\n'
                        "static void (*helper)(void);\n"
                        "void ground_init(void (*help)(void)) { helper = help; if (helper) helper(); }\n",
    "preload/high/middle.h": "int middle(void);\n",
    "preload/high/middle.c": '#include "high/middle.h"\n#include "ground.h"\n#include <stdlib.h>\n'
                             "static void local_help(void) { }\n"
                             "int middle(void) { ground_init(local_help); ground_init((void (*)(void))free); return 0; }\n",
    "preload/high/upper.h": '#include "low/units.h"\nvoid upper_help(void);\nextern int upper_count;\n',
    "preload/high/upper.c": '#include "upper.h"\n#include "high/middle.h"\n#include "ground.h"\nint upper_count;\n'
                            "void upper_help(void) { }\n"
                            "void upper_init(void) { ground_init(upper_help); upper_count = middle(); }\n",
    "preload/tests/any.c": '#include "../high/upper.h"\n',
}


class Tree:
    """The tree above in a folder, its objects beside it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name, text in TREE.items():
            self.write(name, text)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if path.suffix == ".c" and "tests" not in path.parts:
            self.compile(path)

    def object(self, path):
        name = str(path.relative_to(self.folder / "preload")).replace("/", "_") + ".o"
        return self.folder / "objects" / name

    def compile(self, path):
        self.object(path).parent.mkdir(exist_ok=True)
        subprocess.run(["gcc", "-c", "-O2", "-fPIC", "-fvisibility=hidden", "-w", f"-I{self.folder}/preload",
                        "-o", str(self.object(path)), str(path)], check=True)

    def findings(self):
        """(exit status, comment lines)"""
        done = subprocess.run([str(SCRIPTS / "architecture"), "--top", str(self.folder),
                               "--objects", f"preload={self.folder}/objects"],
                              stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, [line[2:] for line in done.stdout.splitlines() if line.startswith("# ")]


def check(tree, changes, expected, what):
    """With @changes to the tree, the one finding is @expected; then they are taken back."""
    for name, text in changes.items():
        tree.write(name, text)
    code, found = tree.findings()
    good = code == 1 and found == [expected]
    tap.ok(good, what)
    if not good:
        print(f"# expected: {expected}\n# status {code}, found: {found}")
    for name in changes:
        if name in TREE:
            tree.write(name, TREE[name])
        else:
            (tree.folder / name).unlink()


def table(old, new):
    """A change of the table, which ARCHITECTURE.md shows, too."""
    assert old in TABLE
    changed = TABLE.replace(old, new)
    return {"docs/layers.txt": changed, "ARCHITECTURE.md": f"```text\n{changed}```\n"}


def appended(name, text):
    return {name: TREE[name] + text}


def main():
    with tempfile.TemporaryDirectory(prefix="dphuge-architecture-") as folder:
        tree = Tree(folder)
        code, found = tree.findings()
        tap.ok(code == 0 and not found, "a tree in order passes")
        if found:
            print(f"# {found}")

        lines = TREE["preload/ground.c"].count("\n") + 1
        check(tree, appended("preload/ground.c", '#include "high/middle.h"\n'),
              f'preload/ground.c:{lines}: includes "high/middle.h", which stands in layer high, above low',
              "an include that runs up")
        check(tree, appended("preload/low/units.h", '  #  include "../ground.h"\n'),
              'preload/low/units.h:2: includes "../ground.h", which stands further up in its own layer',
              "an include that runs up inside a layer")
        check(tree, appended("preload/ground.h", '#include "tests/secret.h"\n') | {"preload/tests/secret.h": ""},
              'preload/ground.h:3: includes "tests/secret.h", which does not stand in [preload] of docs/layers.txt',
              "an include of a header without a row")
        check(tree, appended("preload/ground.h", '#include "gone.h"\n'),
              'preload/ground.h:3: includes "gone.h", which is not in the tree', "an include of nothing")
        check(tree, appended("preload/high/middle.c", "void upper_help(void); void f(void) { upper_help(); }\n"),
              "preload/high/middle.c uses upper_help of preload/high/upper.c, which stands further up in its own layer",
              "a call that runs up, without an include")
        check(tree, appended("preload/ground.c", "extern int upper_count; int f(void) { return upper_count; }\n"),
              "preload/ground.c uses upper_count of preload/high/upper.c, which stands in layer high, above low",
              "a use of a variable that stands higher up")
        check(tree, {"preload/low/extra.h": ""}, "preload/low/extra.h does not stand in docs/layers.txt",
              "a file without a row")
        check(tree, table("units ground", "units ground ghost"),
              "docs/layers.txt lists ghost in [preload], but no ghost.c or .h is there", "a row without a file")
        check(tree, table("middle upper", "middle upper units"), "docs/layers.txt:7: units is listed twice",
              "a module listed twice")
        check(tree, table("upper # a remark", "upper\nlow:"),
              "docs/layers.txt:8: layer low has begun further up already", "a layer in two places")
        check(tree, appended("preload/low/units.h", "\n" * 200), "preload/low/units.h has 201 lines; 200 are allowed",
              "a header that is too long")
        check(tree, appended("preload/high/middle.c", "\n" * 396),
              "preload/high/middle.c has 401 lines; 400 are allowed", "a C file that is too long")
        check(tree, table("ground <- upper: upper_help", "ground <- upper: upper_helps"),
              "handed in, ground <- upper: upper_helps: upper defines no such function",
              "a function is listed that is not defined")
        check(tree, table("ground <- upper: upper_help", "ground <- upper: upper_init"),
              "handed in, ground <- upper: upper_init: nobody takes its address",
              "a function is listed that is not handed in")
        check(tree, table("ground <- upper", "units <- upper"),
              "handed in, units <- upper: upper_help: no header of units takes a function pointer",
              "a receiver that takes no function pointer")
        check(tree, appended("preload/high/upper.h", "typedef int (*callback)(int);\n"),
              "preload/high/upper.h:4: upper takes a function pointer, and no row of docs/layers.txt says "
              "which function is handed in", "a function pointer without a row")
        check(tree, table("(libc): free", "(libc): upper_help"),
              "handed in, ground <- (libc): upper_help: it is defined here, so name the module that defines it",
              "a function of ours listed as another's")
        check(tree, {"ARCHITECTURE.md": TREE["ARCHITECTURE.md"].replace("middle upper", "upper middle")},
              "ARCHITECTURE.md: no code block shows section [preload] of docs/layers.txt as it stands there",
              "the page shows another order")
        tree.object(tree.folder / "preload/high/upper.c").unlink()
        code, found = tree.findings()
        tap.ok(code == 1 and f"preload/high/upper.c has no object in {folder}/objects: build it first" in found,
               "a file that was not built")
    return tap.done()


if __name__ == "__main__":
    sys.exit(main())
