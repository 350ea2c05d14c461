// SPDX-License-Identifier: MIT
/*
 * Can a program be preloaded? LD_PRELOAD is the dynamic loader's (ld.so(8)): a static
 * program has none, one of another architecture can't take the library, and for one
 * with more rights than its user (setuid, setgid, capabilities) the loader leaves it
 * out.
 */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MAX 4 /* of scripts that run scripts, as in the kernel's search for an interpreter */

/* As execvp(3) looks for it. */
static int find(const char *name, char path[PATH_MAX])
{
	const char *search = getenv("PATH") ?: "/bin:/usr/bin";
	int status = STATUS_NOT_FOUND;
	struct stat st;

	if (strchr(name, '/')) {
		snprintf(path, PATH_MAX, "%s", name);
		if (stat(path, &st))
			return STATUS_NOT_FOUND;
		return !S_ISREG(st.st_mode) || access(path, X_OK) ? STATUS_CANT_RUN : 0;
	}
	for (;;) {
		size_t n = strcspn(search, ":");

		snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, search, n ? "/" : "", name);
		if (!stat(path, &st) && S_ISREG(st.st_mode)) {
			if (!access(path, X_OK))
				return 0;
			status = STATUS_CANT_RUN;
		}
		if (!search[n])
			return status;
		search += n + 1;
	}
}

/* The interpreter of a script; false: it is none. */
static bool script(int fd, char path[PATH_MAX])
{
	char line[PATH_MAX] = "", *start;
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);

	if (n < 2 || line[0] != '#' || line[1] != '!')
		return false;
	line[strcspn(line, "\n")] = 0;
	start = line + 2 + strspn(line + 2, " \t");
	start[strcspn(start, " \t")] = 0;
	snprintf(path, PATH_MAX, "%s", start);
	return *start;
}

static const char *privileged(int fd)
{
	struct stat st;

	if (!fstat(fd, &st)) {
		if (st.st_mode & S_ISUID && st.st_uid != getuid())
			return "setuid";
		if (st.st_mode & S_ISGID && st.st_gid != getgid())
			return "setgid";
	}
	if (getuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return "given capabilities (setcap)";
	return NULL;
}

/* What keeps the loader from taking the library into the program @fd, or NULL. */
static const char *obstacle(int fd)
{
	const char *why = "no ELF program";
	bool loader = false;
	GElf_Ehdr header;
	Elf *elf;
	size_t n;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header)) {
		why = NULL;
		if (gelf_getclass(elf) != ELFCLASS64)
			why = "a 32-bit program";
		else if (header.e_machine != EM_X86_64)
			why = "made for another processor";
		else if (elf_getphdrnum(elf, &n))
			why = "a damaged ELF file";
		for (size_t i = 0; !why && i < n; i++) {
			GElf_Phdr part;

			loader |= gelf_getphdr(elf, (int)i, &part) && part.p_type == PT_INTERP;
		}
		if (!why && !loader)
			why = "statically linked";
	}
	elf_end(elf);
	return why ?: privileged(fd);
}

static int refuse(struct program *program, int status, const char *path, const char *what)
{
	snprintf(program->why, sizeof(program->why), "%.*s: %.150s", PATH_MAX, path, what);
	return status;
}

int program_check(const char *name, struct program *program)
{
	char path[PATH_MAX], words[160];
	int status = find(name, program->path);

	if (status == STATUS_NOT_FOUND)
		return refuse(program, status, name, "no such command");
	if (status)
		return refuse(program, status, program->path, "isn't executable");
	snprintf(path, sizeof(path), "%s", program->path);
	for (int i = 0; i < SCRIPTS_MAX; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		const char *why;

		if (fd < 0) /* it may be executable all the same */
			return errno == ENOENT ? refuse(program, STATUS_NOT_FOUND, path, "no such interpreter") : 0;
		if (script(fd, path)) {
			close(fd);
			continue;
		}
		why = obstacle(fd);
		close(fd);
		if (!why)
			return 0;
		snprintf(words, sizeof(words), "%s, so no library can be preloaded into it", why);
		return refuse(program, STATUS_CANT_PRELOAD, path, words);
	}
	return refuse(program, STATUS_CANT_RUN, path, "too many scripts that run scripts");
}
