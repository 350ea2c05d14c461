// SPDX-License-Identifier: MIT
/*
 * The library inside another process: /proc/PID/maps says where its file is mapped, the
 * file's symbols where in it the beacon lies (preload/beacon.h), and
 * process_vm_readv(2) reads it. Who may trace a process may do that; nobody else.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static bool read_memory(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)(uintptr_t)from, size};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* The value of the dynamic symbol @name, or 0. */
static uint64_t symbol(const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t value = 0;
	Elf_Scn *section = NULL;
	Elf *elf;

	if (fd < 0)
		return 0;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	while (elf && !value && (section = elf_nextscn(elf, section))) {
		Elf_Data *data;
		GElf_Shdr header;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM || !header.sh_entsize ||
		    !(data = elf_getdata(section, NULL)))
			continue;
		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
			const char *is;
			GElf_Sym sym;

			if (gelf_getsym(data, (int)i, &sym) && (is = elf_strptr(elf, header.sh_link, sym.st_name)) &&
			    !strcmp(is, name)) {
				value = sym.st_value;
				break;
			}
		}
	}
	elf_end(elf);
	close(fd);
	return value;
}

/* Where the file called libdphuge.so is mapped, or 0; PROCESS_* into @state. */
static uint64_t find_library(struct process *process, enum process_state *state)
{
	char path[64], line[PATH_MAX + 128];
	uint64_t start, offset, base = 0;
	FILE *maps;

	*state = PROCESS_WITHOUT;
	snprintf(path, sizeof(path), "/proc/%d/maps", process->pid);
	maps = fopen(path, "re");
	if (!maps) {
		*state = errno == ENOENT ? PROCESS_GONE : PROCESS_FORBIDDEN;
		return 0;
	}
	errno = 0;
	while (!base && fgets(line, sizeof(line), maps)) {
		char *file = strchr(line, '/'), *name = file ? strrchr(file, '/') : NULL;

		if (name && !strncmp(name, "/libdphuge.so", 13) &&
		    sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64, &start, &offset) == 2 && !offset) {
			file[strcspn(file, "\n")] = 0;
			snprintf(process->library, sizeof(process->library), "%s", file);
			base = start;
		}
	}
	if (ferror(maps))
		*state = errno == ESRCH ? PROCESS_GONE : PROCESS_FORBIDDEN;
	fclose(maps);
	return base;
}

enum process_state process_look(pid_t pid, struct process *process)
{
	struct dphuge_beacon *b = &process->beacon;
	char path[PATH_MAX + 64];
	enum process_state state;
	uint64_t base, value, at;

	*process = (struct process){.pid = pid};
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (!line_of(path, process->name, sizeof(process->name)))
		return PROCESS_GONE;
	base = find_library(process, &state);
	if (!base)
		return state;
	/* As that process sees its files, which may be a container's. */
	snprintf(path, sizeof(path), "/proc/%d/root%s", pid, process->library);
	value = symbol(path, DPHUGE_BEACON_SYMBOL);
	if (!value)
		return access(path, R_OK) ? PROCESS_FORBIDDEN : PROCESS_UNKNOWN;
	if (!read_memory(pid, base + value, &at, sizeof(at)))
		return errno == ESRCH ? PROCESS_GONE : PROCESS_FORBIDDEN;
	if (!at) /* not relocated yet */
		return PROCESS_STARTING;
	if (!read_memory(pid, at, b, sizeof(*b)))
		return PROCESS_UNKNOWN;
	if (!b->magic[0])
		return PROCESS_STARTING;
	if (memcmp(b->magic, DPHUGE_BEACON_MAGIC, sizeof(b->magic)) || b->size < sizeof(*b))
		return PROCESS_UNKNOWN;
	b->version[sizeof(b->version) - 1] = 0;
	b->backend[sizeof(b->backend) - 1] = 0;
	b->no_backend[sizeof(b->no_backend) - 1] = 0;
	return !b->ready ? PROCESS_STARTING : *b->backend ? PROCESS_ACTIVE : PROCESS_IDLE;
}

#define ARENAS_READ_MAX 4096 /* a damaged process shan't keep us busy */

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
