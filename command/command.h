/* SPDX-License-Identifier: MIT */
/* What the parts of the command share. */
#ifndef DPHUGE_COMMAND_H
#define DPHUGE_COMMAND_H

#include "../preload/beacon.h"

#include <argp.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Exit statuses. `run` ends with the command's, or as env(1) and timeout(1) do. */
enum {
	STATUS_YES = 0,
	STATUS_NO = 1,    /* the answer is no; something isn't as it should be */
	STATUS_USAGE = 2, /* a wrong argument */
	STATUS_CANT_PRELOAD = 125,
	STATUS_CANT_RUN = 126,
	STATUS_NOT_FOUND = 127,
};

/* The subcommands; argv[0] is "dphuge NAME". They return an exit status. */
int cmd_run(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_map(int argc, char **argv);

/* --- say.c */

/* One line on standard error: "dphuge NAME: ...". */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the end. */
void die(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
/* A process's number, or the end. */
pid_t pid_of(const char *text);
/* argp's parser of a subcommand that takes one PID, into the pid_t (0 before) at its input. */
error_t parse_pid(int key, char *value, struct argp_state *state);
/* Bytes as people read them: "3.5 GiB". */
const char *human(uint64_t bytes, char text[16]);
/* The first line of a file without its end, or NULL. */
char *line_of(const char *path, char *text, size_t size);

/* --- library.c: the library that belongs to this command */

const char *library_path(void);

/* --- program.c: can a program be preloaded at all? */

struct program {
	char path[PATH_MAX]; /* of the file that is executed */
	char why[PATH_MAX + 160];
};

/* 0, or the status to end with; @why says the reason in words. */
int program_check(const char *name, struct program *program);

/* --- environment.c: what `run` and `stat -- COMMAND` set up */

struct setup {
	const char *threshold, *backend, *promote, *small; /* NULL: as it is */
	bool stats;
};

/* Put it into this process's environment; what isn't right ends it. */
void setup_apply(const struct setup *setup);

/* --- process.c: the library inside another process */

enum process_state {
	PROCESS_ACTIVE,    /* it has a large heap */
	PROCESS_IDLE,      /* the library is there, without a large heap */
	PROCESS_STARTING,  /* it is there and isn't ready yet, or is of another version */
	PROCESS_WITHOUT,   /* it isn't there */
	PROCESS_FORBIDDEN, /* we may not look */
	PROCESS_GONE,
};

struct heap_figures {
	uint64_t live, dirty, purged; /* bytes */
};

struct process {
	pid_t pid;
	char name[32];
	char library[PATH_MAX];
	struct dphuge_beacon beacon;
};

enum process_state process_look(pid_t pid, struct process *process);
bool process_figures(const struct process *process, struct heap_figures *figures);

/* --- vmas.c: what the kernel says of the large heap's mappings */

struct vma {
	uint64_t start, end;
	uint64_t resident, huge; /* bytes; of these in 2 MiB pages */
	bool device;             /* /dev/dphuge */
};

/* Calls @each for each mapping of @process's large heap that isn't a mere reservation,
 * and for the device's elsewhere (DPHUGE_SMALL=huge). False: it can't be read. */
bool vmas_each(const struct process *process, void (*each)(const struct vma *vma, void *arg), void *arg);

#endif
