// SPDX-License-Identifier: GPL-2.0
/*
 * Futexes that are not private to a process (FUTEX_WAIT without FUTEX_PRIVATE_FLAG) work in
 * the driver's memory as in other memory of malloc. They have their name by the page, so it
 * must have one that no other page has, keeps it whatever becomes of its block, and that a
 * relative's page doesn't have.
 *
 * Usage: futexes [--anonymous]
 */
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define LEN (4 * BLOCK)

static bool ordinary; /* the control: the kernel's own memory */

static char *memory(int percent)
{
	return ordinary ? anonymous(LEN) : map(LEN, percent);
}

/* The futex of page @i; what is at the page's start is written to. */
static uint32_t *futex_in(char *p, unsigned long i)
{
	return (uint32_t *)(p + i * PAGE + 64);
}

static long wake(uint32_t *at)
{
	return syscall(SYS_futex, at, FUTEX_WAKE, 1, NULL, NULL, 0);
}

struct waiter {
	uint32_t *at;
	pthread_t thread;
	atomic_int tid;
	atomic_bool ended;
	int err;
};

static void *wait_there(void *arg)
{
	struct waiter *w = arg;

	atomic_store(&w->tid, syscall(SYS_gettid));
	w->err = syscall(SYS_futex, w->at, FUTEX_WAIT, 0, NULL, NULL, 0) ? errno : 0;
	atomic_store(&w->ended, true);
	return NULL;
}

/* Does the task @tid sleep in a function of futexes'? */
static bool waits(pid_t tid)
{
	char path[64], where[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/wchan", tid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (fscanf(f, "%63s", where) != 1)
		where[0] = 0;
	fclose(f);
	return strstr(where, "futex");
}

/* A thread that waits at @at. False: it could not. */
static bool start_waiter(struct waiter *w, uint32_t *at)
{
	memset(w, 0, sizeof(*w));
	w->at = at;
	must(!pthread_create(&w->thread, NULL, wait_there, w));
	must(becomes(atomic_load(&w->ended) || (atomic_load(&w->tid) && waits(atomic_load(&w->tid)))));
	return !atomic_load(&w->ended);
}

/* It is woken by one call, and nobody else is. */
static bool is_woken(struct waiter *w)
{
	bool one = wake(w->at) == 1;

	if (!becomes(atomic_load(&w->ended) || (!one && wake(w->at)))) {
		pthread_cancel(w->thread); /* it sleeps for ever */
		pthread_join(w->thread, NULL);
		return false;
	}
	must(!pthread_join(w->thread, NULL));
	return one && !w->err && !wake(w->at);
}

static bool wakes_at(uint32_t *at)
{
	struct waiter w;

	if (!start_waiter(&w, at)) {
		pthread_join(w.thread, NULL);
		printf("# FUTEX_WAIT: %s\n", strerror(w.err));
		return false;
	}
	return is_woken(&w);
}

static void touch(char *p, unsigned long from, unsigned long to)
{
	for (unsigned long i = from; i < to; i++)
		p[i * PAGE] = 1;
}

/* The page has been copied on write after a fork. */
static void make_single(char *p, unsigned long i)
{
	pid_t pid = sleeping_child();

	touch(p, i, i + 1);
	kill_child(pid);
}

static void kinds(void)
{
	char *huge = memory(0), *reserved = memory(100), *single = memory(0);
	struct waiter a, b;

	touch(huge, 0, 1);
	ok(ordinary || all_huge(huge, BLOCK), "a block is a 2 MiB page");
	ok(wakes_at(futex_in(huge, 7)), "a waiter in a 2 MiB page is woken");
	touch(reserved, 0, 3);
	ok(wakes_at(futex_in(reserved, 1)), "and one in a page of a reservation");
	ok(wakes_at(futex_in(reserved, 9)), "and one in a page that nobody has touched");
	touch(single, 0, 1);
	make_single(single, 3);
	ok(wakes_at(futex_in(single, 3)), "and one in a single page");
	ok(wakes_at(futex_in(single, 4)), "and one in its neighbour, which was shared");

	touch(reserved, BLOCK_PAGES, BLOCK_PAGES + 2);
	must(start_waiter(&a, futex_in(reserved, 0)));
	must(start_waiter(&b, futex_in(reserved, BLOCK_PAGES)));
	ok(!wake(futex_in(reserved, 1)) && !wake(futex_in(reserved, BLOCK_PAGES + 1)) && !wake(futex_in(huge, 0)),
	   "no other page has the same name");
	ok(is_woken(&b) && is_woken(&a), "nor another reservation");
	munmap(huge, LEN);
	munmap(reserved, LEN);
	munmap(single, LEN);
}

/* Whatever becomes of the block: who waits is found. */
static void changes(void)
{
	char *p = memory(50), *place;
	struct waiter w[4];
	pid_t pid;

	touch(p, 0, 1);
	must(start_waiter(&w[0], futex_in(p, 0)));
	touch(p, 0, BLOCK_PAGES);
	ok(ordinary || all_huge(p, BLOCK), "a reservation is promoted");
	ok(is_woken(&w[0]), "who waited before is woken");

	must(start_waiter(&w[0], futex_in(p, 5)));
	must(start_waiter(&w[1], futex_in(p, 6)));
	pid = sleeping_child();
	touch(p, 5, 6); /* copied, but not its neighbour */
	ok(is_woken(&w[0]), "a page is copied after a fork: who waited before is woken");
	kill_child(pid);
	ok(ordinary || becomes(all_huge(p, BLOCK)), "it is folded back");
	ok(is_woken(&w[1]), "who waited since before the fork is woken");

	must(start_waiter(&w[0], futex_in(p, 5)));
	must(start_waiter(&w[1], futex_in(p, BLOCK_PAGES + 1)));
	must(!madvise(p + 16 * PAGE, 2 * PAGE, ordinary ? MADV_DONTNEED : MADV_REMOVE));
	if (!ordinary)
		drop_caches();
	ok(is_woken(&w[0]), "some of the block is discarded, and it is broken up: who waits in the rest is woken");
	touch(p, 2 * BLOCK_PAGES, 2 * BLOCK_PAGES + 1);
	must(start_waiter(&w[2], futex_in(p, 2 * BLOCK_PAGES)));
	drop_caches();
	ok(is_woken(&w[1]) && is_woken(&w[2]), "a reservation is given back: who waits in it is woken");

	must(start_waiter(&w[0], futex_in(p, 5)));
	place = aligned_place(LEN);
	must(mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, place) == place);
	w[0].at = futex_in(place, 5);
	/* Memory of the kernel's own has its futexes' names by the address. */
	ok(ordinary || is_woken(&w[0]), "the mapping is moved: who waits is woken at its new address");
	munmap(place, LEN);
}

