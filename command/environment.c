// SPDX-License-Identifier: MIT
/* The environment that brings the library into a program. What the settings may be
 * says the library alone: it's tried on /bin/true before. */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void set(const char *name, const char *value)
{
	if (value && setenv(name, value, 1))
		die(STATUS_CANT_RUN, "%s can't be set: %s", name, strerror(errno));
}

static void preload(void)
{
	const char *before = getenv("LD_PRELOAD"), *library = library_path();
	char *both;

	if (access(library, R_OK))
		die(STATUS_CANT_PRELOAD, "%s: %s; install dphuge, or run the command from its build folder", library,
		    strerror(errno));
	if (strpbrk(library, ": "))
		die(STATUS_CANT_PRELOAD, "%s: LD_PRELOAD can't hold a path with a space or a colon", library);
	if (!before || !*before) {
		set("LD_PRELOAD", library);
		return;
	}
	if (strstr(before, "libdphuge.so"))
		return;
	if (asprintf(&both, "%s:%s", library, before) < 0)
		die(STATUS_CANT_RUN, "out of memory");
	set("LD_PRELOAD", both);
	free(both);
}

/* The library's own words about a wrong setting come through. */
static void try_settings(void)
{
	void (*before)(int) = signal(SIGCHLD, SIG_DFL); /* ignored, nobody could wait for it */
	int status;
	pid_t pid = fork();

	if (pid < 0)
		die(STATUS_CANT_RUN, "fork: %s", strerror(errno));
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* it ends by abort() */
		setenv("DPHUGE_STRICT", "1", 1);
		unsetenv("DPHUGE_HELP");
		unsetenv("DPHUGE_STATS");
		unsetenv("DPHUGE_ONLY");
		execl("/bin/true", "true", NULL);
		_exit(STATUS_CANT_RUN);
	}
	if (waitpid(pid, &status, 0) != pid)
		die(STATUS_CANT_RUN, "waitpid: %s", strerror(errno));
	signal(SIGCHLD, before);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		exit(STATUS_USAGE);
}

void setup_apply(const struct setup *setup)
{
	preload();
	set("DPHUGE_THRESHOLD", setup->threshold);
	set("DPHUGE_BACKEND", setup->backend);
	set("DPHUGE_PROMOTE", setup->promote);
	set("DPHUGE_SMALL", setup->small);
	if (setup->stats)
		set("DPHUGE_STATS", "1");
	try_settings();
}
