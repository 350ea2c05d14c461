// SPDX-License-Identifier: MIT
/* `dphuge check`: is the library active in a process, and if not, why? */
#include "check.h"
#include "pid.h"
#include "process.h"
#include "program.h"
#include "status.h"

#include <argp.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Read the LD_PRELOAD that the process was started with; @text is "" if it had none. False
 * if this user may not read its environment. */
static bool read_preload(pid_t pid, char text[PATH_MAX])
{
	static char all[256 * 1024];
	size_t n = 0;
	char path[64];
	ssize_t got;
	int fd;

	*text = 0;
	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (n < sizeof(all) - 1 && (got = read(fd, all + n, sizeof(all) - 1 - n)) > 0)
		n += (size_t)got;
	close(fd);
	all[n] = 0;
	for (char *entry = all; entry < all + n; entry += strlen(entry) + 1)
		if (!strncmp(entry, "LD_PRELOAD=", 11))
			snprintf(text, PATH_MAX, "%s", entry + 11);
	return true;
}

/* Print why the library is not in the process. */
static void print_why_not(const struct process *process)
{
	struct program program;
	char preload[PATH_MAX], exe[64], file[PATH_MAX];
	ssize_t n;
	char *path;

	if (!read_preload(process->pid, preload)) {
		printf("its environment cannot be read\n");
		return;
	}
	if (!strstr(preload, "libdphuge.so")) {
		printf("LD_PRELOAD was %s when it was started: start it with `dphuge run -- COMMAND`\n",
		       *preload ? preload : "not set");
		return;
	}
	for (path = strtok(preload, ": "); path && !strstr(path, "libdphuge.so"); path = strtok(NULL, ": "))
		;
	if (path && *path == '/' && access(path, F_OK)) {
		printf("LD_PRELOAD names %s, which does not exist\n", path);
		return;
	}
	snprintf(exe, sizeof(exe), "/proc/%d/exe", process->pid);
	n = readlink(exe, file, sizeof(file) - 1);
	if (n > 0) {
		file[n] = 0;
		if (program_check(file, &program) == STATUS_CANT_PRELOAD) {
			printf("%s\n", program.why);
			return;
		}
	}
	printf("LD_PRELOAD names %s, but the dynamic loader did not load it: the program printed the reason when it "
	       "started, or it was started with more rights than its user has (setuid, for example)\n",
	       path);
}

int check_main(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    pid_parse,
	    "PID",
	    "Say whether the library is active in process PID and with which backend, or why it is not active.\v"
	    "exit status: 0 if it is active; 1 if it is not; 2 for a wrong argument.",
	    NULL,
	    NULL,
	    NULL};
	struct process process;
	pid_t pid = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &pid);
	switch (process_look(pid, &process)) {
	case PROCESS_ACTIVE:
		printf("%d (%s): active, backend %s, requests of %llu bytes and more are large; libdphuge %s, %s\n",
		       pid, process.name, process.beacon.backend, (unsigned long long)process.beacon.threshold,
		       process.beacon.version, process.library);
		return STATUS_YES;
	case PROCESS_IDLE:
		printf("%d (%s): %s is loaded, but there is no large heap: %s\n", pid, process.name, process.library,
		       process.beacon.no_backend);
		return STATUS_NO;
	case PROCESS_STARTING:
		printf("%d (%s): not active yet: %s is still starting, or its version is not the same as this "
		       "command's\n",
		       pid, process.name, process.library);
		return STATUS_NO;
	case PROCESS_FORBIDDEN:
		printf("%d (%s): this process cannot be examined: only its user and root may do so\n", pid,
		       process.name);
		return STATUS_NO;
	case PROCESS_GONE: printf("%d: no such process\n", pid); return STATUS_NO;
	case PROCESS_WITHOUT: break;
	}
	printf("%d (%s): not active: ", pid, process.name);
	print_why_not(&process);
	return STATUS_NO;
}
