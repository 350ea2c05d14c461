# SPDX-License-Identifier: MIT
"""Debian kernels for guests: fetched as packages, unpacked into a cache folder
(never installed on this machine), and dphuge.ko built against their headers."""

import fcntl
import hashlib
import lzma
import os
import re
import shutil
import subprocess
from pathlib import Path

# Series -> what the packages' versions look like, newest last after sorting.
SERIES = {
    "6.1": r"6\.1\.0-[0-9]+",
    "6.12": r"6\.12\.[0-9]+\+(deb12|bpo)",
    "7.3": r"7\.3\.[0-9]+\+deb13",
}
BOOT_MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "virtio_blk", "virtio_rng"]
DEBUG_SOURCE = "linux-source-6.12"
DEBUG_CONFIG = Path(__file__).resolve().parent / "debug-kernel.config"
DEBUG_TOOLS = {"flex": "flex", "bison": "bison", "bc": "bc"}
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "cpio": "cpio",
         "modprobe": "kmod", "depmod": "kmod", "make": "make", "gcc-12": "gcc-12", "pahole": "dwarves",
         "sparse": "sparse"}
# Documentation/dev-tools/sparse.rst. Debian's doesn't know all that 7.3's headers use.
SPARSE = ["C=1", "CHECK=sparse -Wsparse-error"]


class Error(Exception):
    """Something a user can understand and mend."""


def cache():
    base = os.environ.get("DPHUGE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dphuge")
    Path(base).mkdir(parents=True, exist_ok=True)
    return Path(base)


def require_tools(series):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    tools = dict(TOOLS, **(DEBUG_TOOLS if series == "debug" else {}))
    if series == "7.3":
        tools["debootstrap"] = "debootstrap"
    missing = sorted({p for tool, p in tools.items() if not shutil.which(tool)})
    if series == "debug" and not Path("/usr/include/libelf.h").exists():
        missing.append("libelf-dev")
    if missing:
        raise SystemExit(f"vm: missing packages: apt-get install {' '.join(missing)}")


