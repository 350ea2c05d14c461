# SPDX-License-Identifier: MIT
"""A guest kernel from the backports of the next Debian. Modules for it build only with tools
that are newer than this Debian's, so a minimal next Debian is kept in the cache."""

import re
import shutil

from debian import KEYRING, bootstrap, inside, mirror
from kernels import SERIES, CachedKernel, Error, cache, natural, run, unpack_modules

SUITE = "trixie"
BUILD_PACKAGES = ["make", "gcc-14", "libelf1t64", "libssl3t64", "pahole", "perl-base"]


class Apt:
    """An apt with sources and lists of its own, so that those of this machine stay as they are."""

    def __init__(self, suites):
        self.root = cache() / "apt"
        for name in ("lists/partial", "cache/archives/partial"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "sources.list").write_text(
            "".join(f"deb [signed-by={KEYRING}] {mirror()} {suite} main\n" for suite in suites))
        self.options = [f"-oDir::Etc::SourceList={self.root}/sources.list", "-oDir::Etc::SourceParts=/dev/null",
                        f"-oDir::State::Lists={self.root}/lists", f"-oDir::Cache={self.root}/cache"]
        run(["apt-get", *self.options, "-q", "update"])

    def search(self, pattern):
        return run(["apt-cache", *self.options, "search", "--names-only", pattern])

    def download(self, packages, folder):
        run(["apt-get", *self.options, "-q", "download", *packages], cwd=folder)


class BackportsKernel(CachedKernel):
    """A kernel, its headers and the tools that build modules for it, in a Debian of their own."""

    def _fetch(self):
        apt = Apt([f"{SUITE}-backports"])
        names = apt.search(f"^linux-headers-{SERIES[self.series]}-amd64$")
        found = sorted(re.findall(rf"linux-headers-({SERIES[self.series]})-amd64 ", names), key=natural)
        if not found:
            raise Error(f"{SUITE}-backports has no Linux {self.series}")
        release, version = found[-1], found[-1] + "-amd64"
        fresh = cache() / f"kernel-{self.series}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)
        print(f"vm: fetching Linux {version}, and {SUITE}'s tools to build for it", flush=True)
        bootstrap(fresh, SUITE, BUILD_PACKAGES)
        debs = fresh / "debs"
        debs.mkdir()
        apt.download([f"linux-base-{version}", f"linux-binary-unsigned-{version}", f"linux-modules-{version}",
                      f"linux-headers-{version}", f"linux-headers-{release}-common", f"linux-kbuild-{release}"], debs)
        for deb in sorted(debs.iterdir()):
            # Into the existing folders: /lib is a link, as everywhere since Debian 12.
            run(["sh", "-c", 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"', "sh",
                 str(deb), str(fresh)])
        shutil.rmtree(debs)
        unpack_modules(fresh, version)
        (fresh / "VERSION").write_text(version + "\n")
        fresh.rename(self.root)

    def image(self):
        return self.root / f"lib/modules/{self.version}/vmlinuz.unsigned"

    def config(self):
        return (self.root / self.headers().lstrip("/") / ".config").read_bytes()

    def headers(self):
        return f"/usr/src/linux-headers-{self.version}"

    def build_folder(self, name):
        return self.root / "build" / name

    def make(self, build, words):
        # objtool reads /proc.
        words = ["make", "-C", f"/{build.relative_to(self.root)}", f"KDIR={self.headers()}", "CC=gcc-14", "W=1", *words]
        run(inside(self.root, words))
