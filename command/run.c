// SPDX-License-Identifier: MIT
/* `dphuge run`: run a program with the library, once it is clear that this works. */
#include "run.h"
#include "environment.h"
#include "program.h"
#include "say.h"
#include "status.h"

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THRESHOLD = 256, BACKEND, PROMOTE, SMALL, STATS, DRY_RUN };

static const struct argp_option options[] = {
    {"threshold", THRESHOLD, "SIZE", 0, "serve requests of at least SIZE from the large heap (64K to 1G; default 128K)",
     0},
    {"backend", BACKEND, "NAME", 0, "where memory comes from: auto, driver, thp, hugetlb or base (default auto)", 0},
    {"promote", PROMOTE, "PCT", 0, "driver only: make a 2 MiB block one page when PCT percent of it has been touched",
     0},
    {"small", SMALL, "WHERE", 0, "who serves small requests: jemalloc, or huge for the large heap (default jemalloc)",
     0},
    {"stats", STATS, NULL, 0, "print a report when the program exits", 0},
    {"dry-run", DRY_RUN, NULL, 0, "show the command and its environment, and do not run it", 0},
    {"verbose", 'v', NULL, 0, "show the command and its environment, then run it", 0},
    {0},
};

struct job {
	struct environment environment;
	bool show, dry;
	char **command;
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case THRESHOLD: job->environment.threshold = value; return 0;
	case BACKEND: job->environment.backend = value; return 0;
	case PROMOTE: job->environment.promote = value; return 0;
	case SMALL: job->environment.small = value; return 0;
	case STATS: job->environment.stats = true; return 0;
	case DRY_RUN: job->dry = true; return 0;
	case 'v': job->show = true; return 0;
	case ARGP_KEY_ARGS: job->command = state->argv + state->next; return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "COMMAND is missing"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* Print a word so that a shell reads it as one word. */
static void show_word(FILE *to, const char *word)
{
	if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_")]) {
		fputs(word, to);
		return;
	}
	fputc('\'', to);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", to);
		else
			fputc(*word, to);
	fputc('\'', to);
}

/* Print the settings that are in the environment, and the command. */
static void show_command(FILE *to, char *const *command)
{
	static const char *const names[] = {"LD_PRELOAD",     "DPHUGE_THRESHOLD", "DPHUGE_BACKEND",
					    "DPHUGE_PROMOTE", "DPHUGE_SMALL",     "DPHUGE_STATS"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);

		if (!value)
			continue;
		fprintf(to, "%s=", names[i]);
		show_word(to, value);
		fputc(' ', to);
	}
	for (; *command; command++) {
		show_word(to, *command);
		fputc(command[1] ? ' ' : '\n', to);
	}
	fflush(to);
}

int run_main(int argc, char **argv)
{
	static const struct argp argp = {
	    options,
	    parse_option,
	    "[--] COMMAND [ARG...]",
	    "Run COMMAND with its large memory in 2 MiB pages.\v"
	    "A setting that has no option here is taken from the environment: see libdphuge(7).\n\n"
	    "exit status: that of COMMAND; 2 for a wrong argument; 125 if no library can be preloaded into COMMAND; "
	    "126 if it cannot be executed; 127 if it is not found.",
	    NULL,
	    NULL,
	    NULL};
	struct job job = {0};
	struct program program;
	int status;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &job);
	status = program_check(job.command[0], &program);
	if (status)
		say_and_exit(status, "%s", program.why);
	environment_apply(&job.environment);
	if (job.dry || job.show)
		show_command(job.dry ? stdout : stderr, job.command);
	if (job.dry)
		return STATUS_YES;
	execv(program.path, job.command);
	say_and_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANT_RUN, "%s: %s", program.path, strerror(errno));
}
