// SPDX-License-Identifier: MIT
/* `dphuge doctor`: the library, jemalloc, the module and its device. */
#include "doctor_dphuge.h"
#include "driver.h"
#include "finding.h"
#include "library.h"
#include "size.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The library is at work in this very process. dlopen() could not load jemalloc, as its
 * thread-local storage must be there when the process starts. */
int doctor_dphuge_probe(void)
{
	int (*mallctl)(const char *, void *, size_t *, void *, size_t);
	const char *version = "";
	size_t size = sizeof(version);

	*(void **)&mallctl = dlsym(RTLD_DEFAULT, "mallctl");
	if (mallctl)
		mallctl("version", &version, &size, NULL, 0);
	printf("%s\n", version);
	return 0;
}

/* Start a program with the library at @path, and put jemalloc's version, as that program
 * prints it, into @version. False if the program does not start. */
static bool probe_library(const char *path, char *version, size_t size)
{
	int out[2], status = -1;
	FILE *from;
	pid_t pid;

	*version = 0;
	if (pipe2(out, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid) {
		dup2(out[1], STDOUT_FILENO);
		setenv("LD_PRELOAD", path, 1);
		execl("/proc/self/exe", "dphuge", "doctor", DOCTOR_PROBE, NULL);
		_exit(1);
	}
	close(out[1]);
	from = fdopen(out[0], "r");
	if (from && fgets(version, (int)size, from))
		version[strcspn(version, "-\n")] = 0;
	if (from)
		fclose(from);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

void doctor_dphuge_library(struct finding *f)
{
	const char *path = library_path();
	char jemalloc[64];

	if (access(path, R_OK))
		finding_set(f, FINDING_FAIL, "install libdphuge, or `meson install -C build`", "%s: %s", path,
			    strerror(errno));
	else if (!probe_library(path, jemalloc, sizeof(jemalloc)))
		finding_set(
		    f, FINDING_FAIL,
		    "run /bin/true with LD_PRELOAD set to it to see why: a library that it needs may be missing",
		    "%s does not start", path);
	else if (!*jemalloc)
		finding_set(f, FINDING_FAIL, "apt-get install libjemalloc2", "%s has no jemalloc for small requests",
			    path);
	else if (atoi(jemalloc) < 5 || (atoi(jemalloc) == 5 && atoi(jemalloc + 2) < 3))
		finding_set(f, FINDING_WARN, "use jemalloc 5.3 or later", "%s %s on jemalloc %s", path, DPHUGE_VERSION,
			    jemalloc);
	else
		finding_set(f, FINDING_OK, NULL, "%s %s on jemalloc %s", path, DPHUGE_VERSION, jemalloc);
}

void doctor_dphuge_module(struct finding *f)
{
	struct driver_counters c;
	char held[SIZE_TEXT_BYTES], limit[SIZE_TEXT_BYTES];

	if (!driver_is_loaded())
		finding_set(f, FINDING_WARN, "modprobe dphuge (or insmod build/kernel/dphuge.ko)",
			    "dphuge.ko is not loaded: programs get transparent huge pages instead");
	else if (!driver_counters(&c))
		finding_set(f, FINDING_WARN, NULL, "dphuge.ko is loaded, but its counters cannot be read");
	else if (c.limit_bytes && c.bytes > c.limit_bytes / 10 * 9)
		finding_set(f, FINDING_WARN, "echo MIB > /sys/module/dphuge/parameters/limit_mib",
			    "dphuge.ko holds %s of the %s that it may hold", size_text(c.bytes, held),
			    size_text(c.limit_bytes, limit));
	else
		finding_set(f, FINDING_OK, NULL, "dphuge.ko is loaded and holds %s of the %s that it may hold",
			    size_text(c.bytes, held), size_text(c.limit_bytes, limit));
}

void doctor_dphuge_device(struct finding *f)
{
	int fd = open("/dev/dphuge", O_RDWR | O_CLOEXEC), err = errno;
	void *p;

	if (fd < 0 && !driver_is_loaded()) {
		finding_set(f, FINDING_OK, NULL, "there is no /dev/dphuge, because the driver is not loaded");
		return;
	}
	if (fd < 0 && err == ENOENT) {
		finding_set(f, FINDING_FAIL, "in a container: start it with --device /dev/dphuge",
			    "the driver is loaded, but there is no /dev/dphuge here");
		return;
	}
	if (fd < 0) {
		finding_set(f, FINDING_FAIL, "chmod 0666 /dev/dphuge, or install the udev rule", "/dev/dphuge: %s",
			    strerror(err));
		return;
	}
	p = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		finding_set(f, FINDING_FAIL, "raise limit_mib or user_limit_mib in /sys/module/dphuge/parameters",
			    "/dev/dphuge cannot be mapped: %s", strerror(errno));
	else
		finding_set(f, FINDING_OK, NULL, "/dev/dphuge can be mapped");
	if (p != MAP_FAILED)
		munmap(p, 2 << 20);
	close(fd);
}
