/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver's background thread as /proc shows it.
 */
#ifndef DPH_TEST_THREAD_H
#define DPH_TEST_THREAD_H

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#include <dirent.h>

/* Its PID: the one kernel thread that is called dphuge. */
static inline pid_t thread_pid(void)
{
	static pid_t found;
	struct dirent *d;
	char path[300], comm[32];
	DIR *proc;
	FILE *f;

	if (found)
		return found;
	must(proc = opendir("/proc"));
	while (!found && (d = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", d->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%31s", comm) == 1 && !strcmp(comm, "dphuge"))
			found = atoi(d->d_name);
		fclose(f);
	}
	closedir(proc);
	must(found);
	return found;
}

/* A line of /proc/PID/status or /proc/PID/sched that begins with @field, behind the colon. */
static inline void thread_field(const char *file, const char *field, char *value, size_t size)
{
	char path[64], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", thread_pid(), file);
	f = fopen(path, "r");
	must(f);
	*value = 0;
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, strlen(field)) && strchr(line, ':'))
			snprintf(value, size, "%.*s", (int)strcspn(strchr(line, ':') + 1, "\n"),
				 strchr(line, ':') + 1 + strspn(strchr(line, ':') + 1, " \t"));
	value[strcspn(value, "\n")] = 0;
	fclose(f);
	if (!*value)
		bail("no %s in %s", field, path);
}

/* Nanoseconds that it has run; with -icount, instructions. */
static inline unsigned long thread_ran_ns(void)
{
	unsigned long ms, ns;
	char value[64];

	thread_field("sched", "se.sum_exec_runtime", value, sizeof(value));
	must(sscanf(value, "%lu.%6lu", &ms, &ns) == 2);
	return ms * 1000000 + ns;
}

/* Hasn't it run for so long? */
static inline bool thread_idle_for(unsigned int us)
{
	unsigned long ran = thread_ran_ns();

	usleep(us);
	return thread_ran_ns() == ran;
}

#endif /* DPH_TEST_THREAD_H */