/* Wait in the calling process, which ends with the result; 3: nobody has come for long. */
static void __attribute__((noreturn)) wait_and_exit(uint32_t *at)
{
	struct timespec patience = { .tv_sec = PATIENCE_MS / 1000 };
	long r = syscall(SYS_futex, at, FUTEX_WAIT, 0, &patience, NULL, 0);

	_exit(!r ? 0 : errno == ETIMEDOUT ? 3 : 4);
}

struct two {
	char *p;
	uint32_t *at;
};

/* For in_child(): here is nobody but ourselves, and we are found by ourselves. */
static int alone_here(void *arg)
{
	struct two *t = arg;

	if (wake(t->at))
		return 1;
	return !wakes_at(t->at) || wake(t->at);
}

static bool watched(char *p)
{
	return !ordinary && vma_flag(p, LEN, " nr");
}

/*
 * What a process has left to its child is the child's alone: with the name that it has given its
 * pages, and nobody else's. Its own children may get the numbers that dead ones had.
 */
static int heir(char *p)
{
	struct two t = { .p = p, .at = futex_in(p, 3) };
	bool good = becomes(!watched(p)); /* no write since the fork */
	struct waiter w;
	pid_t pid;

	must(start_waiter(&w, t.at));
	good &= in_child(alone_here, &t);
	pid = sleeping_child(); /* has the first number */
	good &= in_child(alone_here, &t);
	kill_child(pid);
	good &= is_woken(&w);
	pid = fork_now();
	if (!pid)
		wait_and_exit(t.at);
	must(becomes(waits(pid)));
	good &= !wake(t.at);
	kill_child(pid);
	touch(p, 0, BLOCK_PAGES);
	return !good || alone_here(&t);
}