def run(command, **kwargs):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **kwargs)
    if done.returncode:
        raise Error(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def natural(text):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def unpack_modules(root, version):
    for packed in list((root / "lib/modules").rglob("*.ko.xz")):
        packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        packed.unlink()
    run(["depmod", "-b", str(root), version])


class Kernel:
    """One series: its newest package, unpacked in the cache."""

    def __init__(self, series):
        self.series = series
        self.root = cache() / f"kernel-{series}"
        self.lock = None

    @property
    def version(self):
        return (self.root / "VERSION").read_text().strip()

    def fetch(self):
        """Download and unpack unless that is done. One process at a time."""
        self.lock = open(cache() / f"kernel-{self.series}.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            if not self._ready():
                self._fetch()
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def _ready(self):
        return (self.root / "VERSION").exists()

    def _newest(self):
        names = run(["apt-cache", "search", "--names-only", f"^linux-image-{SERIES[self.series]}-amd64-unsigned$"])
        found = sorted((match[1] for match in
                        re.finditer(rf"linux-image-({SERIES[self.series]}-amd64)-unsigned", names)), key=natural)
        if not found:
            raise Error(f"no package of Linux {self.series} is known to apt: run apt-get update; "
                        f"6.12 is in bookworm-security, or bookworm-backports")
        return found[-1]

    def _fetch(self):
        version = self._newest()
        common = version.removesuffix("amd64") + "common"
        kbuild = "linux-kbuild-" + ("6.1" if self.series == "6.1" else version.removesuffix("-amd64"))
        packages = [f"linux-image-{version}-unsigned", f"linux-headers-{version}",
                    f"linux-headers-{common}", kbuild]
        fresh = cache() / f"kernel-{self.series}.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)
        (fresh / "debs").mkdir(parents=True)
        print(f"vm: fetching Linux {version}", flush=True)
        run(["apt-get", "-q", "download", *packages], cwd=fresh / "debs")
        for deb in sorted((fresh / "debs").iterdir()):
            run(["dpkg-deb", "-x", str(deb), str(fresh)])
        shutil.rmtree(fresh / "debs")
        unpack_modules(fresh, version)
        # The headers name their common part by its installed place.
        makefile = fresh / f"usr/src/linux-headers-{version}/Makefile"
        makefile.write_text(f"include {self.root}/usr/src/linux-headers-{common}/Makefile\n")
        (fresh / "VERSION").write_text(version + "\n")
        fresh.rename(self.root)

    def image(self):
        return self.root / f"boot/vmlinuz-{self.version}"

    def headers(self):
        return self.root / f"usr/src/linux-headers-{self.version}"

    def boot_modules(self):
        """Modules the guest needs to see its root, in loading order."""
        paths = []
        for name in BOOT_MODULES:
            lines = run(["modprobe", "-d", str(self.root), "-S", self.version, "--show-depends", name])
            for line in lines.splitlines():
                words = line.split()
                if words[0] == "insmod" and Path(words[1]) not in paths:
                    paths.append(Path(words[1]))
        return paths

    def build_module(self, source, defines=()):
        """dphuge.ko for this kernel; built in the cache, the source stays clean."""
        key = hashlib.sha256("\0".join([str(source.resolve()), *defines]).encode()).hexdigest()[:12]
        build = self.build_folder(f"module-{self.series}-{key}")
        with open(cache() / f"module-{self.series}-{key}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for path in [*source.glob("*.[ch]"), source / "Kbuild", source / "Makefile",
                         *source.glob("include/uapi/*.h")]:
                target = build / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                if not target.exists() or target.read_bytes() != path.read_bytes():
                    shutil.copyfile(path, target)
            self.make(build, defines)
        return build / "dphuge.ko"

    def build_folder(self, name):
        return cache() / name

    def make(self, build, words):
        run(["make", "-C", str(build), f"KDIR={self.headers()}", "CC=gcc-12", "W=1", *SPARSE, *words])


class DebugKernel(Kernel):
    """Built from Debian's source with scripts/debug-kernel.config: KASAN, lockdep
    and the memory manager's own checks. Slow to build (about 15 minutes on two
    cores, once) and to run."""

    def __init__(self):
        super().__init__("debug")

    def _ready(self):
        config = self.root / "CONFIG"
        return config.exists() and config.read_bytes() == DEBUG_CONFIG.read_bytes() and super()._ready()

    def _fetch(self):
        shutil.rmtree(self.root, ignore_errors=True)
        source, build = self.root / "usr/src" / DEBUG_SOURCE, self.root / "build"
        build.mkdir(parents=True)
        print(f"vm: building the debug kernel from {DEBUG_SOURCE}; this takes a while", flush=True)
        run(["apt-get", "-q", "download", DEBUG_SOURCE], cwd=self.root)
        deb = next(self.root.glob("*.deb"))
        run(["dpkg-deb", "-x", str(deb), str(self.root)])
        deb.unlink()
        run(["tar", "-xf", f"{source}.tar.xz", "-C", str(source.parent)])
        Path(f"{source}.tar.xz").unlink()
        # Lockdep makes page tables' locks too big to lie in struct page, and this
        # function, which pte_free() then needs, is not exported.
        memory = source / "mm/memory.c"
        memory.write_text(re.sub(r"(^void ptlock_free\(.*?^}$)", r"\1\nEXPORT_SYMBOL_GPL(ptlock_free);",
                                 memory.read_text(), count=1, flags=re.M | re.S))
        make = ["make", "-C", str(source), f"O={build}", "CC=gcc-12", f"-j{os.cpu_count() + 1}"]
        run([*make, "allnoconfig"], env=dict(os.environ, KCONFIG_ALLCONFIG=str(DEBUG_CONFIG)))
        missing = set(re.findall(r"^CONFIG.*", DEBUG_CONFIG.read_text(), re.M)) - \
            set((build / ".config").read_text().splitlines())
        if missing:
            raise Error(f"the debug kernel can't be had with {', '.join(sorted(missing))}")
        run([*make, "bzImage", "modules"])
        (self.root / "VERSION").write_text((build / "include/config/kernel.release").read_text())
        shutil.copyfile(DEBUG_CONFIG, self.root / "CONFIG")

    def image(self):
        return self.root / "build/arch/x86/boot/bzImage"

    def headers(self):
        return self.root / "build"

    def boot_modules(self):
        return []


def kernel(series):
    if series == "debug":
        return DebugKernel()
    if series == "7.3":
        from backports_kernel import BackportsKernel
        return BackportsKernel(series)
    return Kernel(series)
