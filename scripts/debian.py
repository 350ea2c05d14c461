# SPDX-License-Identifier: MIT
"""Debian systems of their own in a folder, made by debootstrap from the mirror that apt is
configured for."""

from kernels import Error, run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def mirror():
    """The address of Debian's mirror, from apt's own configuration."""
    text = run(["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"])
    for line in text.splitlines():
        origin, label, uri = line.split("|")
        if (origin, label) == ("Debian", "Debian"):
            return uri
    raise Error("apt knows no mirror of Debian: run apt-get update")


def bootstrap(folder, suite, include=()):
    """Make a minimal Debian in @folder, with these packages besides."""
    included = [f"--include={','.join(include)}"] if include else []
    run(["debootstrap", "--variant=minbase", f"--keyring={KEYRING}", *included, suite, str(folder), mirror()])


def inside(folder, words, mounts="true"):
    """The command that runs @words in the Debian in @folder. /proc is mounted there, and what the
    shell line @mounts mounts below "$0"; the mounts go when the command ends."""
    script = f'mount -t proc proc "$0/proc" && {mounts} && exec chroot "$0" "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(folder), *map(str, words)]