static int dies_early(void *arg)
{
	int *percent = arg;
	char *p = memory(*percent), result;
	pid_t pid;
	int fd[2];

	touch(p, 0, BLOCK_PAGES + 9);
	must(!pipe(fd));
	pid = fork_now();
	if (!pid) {
		pid = fork_now();
		if (pid)
			_exit(0);
		must(write(fd[1], "", 1) == 1);
		_exit(write(fd[1], heir(p) ? "n" : "y", 1) != 1);
	}
	close(fd[1]);
	wait_for(pid);
	must(read(fd[0], &result, 1) == 1); /* the heir has its number */
	munmap(p, LEN);
	return read(fd[0], &result, 1) != 1 || result != 'y';
}

static void relatives(int percent, const char *what)
{
	char *p = memory(percent);
	struct two t = { .p = p, .at = futex_in(p, 3) };
	struct waiter w;
	pid_t pid;

	touch(p, 0, BLOCK_PAGES + 9);
	must(start_waiter(&w, t.at));
	ok(in_child(alone_here, &t), "%s: a child doesn't wake who waits in its parent", what);
	for (unsigned int n = 0; n < 3; n++) {
		pid = fork_now();
		if (!pid)
			wait_and_exit(t.at);
		must(becomes(waits(pid)));
		if (!n)
			ok(is_woken(&w), "%s: the parent wakes its own", what);
		ok(!wake(t.at), "%s: and not who waits in child %u", what, n + 1);
		kill_child(pid);
	}
	munmap(p, LEN);
	ok(in_child(dies_early, &percent), "%s: an heir finds who waits in its own pages, and not who waits in its child's", what);
}

/* A page that a pipe has at the fork stays the parent's; and one that two VMAs show has one name. */
static void held_or_seen_twice(void)
{
	char *p = memory(0), *view;
	struct two t = { .p = p, .at = futex_in(p, 3) };
	struct iovec part = { .iov_base = p + 3 * PAGE, .iov_len = PAGE };
	struct waiter w;
	int fd[2];

	touch(p, 0, BLOCK_PAGES);
	must(!pipe(fd));
	must(vmsplice(fd[1], &part, 1, 0) == (ssize_t)PAGE);
	must(start_waiter(&w, t.at));
	ok(in_child(alone_here, &t), "a pipe has a page at the fork: the child doesn't wake who waits in the parent's");
	ok(is_woken(&w), "and the parent does");
	close(fd[0]);
	close(fd[1]);
	if (ordinary)
		return;
	view = mremap(p, 0, LEN, MREMAP_MAYMOVE);
	must(view != MAP_FAILED);
	must(start_waiter(&w, t.at));
	ok(wake(futex_in(view, 3)) == 1, "who waits in one view is woken through the other");
	must(!pthread_join(w.thread, NULL));
	must(!madvise(view, LEN, MADV_DONTFORK));
	must(start_waiter(&w, t.at));
	ok(in_child(alone_here, &t), "a child has one view only: it doesn't wake who waits in the parent's");
	ok(wake(futex_in(view, 3)) == 1, "who is woken through the view that it hasn't");
	must(!pthread_join(w.thread, NULL));
	munmap(view, LEN);
	munmap(p, LEN);
}

/* --- What the C library makes of them ---------------------------------------------- */

#define ROUNDS 200

static sem_t *sem;
static pthread_mutex_t *mutex;
static pthread_cond_t *cond;
static pthread_barrier_t *barrier;
static int turns;

static void *take_turns(void *arg)
{
	pthread_barrier_wait(barrier);
	for (unsigned int n = 0; n < ROUNDS; n++) {
		sem_wait(sem);
		pthread_mutex_lock(mutex);
		while (turns % 2 != (intptr_t)arg)
			pthread_cond_wait(cond, mutex);
		turns++;
		pthread_cond_broadcast(cond);
		pthread_mutex_unlock(mutex);
		sem_post(sem);
	}
	return NULL;
}

