// SPDX-License-Identifier: MIT
/*
 * The library inside another process. /proc/PID/maps says where its data are mapped, and
 * process_vm_readv(2) reads its beacon there (preload/beacon.h). Only those who may trace
 * the process can do that. When root looks, the process may belong to anybody: nothing
 * that is read from it is trusted, and no file that it names is parsed.
 */
#include "process.h"
#include "line.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE_BYTES 4096u
#define DATA_MAX (16u << 20) /* of the library's data; it has a tenth of a MiB */

static bool read_memory(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* Read the beacon if it lies in [from, to) of the process; it begins at a page. */
static bool find_beacon(struct process *process, uint64_t from, uint64_t to)
{
	struct dphuge_beacon *b = &process->beacon;

	for (; from + PAGE_BYTES <= to; from += PAGE_BYTES)
		if (read_memory(process->pid, from, b->magic, sizeof(b->magic)) &&
		    !memcmp(b->magic, DPHUGE_BEACON_MAGIC, sizeof(b->magic)))
			return read_memory(process->pid, from, b, sizeof(*b)) && b->size >= sizeof(*b);
	return false;
}

/* A stranger may have chosen this text: leave only what is safe on a terminal and in the
 * output for Prometheus. */
static void make_plain(char *text, size_t size)
{
	text[size - 1] = 0;
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

enum process_state process_look(pid_t pid, struct process *process)
{
	struct dphuge_beacon *b = &process->beacon;
	char path[64], line[PATH_MAX + 128], rights[8];
	bool there = false, found = false, readable = true;
	uint64_t from, to;
	FILE *maps;

	*process = (struct process){.pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!line_first(path, process->name, sizeof(process->name)))
		return PROCESS_GONE;
	make_plain(process->name, sizeof(process->name));
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!maps)
		return errno == ENOENT ? PROCESS_GONE : PROCESS_FORBIDDEN;
	errno = 0;
	while (!found && fgets(line, sizeof(line), maps)) {
		char *file = strchr(line, '/'), *name = file ? strrchr(file, '/') : NULL;

		if (!name || strncmp(name, "/libdphuge.so", 13) ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, rights) != 3)
			continue;
		file[strcspn(file, "\n")] = 0;
		snprintf(process->library, sizeof(process->library), "%s", file);
		there = true;
		if (rights[0] != 'r' || rights[2] != '-') /* its code, not its data */
			continue;
		readable = read_memory(pid, from, line, 1) || errno != EPERM;
		found = readable && to - from <= DATA_MAX && find_beacon(process, from, to);
	}
	if (ferror(maps) && !there)
		readable = errno == ESRCH;
	fclose(maps);
	make_plain(process->library, sizeof(process->library));
	if (!readable)
		return PROCESS_FORBIDDEN;
	if (!there)
		return access(path, F_OK) ? PROCESS_GONE : PROCESS_WITHOUT;
	make_plain(b->version, sizeof(b->version));
	make_plain(b->backend, sizeof(b->backend));
	make_plain(b->no_backend, sizeof(b->no_backend));
	return !found || !b->ready ? PROCESS_STARTING : *b->backend ? PROCESS_ACTIVE : PROCESS_IDLE;
}

#define ARENAS_READ_MAX 4096 /* so that a damaged process does not keep this command busy */

bool process_figures(const struct process *process, struct heap_figures *figures)
{
	const struct dphuge_beacon *b = &process->beacon;

	*figures = (struct heap_figures){0};
	for (uint32_t i = 0; i < b->arenas && i < ARENAS_READ_MAX; i++) {
		uint64_t arena = b->arena + (uint64_t)i * b->arena_size, live, dirty, purged;

		if (!read_memory(process->pid, arena + b->live, &live, sizeof(live)) ||
		    !read_memory(process->pid, arena + b->dirty, &dirty, sizeof(dirty)) ||
		    !read_memory(process->pid, arena + b->purged, &purged, sizeof(purged)))
			return false;
		figures->live += live;
		figures->dirty += dirty;
		figures->purged += purged;
	}
	return true;
}
