# SPDX-License-Identifier: MIT
"""The kernels that guests can have: those of this Debian, the debug kernel that is built from
its source, and one of the next Debian."""

import os
import re
import shutil
from pathlib import Path

from backports_kernel import BackportsKernel
from kernels import SERIES, CachedKernel, Error, cache, natural, run, unpack_modules

DEBUG_SOURCE = "linux-source-6.12"
DEBUG_CONFIG = Path(__file__).resolve().parent / "debug-kernel.config"
# What each kernel that is built from source changes in that configuration.
BUILT = {"debug": None, "kcsan": Path(__file__).resolve().parent / "kcsan-kernel.config"}
# What is changed in the source of a kernel that is built: file, pattern, replacement.
#
# With lockdep the lock of a page table is too big for struct page. Then pte_free() needs
# ptlock_free(), which is not exported.
#
# lockdep wants an explicit rcu_read_lock() around a question for the cgroup of a folio that is
# charged as the kernel's own memory. NUMA balancing asks with the page table's lock held, which
# keeps RCU waiting too, so nothing is wrong; since 7.0 count_memcg_folio_events() takes it.
CHANGES = [
    ("mm/memory.c", r"(^void ptlock_free\(.*?^}$)", r"\1\nEXPORT_SYMBOL_GPL(ptlock_free);"),
    ("mm/memory.c", r"^\tcount_memcg_folio_events\(folio, NUMA_HINT_FAULTS, 1\);$",
     r"\trcu_read_lock();\n\g<0>\n\trcu_read_unlock();"),
]
DEBUG_TOOLS = {"flex": "flex", "bison": "bison", "bc": "bc"}
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static", "cpio": "cpio",
         "modprobe": "kmod", "depmod": "kmod", "make": "make", "gcc-12": "gcc-12", "pahole": "dwarves",
         "sparse": "sparse", "zstd": "zstd"}
# Documentation/dev-tools/sparse.rst in Linux. Debian's sparse does not know everything that the
# headers of 7.3 use, so only the others are checked.
SPARSE = ["C=1", "CHECK=sparse -Wsparse-error"]


def require_tools(series):
    """End the program if a tool is missing that guests of this series need."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    tools = dict(TOOLS, **(DEBUG_TOOLS if series in BUILT else {}))
    if series == "7.3":
        tools["debootstrap"] = "debootstrap"
    missing = sorted({p for tool, p in tools.items() if not shutil.which(tool)})
    if series in BUILT and not Path("/usr/include/libelf.h").exists():
        missing.append("libelf-dev")
    if missing:
        raise SystemExit(f"vm: missing packages: apt-get install {' '.join(missing)}")


class Kernel(CachedKernel):
    """A kernel of this Debian, from its packages."""

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
        # The headers include their common part from where the package would be installed.
        makefile = fresh / f"usr/src/linux-headers-{version}/Makefile"
        makefile.write_text(f"include {self.root}/usr/src/linux-headers-{common}/Makefile\n")
        (fresh / "VERSION").write_text(version + "\n")
        fresh.rename(self.root)

    def image(self):
        return self.root / f"boot/vmlinuz-{self.version}"

    def headers(self):
        return self.root / f"usr/src/linux-headers-{self.version}"

    def make(self, build, words):
        run(["make", "-C", str(build), f"KDIR={self.headers()}", "CC=gcc-12", "W=1", *SPARSE, *words])


def wanted_config(series):
    """The configuration of a kernel that is built from source, as text: each option on a line."""
    text = DEBUG_CONFIG.read_text()
    if not BUILT[series]:
        return text
    changes = BUILT[series].read_text()
    changed = set(options(changes))
    return "\n".join(line for line in text.splitlines()
                     if not changed.intersection(options(line))) + "\n" + changes


def wanted(series):
    """What a kernel that is built from source must have been built with: its configuration, and
    as comments the changes of its source."""
    return wanted_config(series) + "".join(f"# changed: {change!r}\n" for change in CHANGES)


def options(text):
    """The values of the options that @text sets, by their names; None if it says that one is not set."""
    values = {name: value for name, value in re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.M)}
    return {**values, **{name: None for name in re.findall(r"^# (CONFIG_\w+) is not set$", text, re.M)}}


class BuiltKernel(Kernel):
    """A kernel built from Debian's source with scripts/debug-kernel.config: "debug" has KASAN,
    lockdep and the memory manager's own checks, "kcsan" looks for data races instead, which
    excludes KASAN. Each takes half an hour on two idle cores to build, once, and is slow to run."""

    def _ready(self):
        config = self.root / "CONFIG"
        return config.exists() and config.read_text() == wanted(self.series) and super()._ready()

    def _fetch(self):
        shutil.rmtree(self.root, ignore_errors=True)
        source, build = self.root / "usr/src" / DEBUG_SOURCE, self.root / "build"
        build.mkdir(parents=True)
        print(f"vm: building the {self.series} kernel from {DEBUG_SOURCE}; this takes a while", flush=True)
        run(["apt-get", "-q", "download", DEBUG_SOURCE], cwd=self.root)
        deb = next(self.root.glob("*.deb"))
        run(["dpkg-deb", "-x", str(deb), str(self.root)])
        deb.unlink()
        run(["tar", "-xf", f"{source}.tar.xz", "-C", str(source.parent)])
        Path(f"{source}.tar.xz").unlink()
        for name, pattern, replacement in CHANGES:
            text, count = re.subn(pattern, replacement, (source / name).read_text(), flags=re.M | re.S)
            if count != 1:
                raise Error(f"the source of {DEBUG_SOURCE} has changed: {pattern} is in {name} {count} times")
            (source / name).write_text(text)
        config = self.root / "WANTED"
        config.write_text(wanted(self.series))
        make = ["make", "-C", str(source), f"O={build}", "CC=gcc-12", f"-j{os.cpu_count()}"]
        run([*make, "allnoconfig"], env=dict(os.environ, KCONFIG_ALLCONFIG=str(config)))
        missing = self.missing_options()
        if missing:
            raise Error(f"the {self.series} kernel cannot be built with {', '.join(missing)}")
        run([*make, "bzImage", "modules"])
        (self.root / "VERSION").write_text((build / "include/config/kernel.release").read_text())
        config.rename(self.root / "CONFIG")

    def missing_options(self):
        """What the configuration asks for and the kernel was not configured with, sorted."""
        has = options((self.root / "build/.config").read_text())
        return sorted(f"{name}={value or 'n'}" for name, value in options(wanted_config(self.series)).items()
                      if has.get(name) != value)

    def image(self):
        return self.root / "build/arch/x86/boot/bzImage"

    def headers(self):
        return self.root / "build"

    def boot_modules(self):
        return []


def kernel(series):
    """The kernel of this series, or one that is built here: "debug" or "kcsan"."""
    if series in BUILT:
        return BuiltKernel(series)
    return BackportsKernel(series) if series == "7.3" else Kernel(series)
