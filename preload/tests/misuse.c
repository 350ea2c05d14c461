// SPDX-License-Identifier: MIT
/*
 * A program that frees or resizes a wrong pointer is ended by abort(), after one line
 * that names the pointer and what is wrong with it. With DPHUGE_QUARANTINE, a use after
 * free raises SIGSEGV.
 */
#include "../../tests/tap.h"

#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

/* Of C23; glibc 2.36 does not have them. */
static void (*free_sized)(void *p, size_t size);
static void (*free_aligned_sized)(void *p, size_t align, size_t size);

static char *volatile p;

static void double_free(void)
{
	free(p);
	free(p);
}

static void interior(void)
{
	free(p + 4096);
}

static void unaligned(void)
{
	free(p + 16);
}

static void wild(void)
{
	free((void *)(((uintptr_t)p & ~0x3ffffffful) + (40ul << 30)));
}

/* In the page where the block begins, before its first byte. */
static void before_block(void)
{
	free((void *)((uintptr_t)p & ~4095ul));
}

static void wrong_size(void)
{
	free_sized(p, (1 << 20) - 1);
}

static void wrong_alignment(void)
{
	free_aligned_sized(p, 1 << 30, 1 << 20);
}

static void double_realloc(void)
{
	free(p);
	p = realloc(p, 500000);
}

static void usable_of_freed(void)
{
	free(p);
	(void)malloc_usable_size(p);
}

/* In @format, %P stands for the block and %p for the pointer @offset bytes away from it. */
static void expand(char *out, size_t size, const char *format, ptrdiff_t offset)
{
	size_t n = 0;

	for (; *format && n < size - 32; format++) {
		if (*format != '%')
			out[n++] = *format;
		else if (*++format == 'p')
			n += (size_t)sprintf(out + n, "%p", (void *)(p + offset));
		else
			n += (size_t)sprintf(out + n, "%p", (void *)p);
	}
	out[n] = 0;
}

/* With a quarantine. This is a program of its own, as the setting is read at start. */
static void use_after_free(void)
{
	char *q = malloc(1 << 20), *again;

	q[5] = 1;
	free(q);
	again = malloc(1 << 20);
	if (again == q)
		_exit(1);
	q[5] = 2;
	_exit(0);
}

static void quarantined(char *self)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		setenv("DPHUGE_QUARANTINE", "2M", 1);
		execl(self, self, "use-after-free", NULL);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV,
	   "DPHUGE_QUARANTINE: use after free raises SIGSEGV (0x%x)", status);
	pid = fork();
	if (!pid) {
		setenv("DPHUGE_QUARANTINE", "2M", 1);
		execl(self, self, "churn", NULL);
		_exit(2);
	}
	waitpid(pid, &status, 0);
	ok(WIFEXITED(status) && !WEXITSTATUS(status), "addresses that have left the quarantine are used again (0x%x)",
	   status);
}

/* This takes more addresses than there are, unless they are used again. */
static void churn(void)
{
	for (unsigned int i = 0; i < 3000; i++) {
		char *q = malloc((1 << 20) + i * 100);

		q[0] = q[1 << 20] = 1;
		q = realloc(q, 3 << 20);
		q[3000000] = 1;
		free(q);
	}
	_exit(mallinfo2().arena > (1 << 28));
}

static void expect(const char *what, void (*fn)(void), const char *format, ptrdiff_t offset)
{
	char want[200], got[1000] = "";
	int fd[2], status;
	size_t n = 0;
	ssize_t more;
	pid_t pid;

	expand(want, sizeof(want), format, offset);
	if (pipe(fd))
		abort();
	pid = fork();
	if (!pid) {
		dup2(fd[1], 2);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((more = read(fd[0], got + n, sizeof(got) - 1 - n)) > 0)
		n += (size_t)more;
	close(fd[0]);
	waitpid(pid, &status, 0);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && !strcmp(got, want), "%s: %.*s", what,
	   (int)strcspn(got, "\n"), got);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "use-after-free"))
		use_after_free();
	if (argc > 1)
		churn();
#define TWICE "double free, or a pointer into freed memory\n"
#define INSIDE "inside the block of 1048576 bytes at %P\n"
	*(void **)&free_sized = dlsym(RTLD_DEFAULT, "free_sized");
	*(void **)&free_aligned_sized = dlsym(RTLD_DEFAULT, "free_aligned_sized");
	p = malloc(1 << 20);
	expect("double free", double_free, "dphuge: free(%p): " TWICE, 0);
	expect("realloc of a freed block", double_realloc, "dphuge: realloc(%p): " TWICE, 0);
	expect("usable size of a freed block", usable_of_freed, "dphuge: malloc_usable_size(%p): " TWICE, 0);
	expect("interior pointer", interior, "dphuge: free(%p): " INSIDE, 4096);
	expect("unaligned pointer", unaligned, "dphuge: free(%p): " INSIDE, 16);
	expect("the wrong size", wrong_size, "dphuge: free_sized(%p, 1048575): the block has 1048576 bytes\n", 0);
	expect("the wrong alignment", wrong_alignment,
	       "dphuge: free_aligned_sized(%p, 1073741824, 1048576): the block isn't aligned so\n", 0);
	expect("never allocated", wild, "dphuge: free(%p): nothing is allocated there\n",
	       (char *)(((uintptr_t)p & ~0x3ffffffful) + (40ul << 30)) - p);
	{
		ptrdiff_t before = (char *)((uintptr_t)p & ~4095ul) - p;
		char text[100];

		snprintf(text, sizeof(text), "dphuge: free(%%p): %td bytes before the block at %%P\n", -before);
		expect("before the block", before_block, text, before);
	}
	free_sized(p, 1 << 20);
	p = aligned_alloc(1 << 21, 3 << 20);
	free_aligned_sized(p, 1 << 21, 3 << 20);
	ok(true, "free_sized and free_aligned_sized accept the right size and alignment");
	quarantined(argv[0]);
	return tap_done();
}
