// SPDX-License-Identifier: MIT
/* dphuge: run programs with the library, and see what it does. */
#include "check.h"
#include "doctor.h"
#include "map.h"
#include "run.h"
#include "say.h"
#include "stat.h"
#include "status.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *what;
	int (*call)(int argc, char **argv);
} commands[] = {
    {"run", "run a program with its large memory in 2 MiB pages", run_main},
    {"stat", "show how much of each process's heap is in 2 MiB pages", stat_main},
    {"check", "say whether the library is active in a process, and if not, why", check_main},
    {"map", "draw a process's heap, with a cell for each 2 MiB", map_main},
    {"doctor", "check whether this machine is set up well", doctor_main},
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void show_usage(FILE *to)
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
		show_usage(stdout);
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
		say("there is no command '%s'; the commands are run, stat, check, map and doctor", name);
	else
		show_usage(stderr);
	return STATUS_USAGE;
}
