// SPDX-License-Identifier: MIT
/* dphuge stat: how much of which process's large heap is in 2 MiB pages; once, or over
 * and over, or of a command while it runs. */
#include "rows.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_SECONDS 0.05 /* of a command, where no other interval is asked for */

struct job {
	pid_t pid;
	char **command;
	double interval; /* seconds; 0: once */
	enum form form;
};

enum { JSON = 256, PROMETHEUS };

static const struct argp_option options[] = {
    {"interval", 'i', "S", 0, "again every S seconds (0.01 to 86400), until it ends or is interrupted", 0},
    {"json", JSON, NULL, 0, "as JSON, an object a line; sizes in bytes", 0},
    {"prometheus", PROMETHEUS, NULL, 0, "in Prometheus's text format", 0},
    {0},
};

static double seconds(const char *text, struct argp_state *state)
{
	char *end;
	double s = strtod(text, &end);

	if (end == text || *end || !(s >= 0.01 && s <= 86400))
		argp_error(state, "--interval '%s': 0.01 to 86400 seconds are allowed", text);
	return s;
}

static error_t parse(int key, char *value, struct argp_state *state)
{
	struct job *job = state->input;

	switch (key) {
	case 'i': job->interval = seconds(value, state); return 0;
	case JSON: job->form = FORM_JSON; return 0;
	case PROMETHEUS: job->form = FORM_PROMETHEUS; return 0;
	case ARGP_KEY_ARG:
		/* What stands behind "--" is a command. */
		if (state->quoted && state->next > state->quoted) {
			job->command = state->argv + state->next - 1;
			state->next = state->argc;
		} else if (job->pid) {
			argp_error(state, "one PID at a time; a command stands behind --");
		} else {
			job->pid = pid_of(value);
		}
		return 0;
	case ARGP_KEY_END:
		if (job->pid && job->command)
			argp_error(state, "a PID or a command, not both");
		return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
}

/* --- the three ways to go on ---------------------------------------------------- */

static void rest(double s)
{
	struct timespec t = {(time_t)s, (long)((s - (double)(time_t)s) * 1e9)};

	nanosleep(&t, NULL);
}

static int stat_all(const struct job *job)
{
	struct rows rows = {0};

	for (;;) {
		rows_look(&rows);
		rows_show(stdout, job->form, job->interval, &rows);
		if (!job->interval)
			break;
		rest(job->interval);
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
		if (row_look(job->pid, &row) != PROCESS_ACTIVE) {
			if (seen)
				return STATUS_YES; /* it has ended */
			say("%d: no process with a large heap; `dphuge check %d` says why", job->pid, job->pid);
			return STATUS_NO;
		}
		seen = true;
		rows_show(stdout, job->form, job->interval, &rows);
		if (!job->interval)
			return STATUS_YES;
		rest(job->interval);
	}
}

/* The fullest picture of the command's own process, when it has ended; standard output is
 * the command's. */
static int stat_command(const struct job *job)
{
	double interval = job->interval ? job->interval : SAMPLE_SECONDS;
	struct setup setup = {0};
	struct program program;
	struct row row, best = {0};
	struct rows rows = {&best, 0, 1, 0};
	struct pollfd end = {.events = POLLIN}; /* the command's */
	int status = program_check(job->command[0], &program);
	pid_t pid;

	if (status)
		die(status, "%s", program.why);
	setup_apply(&setup);
	signal(SIGCHLD, SIG_DFL);
	pid = fork();
	if (pid < 0)
		die(STATUS_CANT_RUN, "fork: %s", strerror(errno));
	if (!pid) {
		execv(program.path, job->command);
		die(STATUS_CANT_RUN, "%s: %s", program.path, strerror(errno));
	}
	end.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (end.fd < 0)
		die(STATUS_CANT_RUN, "pidfd_open: %s", strerror(errno));
	signal(SIGINT, SIG_IGN); /* the command's business */
	signal(SIGQUIT, SIG_IGN);
	do {
		if (row_look(pid, &row) == PROCESS_ACTIVE && row.resident >= best.resident) {
			best = row;
			rows.n = 1;
		}
	} while (!poll(&end, 1, (int)(interval * 1000)));
	if (waitpid(pid, &status, 0) != pid)
		die(STATUS_CANT_RUN, "waitpid: %s", strerror(errno));
	rows_show(stderr, job->form, false, &rows);
	if (!rows.n)
		say("%s ended before it could be looked at, or had no large heap", program.path);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int cmd_stat(int argc, char **argv)
{
	static const struct argp argp = {
	    options,
	    parse,
	    "[PID]\n[--] COMMAND [ARG...]",
	    "Show how much of the large heap of process PID, of all, or of COMMAND while it runs, is in 2 MiB pages.\v"
	    "IN USE counts what threads keep for reuse, FREED is what hasn't gone back to the system yet, "
	    "RETURNED what has, since the start. Of a COMMAND the moment is shown at which most was resident, on "
	    "standard error.\n\n"
	    "exit status: 0; 1 if PID has no large heap; 2 for a wrong argument; COMMAND's, as `dphuge run`.",
	    NULL,
	    NULL,
	    NULL};
	struct job job = {0};

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &job);
	return job.command ? stat_command(&job) : job.pid ? stat_one(&job) : stat_all(&job);
}
