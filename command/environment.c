// SPDX-License-Identifier: MIT
/* The environment that brings the library into a program. Only the library knows which
 * values its settings may have, so they are tried on /bin/true first. */
#include "environment.h"
#include "library.h"
#include "say.h"
#include "status.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_variable(const char *name, const char *value)
{
	if (value && setenv(name, value, 1))
		say_and_exit(STATUS_CANT_RUN, "cannot set %s: %s", name, strerror(errno));
}

static void set_preload(void)
{
	const char *before = getenv("LD_PRELOAD"), *library = library_path();
	char *both;

	if (access(library, R_OK))
		say_and_exit(STATUS_CANT_PRELOAD,
			     "cannot read %s: %s; install dphuge, or run this command from its build folder", library,
			     strerror(errno));
	if (strpbrk(library, ": "))
		say_and_exit(STATUS_CANT_PRELOAD, "%s: LD_PRELOAD cannot hold a path that has a space or a colon in it",
			     library);
	if (!before || !*before) {
		set_variable("LD_PRELOAD", library);
		return;
	}
	if (strstr(before, "libdphuge.so"))
		return;
	if (asprintf(&both, "%s:%s", library, before) < 0)
		say_and_exit(STATUS_CANT_RUN, "out of memory");
	set_variable("LD_PRELOAD", both);
	free(both);
}

/* Start a program that does nothing with the settings. If one is wrong, the library prints
 * that on standard error itself. */
static void try_settings(void)
{
	void (*before)(int) = signal(SIGCHLD, SIG_DFL); /* if it were ignored, waitpid() would fail */
	int status;
	pid_t pid = fork();

	if (pid < 0)
		say_and_exit(STATUS_CANT_RUN, "fork: %s", strerror(errno));
	if (!pid) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* the library ends a program by abort() */
		setenv("DPHUGE_STRICT", "1", 1);
		unsetenv("DPHUGE_HELP");
		unsetenv("DPHUGE_STATS");
		unsetenv("DPHUGE_ONLY");
		execl("/bin/true", "true", NULL);
		_exit(STATUS_CANT_RUN);
	}
	if (waitpid(pid, &status, 0) != pid)
		say_and_exit(STATUS_CANT_RUN, "waitpid: %s", strerror(errno));
	signal(SIGCHLD, before);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		exit(STATUS_USAGE);
}

void environment_apply(const struct environment *chosen)
{
	set_preload();
	set_variable("DPHUGE_THRESHOLD", chosen->threshold);
	set_variable("DPHUGE_BACKEND", chosen->backend);
	set_variable("DPHUGE_PROMOTE", chosen->promote);
	set_variable("DPHUGE_SMALL", chosen->small);
	if (chosen->stats)
		set_variable("DPHUGE_STATS", "1");
	try_settings();
}
