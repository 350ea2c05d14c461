# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# shellcheck disable=SC2034 # the lists of packages are used by the scripts that source this
# What launch, test and the other scripts share: packages, building, messages. A script may set
# $name, which begins its messages.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export DPHUGE_BUILD="${DPHUGE_BUILD:-$top/build}"
export LIBDPHUGE="$DPHUGE_BUILD/preload/libdphuge.so"

build_packages=(gcc groff-base libc6-dev libelf-dev libjson-c-dev meson ninja-build pkg-config libjemalloc-dev libjemalloc2)
guest_packages=(debootstrap qemu-system-x86 busybox-static cpio kmod make gcc-12 sparse dwarves binutils libelf1 libssl3 python3 xz-utils zstd)
kernel_packages=(bc bison flex libelf-dev) # to build a kernel from source
check_packages=(clang-format clang-tidy codespell gcc git perl pyflakes3 python3 shellcheck spin tcc)
program_packages=(bpftrace crun default-jre-headless linux-perf gdb gawk mokutil openssl podman postgresql python3-jinja2 python3-matplotlib
	python3-tqdm time libcap2-bin redis-server valgrind redis-tools xz-utils zstd g++ git perl python3 python3-numpy)
bench_packages=(argon2 brotli bwa gawk graphicsmagick gzip libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4 lrzip lua5.4 mbw minimap2
	p7zip-full python3-numpy redis-server redis-tools sqlite3 stockfish time xz-utils zstd)

die() {
	echo "${name:-$(basename "$0")}: $*" >&2
	exit 1
}

# Install those of the named packages that are not installed yet.
install_packages() {
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] && return
	[ "$(id -u)" -eq 0 ] || die "packages are missing; run as root: apt-get install ${missing[*]}"
	echo "== installing: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -q -q update
	# No service may start by itself on the user's machine.
	local policy=/usr/sbin/policy-rc.d made=
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' > $policy
		chmod +x $policy
		made=yes
	fi
	apt-get -q -q install -y --no-install-recommends "${missing[@]}" >/dev/null ||
		{ [ -z "$made" ] || rm -f $policy; die "apt-get install ${missing[*]} failed"; }
	[ -z "$made" ] || rm -f $policy
}

# Packages of kernels are looked up in apt's lists, which a new machine does not have yet.
refresh_lists() {
	apt-cache show linux-image-amd64 >/dev/null 2>&1 || apt-get -q -q update
}

# build DIRECTORY [meson option...]
build() {
	local directory=$1
	shift
	[ -f "$directory/build.ninja" ] || meson setup "$directory" "$top" "$@" >/dev/null || die "meson setup failed"
	ninja -C "$directory" >"$directory/build.log" 2>&1 || { tail -40 "$directory/build.log"; die "build failed"; }
}
