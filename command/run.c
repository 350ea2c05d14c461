// SPDX-License-Identifier: MIT
/* dphuge run: a command with the library, after a look at whether that works. */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THRESHOLD = 256, BACKEND, PROMOTE, SMALL, STATS, DRY_RUN };

static const struct argp_option options[] = {
    {"threshold", THRESHOLD, "SIZE", 0, "requests of at least SIZE are large (64K to 1G; default 128K)", 0},
    {"backend", BACKEND, "NAME", 0, "auto, driver, thp, hugetlb or base (default auto)", 0},
    {"promote", PROMOTE, "PCT", 0, "driver: percent of a 2 MiB block to be touched before it is one page", 0},
    {"small", SMALL, "WHERE", 0, "jemalloc, or huge: small requests are cut from the same memory", 0},
    {"stats", STATS, NULL, 0, "report at exit", 0},
    {"dry-run", DRY_RUN, NULL, 0, "show what would be run, and with what environment", 0},
    {"verbose", 'v', NULL, 0, "show it, and run it", 0},
    {0},
};

struct job {
	struct setup setup;
	bool show, dry;
	char **command;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case THRESHOLD: job->setup.threshold = value; return 0;
	case BACKEND: job->setup.backend = value; return 0;
	case PROMOTE: job->setup.promote = value; return 0;
	case SMALL: job->setup.small = value; return 0;
	case STATS: job->setup.stats = true; return 0;
	case DRY_RUN: job->dry = true; return 0;
	case 'v': job->show = true; return 0;
	case ARGP_KEY_ARGS: job->command = state->argv + state->next; return 0;
	case ARGP_KEY_NO_ARGS: argp_error(state, "no COMMAND"); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* In a form that a shell takes. */
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

static void show(FILE *to, char *const *command)
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

int cmd_run(int argc, char **argv)
{
	static const struct argp argp = {
	    options,
	    parse,
	    "[--] COMMAND [ARG...]",
	    "Run COMMAND with its large memory in 2 MiB pages.\v"
	    "What isn't set by an option is as the environment has it: see libdphuge(7).\n\n"
	    "exit status: COMMAND's; 2 for a wrong argument; 125 if no library can be preloaded into COMMAND, 126 if "
	    "it can't be run, 127 if it isn't found.",
	    NULL,
	    NULL,
	    NULL};
	struct job job = {0};
	struct program program;
	int status;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &job);
	status = program_check(job.command[0], &program);
	if (status)
		die(status, "%s", program.why);
	setup_apply(&job.setup);
	if (job.dry || job.show)
		show(job.dry ? stdout : stderr, job.command);
	if (job.dry)
		return STATUS_YES;
	execv(program.path, job.command);
	die(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_CANT_RUN, "%s: %s", program.path, strerror(errno));
}
