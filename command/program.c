// SPDX-License-Identifier: MIT
/*
 * Whether a library can be preloaded into a program. It is the dynamic loader (ld.so(8))
 * that reads LD_PRELOAD: a static program has no loader, a program for another processor
 * cannot load this library, and in a program with more rights than its user has (setuid,
 * setgid, capabilities) the loader ignores the variable.
 */
#include "program.h"
#include "status.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MAX 4 /* the kernel, too, follows so many interpreters that are scripts */

/* Find a program as execvp(3) does. */
static int find_program(const char *name, char path[PATH_MAX])
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

/* Put the interpreter of the script @fd into @path. False if @fd is not a script. */
static bool read_interpreter(int fd, char path[PATH_MAX])
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

/* In which way the program @fd has more rights than its user, or NULL. */
static const char *privilege_of(int fd)
{
	struct stat st;

	if (!fstat(fd, &st)) {
		if (st.st_mode & S_ISUID && st.st_uid != getuid())
			return "is setuid";
		if (st.st_mode & S_ISGID && st.st_gid != getgid())
			return "is setgid";
	}
	if (getuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return "has capabilities of its own (setcap)";
	return NULL;
}

/* What keeps the loader from loading the library into the program @fd, or NULL. */
static const char *obstacle_in(int fd)
{
	const char *why = "is not an ELF program";
	bool loader = false;
	GElf_Ehdr header;
	Elf *elf;
	size_t n;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header)) {
		why = NULL;
		if (gelf_getclass(elf) != ELFCLASS64)
			why = "is a 32-bit program";
		else if (header.e_machine != EM_X86_64)
			why = "is made for another processor";
		else if (elf_getphdrnum(elf, &n))
			why = "is a damaged ELF file";
		for (size_t i = 0; !why && i < n; i++) {
			GElf_Phdr part;

			loader |= gelf_getphdr(elf, (int)i, &part) && part.p_type == PT_INTERP;
		}
		if (!why && !loader)
			why = "is statically linked";
	}
	elf_end(elf);
	return why ?: privilege_of(fd);
}

static int refuse_program(struct program *program, int status, const char *path, const char *what)
{
	snprintf(program->why, sizeof(program->why), "%.*s: %.150s", PATH_MAX, path, what);
	return status;
}

int program_check(const char *name, struct program *program)
{
	char path[PATH_MAX], words[PROGRAM_REASON_BYTES];
	int status = find_program(name, program->path);

	if (status == STATUS_NOT_FOUND)
		return refuse_program(program, status, name, "this command was not found");
	if (status)
		return refuse_program(program, status, program->path, "this is not an executable file");
	snprintf(path, sizeof(path), "%s", program->path);
	for (int i = 0; i < SCRIPTS_MAX; i++) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		const char *why;

		if (fd < 0) /* a file that cannot be read may still be executed */
			return errno == ENOENT ? refuse_program(program, STATUS_NOT_FOUND, path,
								"this interpreter of a script does not exist")
					       : 0;
		if (read_interpreter(fd, path)) {
			close(fd);
			continue;
		}
		why = obstacle_in(fd);
		close(fd);
		if (!why)
			return 0;
		snprintf(words, sizeof(words), "this program %s, so no library can be preloaded into it", why);
		return refuse_program(program, STATUS_CANT_PRELOAD, path, words);
	}
	return refuse_program(program, STATUS_CANT_RUN, path,
			      "too many scripts in a row that are interpreters of scripts");
}
