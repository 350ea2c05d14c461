// SPDX-License-Identifier: MIT
/* `dphuge stat`: how much of each process's large heap is in 2 MiB pages; once, or again
 * and again, or of a command while it runs. */
#include "stat.h"
#include "environment.h"
#include "pid.h"
#include "program.h"
#include "rows.h"
#include "say.h"
#include "show.h"
#include "status.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_SECONDS 0.05 /* how often a command is examined, if the user names no interval */

struct job {
	pid_t pid;
	char **command;
	double interval; /* in seconds; 0: once only */
	enum show_form form;
};

enum { JSON = 256, PROMETHEUS };

static const struct argp_option options[] = {
    {"interval", 'i', "S", 0, "repeat every S seconds (0.01 to 86400), until the process ends or Ctrl-C is pressed", 0},
    {"json", JSON, NULL, 0, "print JSON: one object on a line, with sizes in bytes", 0},
    {"prometheus", PROMETHEUS, NULL, 0, "print the text format of Prometheus", 0},
    {0},
};

static double parse_seconds(const char *text, struct argp_state *state)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= 0.01 && s <= 86400))
		argp_error(state, "--interval '%s': this is not a number of seconds from 0.01 to 86400", text);
	return s;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'i': job->interval = parse_seconds(value, state); return 0;
	case JSON: job->form = SHOW_JSON; return 0;
	case PROMETHEUS: job->form = SHOW_PROMETHEUS; return 0;
	case ARGP_KEY_ARG:
		/* What follows "--" is a command. */
		if (state->quoted && state->next > state->quoted) {
			job->command = state->argv + state->next - 1;
			state->next = state->argc;
		} else if (job->pid) {
			argp_error(state, "only one PID can be given; put -- before a command");
		} else {
			job->pid = pid_from_text(value);
		}
		return 0;
	case ARGP_KEY_END:
		if (job->pid && job->command)
			argp_error(state, "a PID and a command cannot be given together");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

static void sleep_seconds(double s)
{
	struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

	nanosleep(&t, NULL);
}

static int stat_all(const struct job *job)
{
	struct rows rows = {0};

	for (;;) {
		rows_look(&rows);
		show_rows(stdout, job->form, job->interval > 0, &rows);
		if (!job->interval)
			break;
		sleep_seconds(job->interval);
	}
	free(rows.row);
	return STATUS_YES;
}

static int stat_one(const struct job *job)
{
	struct row row;
	struct rows rows = {&row, 1, 1, 0};
	bool seen = false;

	for (;;) {
		if (rows_look_at(job->pid, &row) != PROCESS_ACTIVE) {
			if (seen)
				return STATUS_YES; /* it has ended */
			say("process %d has no large heap; `dphuge check %d` says why", job->pid, job->pid);
			return STATUS_NO;
		}
		seen = true;
		show_rows(stdout, job->form, job->interval > 0, &rows);
		if (!job->interval)
			return STATUS_YES;
		sleep_seconds(job->interval);
	}
}

/* Run the command, and show its process at the moment when most of its heap was resident.
 * That goes to standard error, as standard output belongs to the command. */
static int stat_command(const struct job *job)
{
	double interval = job->interval ? job->interval : SAMPLE_SECONDS;
	struct environment unchanged = {0};
	struct program program;
	struct row row, best = {0};
	struct rows rows = {&best, 0, 1, 0};
	struct pollfd end = {.events = POLLIN}; /* a pidfd of the command: readable when it has ended */
	int status = program_check(job->command[0], &program);
	pid_t pid;

	if (status)
		say_and_exit(status, "%s", program.why);
	environment_apply(&unchanged);
	signal(SIGCHLD, SIG_DFL);
	pid = fork();
	if (pid < 0)
		say_and_exit(STATUS_CANT_RUN, "fork: %s", strerror(errno));
	if (!pid) {
		execv(program.path, job->command);
		say_and_exit(STATUS_CANT_RUN, "%s: %s", program.path, strerror(errno));
	}
	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (end.fd < 0)
		say_and_exit(STATUS_CANT_RUN, "pidfd_open: %s", strerror(errno));
	signal(SIGINT, SIG_IGN); /* these are for the command to handle */
	signal(SIGQUIT, SIG_IGN);
	do {
		if (rows_look_at(pid, &row) == PROCESS_ACTIVE && row.resident >= best.resident) {
			best = row;
			rows.n = 1;
		}
	} while (!poll(&end, 1, (int)(interval * 1000)));
	if (waitpid(pid, &status, 0) != pid)
		say_and_exit(STATUS_CANT_RUN, "waitpid: %s", strerror(errno));
	show_rows(stderr, job->form, false, &rows);
	if (!rows.n)
		say("%s ended before it could be examined, or it had no large heap", program.path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int stat_main(int argc, char **argv)
{
	static const struct argp argp = {
	    options,
	    parse_option,
	    "[PID]\n[--] COMMAND [ARG...]",
	    "Show how much of the large heap is in 2 MiB pages: of process PID, of all processes, or of COMMAND while "
	    "it runs.\v"
	    "IN USE includes what threads keep for reuse. FREED has not been returned to the system yet. RETURNED has "
	    "been "
	    "returned since the process started. A COMMAND is shown on standard error, at the moment when most of its "
	    "heap "
	    "was resident.\n\n"
	    "exit status: 0; 1 if PID has no large heap; 2 for a wrong argument; with COMMAND, the same as of `dphuge "
	    "run`.",
	    NULL,
	    NULL,
	    NULL};
	struct job job = {0};

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &job);
	return job.command ? stat_command(&job) : job.pid ? stat_one(&job) : stat_all(&job);
}
