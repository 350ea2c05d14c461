// SPDX-License-Identifier: MIT
/*
 * Programs that do what is hard for a malloc: they forbid system calls, fork in
 * unusual ways, allocate while they end. hostile.py runs them by their names. Each
 * prints "right" if all of its large blocks were as they must be to the end.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1ul << 20)

extern char **environ;

/* Blocks of all kinds: new, grown, zeroed, freed. */
static bool works(void)
{
	bool good = true;
	char *p[40];

	for (int i = 0; i < 40; i++) {
		size_t n = 200000ul * (unsigned int)(i + 1);

		p[i] = i % 2 ? malloc(n) : calloc(1, n);
		if (!p[i] || (i % 2 == 0 && (p[i][0] || p[i][n - 1])))
			return false;
		memset(p[i], i + 1, n);
	}
	for (int i = 0; i < 40; i += 3) {
		p[i] = realloc(p[i], 400000ul * (unsigned int)(i + 1));
		if (!p[i])
			return false;
	}
	for (int i = 0; i < 40; i++) {
		size_t n = 200000ul * (unsigned int)(i + 1);

		for (size_t at = 0; at < n; at += 4000)
			good &= p[i][at] == (char)(i + 1);
		free(p[i]);
	}
	p[0] = malloc(80 * MIB);
	if (!p[0])
		return false;
	memset(p[0], 1, 80 * MIB);
	p[0] = realloc(p[0], 120 * MIB);
	good &= p[0] && p[0][80 * MIB - 1] == 1;
	free(p[0]);
	return good;
}

static void say(bool good)
{
	(void)!write(STDOUT_FILENO, good ? "right\n" : "wrong\n", 6);
}

static void plain(void)
{
	say(works());
}

static void in_chroot(void)
{
	char *before = malloc(MIB);

	memset(before, 1, MIB);
	if (mkdtemp(strcpy(before + 100, "/tmp/hostile.XXXXXX")) && !chroot(before + 100) && !chdir("/"))
		say(works() && access("/dev", F_OK));
	free(before);
}

static void closed(void)
{
	syscall(SYS_close_range, 3, ~0u, 0);
	say(works());
}

/* From now on seccomp answers the @n system calls @calls with @how. */
static void forbid(const int *calls, unsigned int n, unsigned int how)
{
	struct sock_filter filter[40] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.len = 1, .filter = filter};

	for (unsigned int i = 0; i < n; i++) {
		filter[program.len++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)calls[i], 0, 1);
		filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, how);
	}
	filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		exit(3);
}

static void no_open(void)
{
	forbid((int[]){SYS_open, SYS_openat, SYS_ioctl}, 3, SECCOMP_RET_ERRNO | EPERM);
	say(works());
}

static void no_advice(void)
{
	forbid((int[]){SYS_open, SYS_openat, SYS_ioctl, SYS_madvise, SYS_mremap, SYS_clone, SYS_clone3}, 7,
	       SECCOMP_RET_ERRNO | EPERM);
	say(works());
}

/*
 * Blocks of up to 64 MiB come and go. Once each has been there, no system call is made
 * for them any more, or else the kernel kills the program.
 */
static void steady(void)
{
	static const int calls[] = {SYS_mmap,     SYS_munmap, SYS_mremap, SYS_madvise,
				    SYS_mprotect, SYS_futex,  SYS_clone,  SYS_clone3};
	char *p[6] = {NULL};

	for (unsigned int i = 0; i < 3000; i++) {
		size_t n = (i % 6 == 5 ? 32 : 0) * MIB + (128ul << 10) * (1 + i % 6 * 9);

		if (i == 1000)
			forbid(calls, sizeof(calls) / sizeof(*calls), SECCOMP_RET_KILL_PROCESS);
		free(p[i % 6]);
		p[i % 6] = malloc(n);
		p[i % 6][n - 1] = 1;
	}
	say(true);
	_exit(0);
}

static void run_self(void)
{
	execl("/proc/self/exe", "hostile", "plain", NULL);
	_exit(4);
}

static void by_vfork(void)
{
	int status;
	pid_t pid = vfork();

	if (!pid)
		run_self();
	waitpid(pid, &status, 0);
	say(!status && works());
}

static void by_spawn(void)
{
	char *argv[] = {"hostile", "plain", NULL};
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ))
		exit(3);
	waitpid(pid, &status, 0);
	say(!status && works());
}