static void *dies_with_lock(void *arg)
{
	pthread_mutex_lock(arg);
	return NULL;
}

static void make_mutex(pthread_mutex_t *m, int protocol, int robust)
{
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setprotocol(&a, protocol);
	pthread_mutexattr_setrobust(&a, robust);
	must(!pthread_mutex_init(m, &a));
}

/* For in_child(), as the C library ends a process that a futex surprises. */
static int take_turns_twice(void *arg)
{
	char *p = memory(50);
	pthread_barrierattr_t b;
	pthread_condattr_t c;
	pthread_t thread[2];

	alarm(PATIENCE_MS / 1000);
	sem = (sem_t *)p;
	mutex = (pthread_mutex_t *)(p + PAGE);
	cond = (pthread_cond_t *)(p + 2 * PAGE);
	barrier = (pthread_barrier_t *)(p + 3 * PAGE);
	must(!sem_init(sem, 1, 2));
	make_mutex(mutex, *(int *)arg, PTHREAD_MUTEX_STALLED);
	pthread_condattr_init(&c);
	pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
	must(!pthread_cond_init(cond, &c));
	pthread_barrierattr_init(&b);
	pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED);
	must(!pthread_barrier_init(barrier, &b, 2));
	for (intptr_t i = 0; i < 2; i++)
		must(!pthread_create(&thread[i], NULL, take_turns, (void *)i));
	for (unsigned int i = 0; i < 2; i++)
		must(!pthread_join(thread[i], NULL));
	return turns != 2 * ROUNDS;
}

static int owner_dies(void *arg)
{
	pthread_mutex_t *m = (pthread_mutex_t *)memory(50);
	pthread_t thread;

	(void)arg;
	alarm(PATIENCE_MS / 1000);
	make_mutex(m, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST);
	must(!pthread_create(&thread, NULL, dies_with_lock, m));
	must(!pthread_join(thread, NULL));
	return pthread_mutex_lock(m) != EOWNERDEAD || pthread_mutex_consistent(m) || pthread_mutex_unlock(m);
}

static int times_out(void *arg)
{
	struct timespec t;

	(void)arg;
	alarm(PATIENCE_MS / 1000);
	sem = (sem_t *)memory(50);
	must(!sem_init(sem, 1, 0));
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec++;
	return sem_timedwait(sem, &t) != -1 || errno != ETIMEDOUT;
}

static void *rest(void *arg)
{
	usleep(100000);
	return arg;
}

/* The kernel wakes who joins a thread by a word on the thread's stack. */
static int own_stacks(void *arg)
{
	char *p = memory(50);
	pthread_attr_t a;
	pthread_t thread[4];

	(void)arg;
	alarm(PATIENCE_MS / 1000);
	for (unsigned int i = 0; i < 4; i++) {
		pthread_attr_init(&a);
		must(!pthread_attr_setstack(&a, p + i * BLOCK / 2, BLOCK / 4));
		must(!pthread_create(&thread[i], &a, rest, NULL));
	}
	for (unsigned int i = 0; i < 4; i++)
		must(!pthread_join(thread[i], NULL));
	return 0;
}

static void library(void)
{
	int none = PTHREAD_PRIO_NONE, inherit = PTHREAD_PRIO_INHERIT;

	ok(in_child(take_turns_twice, &none), "process-shared semaphores, mutexes, conditions and barriers work");
	ok(in_child(take_turns_twice, &inherit), "mutexes that inherit priorities do");
	ok(in_child(owner_dies, NULL), "a robust mutex tells that its owner has died");
	ok(in_child(times_out, NULL), "a wait with a time limit ends");
	ok(in_child(own_stacks, NULL), "threads on stacks in this memory can be joined");
}

int main(int argc, char **argv)
{
	ordinary = argc > 1 && !strcmp(argv[1], "--anonymous");
	if (!ordinary)
		must(!write_to(PARAMS "pool_mib", "0"));
	kinds();
	changes();
	relatives(0, "2 MiB pages");
	relatives(100, "reservations");
	held_or_seen_twice();
	library();
	return tap_done();
}
