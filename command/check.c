// SPDX-License-Identifier: MIT
/* dphuge check: is the library at work in a process, and if not, why? */
#include "command.h"

#include <argp.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What the process was started with, as far as we may read it; @text is "" otherwise. */
static bool preload_of(pid_t pid, char text[PATH_MAX])
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

/* The library isn't in the process. */
static void say_why_not(const struct process *process)
{
	struct program program;
	char preload[PATH_MAX], exe[64], file[PATH_MAX];
	ssize_t n;
	char *path;

	if (!preload_of(process->pid, preload)) {
		printf("its environment can't be read\n");
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
		printf("LD_PRELOAD names %s, which doesn't exist\n", path);
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
	printf("LD_PRELOAD names %s, which the loader didn't take: the program printed why when it started, or it ran "
	       "with more rights than its user then\n",
	       path);
}

int cmd_check(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    parse_pid,
	    "PID",
	    "Say whether the library is active in process PID, with which backend, and if not, why.\v"
	    "exit status: 0 active; 1 not; 2 a wrong argument.",
	    NULL,
	    NULL,
	    NULL};
	struct process process;
	pid_t pid = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &pid);
	switch (process_look(pid, &process)) {
	case PROCESS_ACTIVE:
		printf("%d (%s): active, backend %s, large from %llu bytes on; libdphuge %s, %s\n", pid, process.name,
		       process.beacon.backend, (unsigned long long)process.beacon.threshold, process.beacon.version,
		       process.library);
		return STATUS_YES;
	case PROCESS_IDLE:
		printf("%d (%s): %s is loaded, but there is no large heap: %s\n", pid, process.name, process.library,
		       process.beacon.no_backend);
		return STATUS_NO;
	case PROCESS_STARTING:
		printf("%d (%s): not active yet: %s is starting, or is of another version than this command\n", pid,
		       process.name, process.library);
		return STATUS_NO;
	case PROCESS_FORBIDDEN:
		printf("%d (%s): can't be looked into: that takes its user's rights, or root's\n", pid, process.name);
		return STATUS_NO;
	case PROCESS_GONE: printf("%d: no such process\n", pid); return STATUS_NO;
	case PROCESS_WITHOUT: break;
	}
	printf("%d (%s): not active: ", pid, process.name);
	say_why_not(&process);
	return STATUS_NO;
}