/* A fork for which no handler of pthread_atfork() runs. */
static void by_clone(void)
{
	char *before = malloc(3 * MIB);
	int status;
	pid_t pid;

	memset(before, 1, 3 * MIB);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!pid) {
		bool good = works() && before[3 * MIB - 1] == 1;

		free(before);
		say(good);
		_exit(!good);
	}
	memset(before, 2, 3 * MIB);
	waitpid(pid, &status, 0);
	free(before);
	say(!status && works());
}

static pthread_key_t keys[40];
static bool destructors_good = true;

static void destructor(void *p)
{
	static __thread unsigned int rounds;
	char *q = malloc(3 * MIB);

	destructors_good &= q && ((char *)p)[MIB] == 5;
	free(p);
	free(q);
	if (++rounds < 60) { /* again, as long as libc lets us */
		q = malloc(2 * MIB);
		q[MIB] = 5;
		pthread_setspecific(keys[rounds % 40], q);
	}
}

static void *with_keys(void *unused)
{
	(void)unused;
	for (int i = 0; i < 40; i++) {
		char *p = malloc(2 * MIB);

		p[MIB] = 5;
		pthread_setspecific(keys[i], p);
	}
	return NULL;
}

static void thread_ends(void)
{
	for (int i = 0; i < 40; i++)
		pthread_key_create(&keys[i], destructor);
	for (int i = 0; i < 20; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, with_keys, NULL))
			exit(3);
		pthread_join(t, NULL);
	}
	say(destructors_good && works());
}

static bool not_cancelled;

/* The cancellation waits for the first cancellation point, which no call of malloc's may be. */
static void *with_cancellation(void *unused)
{
	(void)unused;
	pthread_cancel(pthread_self());
	for (size_t n = 1; n <= 300; n *= 2) {
		char *p = calloc(n, MIB);

		p = realloc(p, 2 * n * MIB);
		free(p);
	}
	malloc_trim(0);
	not_cancelled = true;
	pthread_testcancel();
	return NULL;
}

static void cancelled(void)
{
	void *result = NULL;
	pthread_t t;

	if (pthread_create(&t, NULL, with_cancellation, NULL))
		exit(3);
	pthread_join(t, &result);
	say(not_cancelled && result == PTHREAD_CANCELED && works());
}

static char *kept;

static void at_exit(void)
{
	free(kept);
	say(works());
}

__attribute__((destructor)) static void last(void)
{
	if (kept)
		say(works());
}

static void ends(void)
{
	kept = malloc(5 * MIB);
	atexit(at_exit);
}

static volatile sig_atomic_t ticks;

static void tick(int sig)
{
	(void)sig;
	ticks++;
}

static void signals(void)
{
	struct itimerval every = {{0, 500}, {0, 500}};
	bool good = true;

	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 20; i++)
		good &= works();
	say(good && ticks);
}

#ifndef STATIC
/* A library that allocates, loaded so that it would prefer libc's malloc. */
static void deepbind(void)
{
	void *lib = dlopen(getenv("HOSTILE_LIBRARY"), RTLD_NOW | RTLD_DEEPBIND);
	void *(*get)(size_t) = NULL;
	bool good = true;

	if (lib)
		*(void **)&get = dlsym(lib, "hostile_get");
	if (!get) {
		fprintf(stderr, "hostile: %s\n", dlerror());
		exit(3);
	}
	for (size_t n = 10; n < 8 * MIB; n *= 3) {
		char *p = get(n);

		good &= p != NULL;
		p = realloc(p, 2 * n);
		good &= p != NULL;
		free(p);
	}
	say(good && works());
}

#endif

static void crash(void)
{
	char *p = malloc(10 * MIB);

	memset(p, 'x', 10 * MIB);
	strcpy(p + 7 * MIB, "in the core");
	kept = p + 7 * MIB;
	abort();
}

static const struct {
	const char *name;
	void (*run)(void);
} programs[] = {
    {"plain", plain},         {"chroot", in_chroot},    {"closed", closed},  {"no-open", no_open},
    {"no-advice", no_advice}, {"steady", steady},       {"vfork", by_vfork}, {"spawn", by_spawn},
    {"clone", by_clone},      {"threads", thread_ends}, {"exit", ends},      {"signals", signals},
    {"cancel", cancelled},
#ifndef STATIC
    {"deepbind", deepbind},
#endif

    {"crash", crash},
};

int main(int argc, char **argv)
{
	for (unsigned int i = 0; i < sizeof(programs) / sizeof(*programs); i++)
		if (argc > 1 && !strcmp(argv[1], programs[i].name)) {
			programs[i].run();
			return 0;
		}
	return 2;
}
