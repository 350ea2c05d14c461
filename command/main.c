// SPDX-License-Identifier: MIT
/* dphuge: one command to run programs with the library, and to see what it does. */
#include "command.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *what;
	int (*call)(int argc, char **argv);
} commands[] = {
    {"run", "run a program with its large memory in 2 MiB pages", cmd_run},
    {"stat", "how much of which process's heap is in 2 MiB pages", cmd_stat},
    {"check", "is the library active in a process, and if not, why", cmd_check},
    {"map", "a process's heap as a picture, a cell for each 2 MiB", cmd_map},
    {"doctor", "is this machine set up, and what could be better", cmd_doctor},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *to)
{
	fprintf(to, "Usage: dphuge COMMAND [ARGS]\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].what);
	fprintf(to, "\n`dphuge COMMAND --help` shows a command's options; dphuge(1) has examples.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	program_invocation_name = "dphuge";
	argp_err_exit_status = STATUS_USAGE;
	if (!strcmp(name, "--version")) {
		printf("dphuge %s\n", DPHUGE_VERSION);
		return STATUS_YES;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "help")) {
		usage(stdout);
		return STATUS_YES;
	}
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!strcmp(name, commands[i].name)) {
			static char called[32];

			snprintf(called, sizeof(called), "dphuge %s", name);
			program_invocation_name = program_invocation_short_name = called;
			argv[1] = called;
			return commands[i].call(argc - 1, argv + 1);
		}
	}
	if (*name)
		say("'%s' is no command; run, stat, check, map and doctor are", name);
	else
		usage(stderr);
	return STATUS_USAGE;
}
