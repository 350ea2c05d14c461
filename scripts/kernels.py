# SPDX-License-Identifier: MIT
"""What all guest kernels share: each is fetched and unpacked into the cache once, never
installed on this machine, and dphuge.ko is built there against its headers."""

import fcntl
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

# For each series, what the versions of its packages look like. Sorted by natural(), the newest
# is the last.
SERIES = {
    "6.1": r"6\.1\.0-[0-9]+",
    "6.12": r"6\.12\.[0-9]+\+(deb12|bpo)",
    "7.3": r"7\.3\.[0-9]+\+deb13",
}
BOOT_MODULES = ["virtio_pci", "virtio_console", "9pnet_virtio", "9p", "virtio_blk", "virtio_rng"]


class Error(Exception):
    """A problem that the user can understand and solve; one message."""


def cache():
    """The folder in which everything is kept; it is made if it does not exist."""
    base = os.environ.get("DPHUGE_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "dphuge")
    Path(base).mkdir(parents=True, exist_ok=True)
    return Path(base)


def run(command, **kwargs):
    """Run @command, and return what it printed; Error with the end of that if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **kwargs)
    if done.returncode:
        raise Error(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
    return done.stdout


def natural(text):
    """A key that sorts versions: numbers by their value, the rest as text."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def unpack_modules(root, version):
    """Decompress the modules below @root, which busybox cannot do, and list what they depend on."""
    for packed in list((root / "lib/modules").rglob("*.ko.xz")):
        packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        packed.unlink()
    run(["depmod", "-b", str(root), version])


def unpack_image(image):
    """The kernel that an image in the format of Documentation/arch/x86/boot.rst contains, or None
    if it is compressed in another way than Debian does it."""
    data = image.read_bytes()
    setup = (data[0x1F1] + 1) * 512  # setup_sects, and the sector that isn't counted
    offset, length = struct.unpack_from("<II", data, 0x248)  # payload_offset, payload_length
    packed = data[setup + offset:setup + offset + length]
    if packed.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(packed)
    if packed.startswith(b"\x28\xb5\x2f\xfd"):
        # The last 4 bytes are the size without compression; zstd complains about them after its work.
        return subprocess.run(["zstd", "-dcq"], input=packed[:-4], stdout=subprocess.PIPE, check=True).stdout
    return None


class CachedKernel:
    """The newest kernel of one series, unpacked in the cache."""

    def __init__(self, series):
        self.series = series
        self.root = cache() / f"kernel-{series}"
        self.lock = None

    @property
    def version(self):
        return (self.root / "VERSION").read_text().strip()

    def fetch(self):
        """Have it in the cache, one process at a time; nothing is done if it is there."""
        self.lock = open(cache() / f"kernel-{self.series}.lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            if not self._ready():
                self._fetch()
            if not self.bootable().exists():
                self._make_bootable()
        finally:
            fcntl.flock(self.lock, fcntl.LOCK_UN)

    def _ready(self):
        return (self.root / "VERSION").exists()

    def _fetch(self):
        """Fetch and unpack it into self.root; only when all is done does _ready() say so."""
        raise NotImplementedError

    def bootable(self):
        """The file that QEMU boots."""
        return self.root / "vmlinux"

    def _make_bootable(self):
        """QEMU enters an uncompressed kernel where its ELF note XEN_ELFNOTE_PHYS32_ENTRY says
        (CONFIG_PVH). Without that note it boots the image as it is, and the guest decompresses it,
        which takes longer than all the rest of a boot."""
        kernel = unpack_image(self.image())
        fresh = self.root / "vmlinux.new"
        fresh.unlink(missing_ok=True)
        if kernel and b"CONFIG_PVH=y" in self.config():
            fresh.write_bytes(kernel)
        else:
            fresh.symlink_to(self.image())
        fresh.rename(self.bootable())

    def config(self):
        """The kernel's configuration, as bytes."""
        return (self.headers() / ".config").read_bytes()

    def image(self):
        """The kernel as the package has it."""
        raise NotImplementedError

    def headers(self):
        """The folder with the headers, as the make of this kernel sees it."""
        raise NotImplementedError

    def make(self, build, words):
        """Build the module in the folder @build, with more words for make."""
        raise NotImplementedError

    def boot_modules(self):
        """The modules that the guest needs to reach this machine's files, in the order of loading."""
        paths = []
        for name in BOOT_MODULES:
            lines = run(["modprobe", "-d", str(self.root), "-S", self.version, "--show-depends", name])
            for line in lines.splitlines():
                words = line.split()
                if words[0] == "insmod" and Path(words[1]) not in paths:
                    paths.append(Path(words[1]))
        return paths

    def build_module(self, source, defines=()):
        """Build dphuge.ko for this kernel from a copy in the cache; nothing is written into @source."""
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
            for path in build.glob("*.[ch]"):  # what has been renamed in @source must not be found here
                if not path.name.endswith(".mod.c") and not (source / path.name).exists():
                    path.unlink()
            self.make(build, defines)
        return build / "dphuge.ko"

    def build_folder(self, name):
        return cache() / name
