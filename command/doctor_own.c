// SPDX-License-Identifier: MIT
/* dphuge doctor: the library, jemalloc, the module and its device. */
#include "command.h"
#include "doctor.h"
#include "driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The library at work in this very program: jemalloc can't be had by dlopen(), as it has
 * thread-local storage that must be there from the start. */
int doctor_probe(void)
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

/* What it says of jemalloc into @version; false: it doesn't start. */
static bool probe(const char *path, char *version, size_t size)
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
		execl("/proc/self/exe", "dphuge", "doctor", PROBE, NULL);
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

void doctor_library(struct finding *f)
{
	const char *path = library_path();
	char jemalloc[64];

	if (access(path, R_OK))
		found(f, FAIL, "install libdphuge, or `meson install -C build`", "%s: %s", path, strerror(errno));
	else if (!probe(path, jemalloc, sizeof(jemalloc)))
		found(f, FAIL, "LD_PRELOAD it into /bin/true to see why: a library that it needs may be missing",
		      "%s doesn't start", path);
	else if (!*jemalloc)
		found(f, FAIL, "apt-get install libjemalloc2", "%s without jemalloc for small requests", path);
	else if (atoi(jemalloc) < 5 || (atoi(jemalloc) == 5 && atoi(jemalloc + 2) < 3))
		found(f, WARN, "use jemalloc 5.3 or later", "%s %s on jemalloc %s", path, DPHUGE_VERSION, jemalloc);
	else
		found(f, OK, NULL, "%s %s on jemalloc %s", path, DPHUGE_VERSION, jemalloc);
}

void doctor_module(struct finding *f)
{
	struct driver_counters c;
	char held[16], limit[16];

	if (!driver_is_loaded())
		found(f, WARN, "modprobe dphuge (or insmod build/kernel/dphuge.ko)",
		      "dphuge.ko isn't loaded: programs get transparent huge pages instead");
	else if (!driver_counters(&c))
		found(f, WARN, NULL, "dphuge.ko is loaded, but its counters can't be read");
	else if (c.limit_bytes && c.bytes > c.limit_bytes / 10 * 9)
		found(f, WARN, "echo MIB > /sys/module/dphuge/parameters/limit_mib",
		      "dphuge.ko holds %s of %s that it may", human(c.bytes, held), human(c.limit_bytes, limit));
	else
		found(f, OK, NULL, "dphuge.ko is loaded and holds %s of %s", human(c.bytes, held),
		      human(c.limit_bytes, limit));
}

void doctor_device(struct finding *f)
{
	int fd = open("/dev/dphuge", O_RDWR | O_CLOEXEC), err = errno;
	void *p;

	if (fd < 0 && !driver_is_loaded()) {
		found(f, OK, NULL, "no /dev/dphuge, as the driver isn't loaded");
		return;
	}
	if (fd < 0 && err == ENOENT) {
		found(f, FAIL, "in a container: start it with --device /dev/dphuge",
		      "the driver is loaded, but /dev/dphuge isn't here");
		return;
	}
	if (fd < 0) {
		found(f, FAIL, "chmod 0666 /dev/dphuge, or install the udev rule", "/dev/dphuge: %s", strerror(err));
		return;
	}
	p = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		found(f, FAIL, "raise limit_mib or user_limit_mib in /sys/module/dphuge/parameters",
		      "/dev/dphuge can't be mapped: %s", strerror(errno));
	else
		found(f, OK, NULL, "/dev/dphuge can be mapped");
	if (p != MAP_FAILED)
		munmap(p, 2 << 20);
	close(fd);
}
