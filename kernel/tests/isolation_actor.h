/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of isolation share: processes that do one step after the other
 * as they are told ("actors"), and a model of what each of them is to see.
 *
 * The director (the program itself) maps nothing of what is tested. It forks
 * the first actor, which maps the memory; actors fork actors. So the director
 * is a stranger to all of them, and can look at each through /proc/PID/mem.
 *
 * Each page consists of two halves of 256 words. A word says who wrote it (a tag),
 * in which page and where, so that a page of another process, another page and a
 * page that was moved are all found. The first half keeps what the memory held
 * before the fork, the second is written anew: a copy must keep the first.
 */
#ifndef DPH_ISOLATION_ACTOR_H
#define DPH_ISOLATION_ACTOR_H

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

#define BLOCKS 3UL
#define PAGES (BLOCKS * BLOCK_PAGES)
#define LEN (BLOCKS * BLOCK)
#define HALF (PAGE / 2)
#define WORDS (HALF / sizeof(uint64_t))
#define DISK "/dev/vda" /* the guest's scratch disk */

enum { PARENT, CHILD, OTHER, ACTORS };
static const char *const actor_name[ACTORS] = { "the parent", "the child", "the third process" };

enum kind { HUGE, RESERVED, MIXED, KINDS };
static const char *const kind_name[KINDS] = { "2 MiB pages", "reservations", "mixed" };

/* Tags: who wrote half a page. */
enum {
	NOBODY,		/* never written: zero */
	BEFORE,		/* the parent, before the fork */
	FIRST_WRITE,	/* and all later ones */
	UNSEEN = 254,	/* never touched nor looked at: to look would touch it */
	ABSENT = 255,	/* not in this process's address space */
};

/*
 * model: what each actor is to see, by page and half. In memory that all share,
 * changed by the director only.
 */
static struct shared {
	unsigned char model[ACTORS][PAGES][2];
	char *base;	/* where the memory is mapped */
	enum kind kind;
} *shared;

/* The same test on the kernel's own private memory: it must pass there. */
static bool on_anonymous;
static int mmap_flags;	/* more of them, for the next mapping */

/* The first word of a half; the others count on. Loops as simple as these matter
 * where the processor is emulated. */
static uint64_t first_word(unsigned int tag, unsigned int page, unsigned int half)
{
	return (uint64_t)tag << 56 | (uint64_t)page << 16 | half << 15;
}

static void store_half(void *to, unsigned int tag, unsigned int page, unsigned int half)
{
	uint64_t word = first_word(tag, page, half), *at = to;

	for (unsigned int i = 0; i < WORDS; i++)
		at[i] = word + i;
	__asm__ volatile("" : : : "memory");
}

static bool half_holds(const void *at, unsigned int tag, unsigned int page, unsigned int half)
{
	uint64_t word = first_word(tag, page, half), wrong = 0;
	const uint64_t *is = at;

	if (tag == NOBODY)
		return all_bytes(at, HALF, 0);
	for (unsigned int i = 0; i < WORDS; i++)
		wrong |= is[i] ^ (word + i);
	return !wrong;
}

static bool filled(enum kind kind, unsigned int page)
{
	unsigned int i = page % BLOCK_PAGES;

	if (kind == HUGE || (kind == MIXED && page < BLOCK_PAGES))
		return true;
	if (kind == RESERVED)
		return i % 4 == 0;
	/* Mixed: a 2 MiB page, a reservation, and a block of which a part was discarded. */
	return page / BLOCK_PAGES == 1 ? i % 8 == 0 : i < 100 || i >= 120;
}

/* Never written before the fork, but looked at after it. */
static bool watched_hole(enum kind kind, unsigned int page)
{
	return !filled(kind, page) && page % BLOCK_PAGES % 32 == (kind == MIXED ? 6 : 2);
}

static bool visible(unsigned int actor, unsigned int page)
{
	unsigned char tag = shared->model[actor][page][0];

	return tag != UNSEEN && tag != ABSENT;
}

/* Those that are written after the fork. */
static bool chosen(unsigned int actor, unsigned int page)
{
	unsigned int i = page % BLOCK_PAGES;

	return visible(actor, page) && (page % 7 == 0 || i == 0 || i == BLOCK_PAGES - 1);
}

/* --- what an actor does ----------------------------------------------------- */

enum op { MAP, FORK, TAKE, GIVE, READ, WRITE, SKIM, CHECK, ADVISE };
enum how { PLAIN, BY_VFORK, BY_CLONE_VM, BY_READ, BY_DISK, BY_SECOND_VIEW,
	   /* and by the director: */
	   BY_VM_WRITEV, BY_PROC_MEM, BY_POKE, HOWS };

/*
 * struct command - what the director tells an actor
 * @op:		what to do
 * @arg:	by @op: the kind, the new actor, the way, how to write, the advice
 * @from, @n:	pages of the memory that it is about
 * @tag:	who writes
 */
struct command {
	enum op op;
	int arg;
	unsigned int from, n;
	unsigned int tag;
};

/*
 * struct answer - and what that says
 * @err:	errno of a refusal, or 0
 * @wrong:	halves of pages that weren't as the model has them
 * @page:	the first of them
 * @seen:	the tag there
 * @pid:	of the new actor
 */
struct answer {
	int err;
	unsigned int wrong, page, seen;
	pid_t pid;
};

static int way_take(int way, char *p, size_t n);
static int way_give(int way, char *p, size_t n);
static char *way_place(char *p); /* where what belongs at @p has been moved */

static struct sockaddr_un meeting_place = { .sun_family = AF_UNIX };
static int meeting;	/* the director's listening socket */
static unsigned int self;
static int line;	/* an actor's connection */

/* The memory, with a block on either side that can be unmapped. */
static char *map_memory(enum kind kind)
{
	struct dphuge_threshold t = { .size = sizeof(t), .percent = kind == HUGE ? 0 : 100 };
	char *place = aligned_place(LEN + 2 * BLOCK), *p;
	int fd;

	if (on_anonymous) {
		p = mmap(place, LEN + 2 * BLOCK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | mmap_flags, -1, 0);
		must(p == place);
		must(!madvise(p, LEN + 2 * BLOCK, kind == RESERVED ? MADV_NOHUGEPAGE : MADV_HUGEPAGE));
		return p + BLOCK;
	}
	fd = device();
	must(!ioctl(fd, DPHUGE_IOC_THRESHOLD, &t));
	p = mmap(place, LEN + 2 * BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | mmap_flags, fd, 0);
	must(p == place);
	close(fd);
	return p + BLOCK;
}

static void do_map(enum kind kind)
{
	unsigned int huge = 0;
	char *p = map_memory(kind);

	shared->base = p;
	for (unsigned int i = 0; i < PAGES; i++)
		for (unsigned int half = 0; half < 2; half++)
			if (filled(kind, i) || (kind == MIXED && i / BLOCK_PAGES != 1))
				store_half(p + i * PAGE + half * HALF, BEFORE, i, half);
	if (kind == MIXED)
		must(!madvise(p + 2 * BLOCK + 100 * PAGE, 20 * PAGE, on_anonymous ? MADV_DONTNEED : MADV_REMOVE));
	huge = smaps_kb(p, LEN, "FilePmdMapped");
	if (!on_anonymous && huge != (kind == HUGE ? KB(LEN) : kind == MIXED ? KB(BLOCK) : 0))
		bail("%s: %u kB are mapped by PMDs", kind_name[kind], huge);
}

static void meet(unsigned int actor)
{
	self = actor;
	line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	must(line >= 0 && !connect(line, (struct sockaddr *)&meeting_place, sizeof(meeting_place)));
	must(send(line, &self, sizeof(self), 0) == sizeof(self));
}

static void do_read(unsigned int from, unsigned int n)
{
	for (unsigned int i = from; i < from + n; i++)
		if (visible(self, i))
			(void)*(volatile char *)(shared->base + i * PAGE);
}

static char write_stack[64 * 1024] __attribute__((aligned(16)));

static void write_plainly(const struct command *c, char *base)
{
	for (unsigned int i = c->from; i < c->from + c->n; i++)
		if (chosen(self, i))
			store_half(base + i * PAGE + HALF, c->tag, i, 1);
}

static int write_and_end(void *command)
{
	write_plainly(command, shared->base);
	_exit(0);
}

/* As the kernel copies to user space, from a pipe. */
static int write_by_read(const struct command *c)
{
	static uint64_t half[WORDS];
	int fd[2], err = 0;

	must(!pipe(fd));
	for (unsigned int i = c->from; i < c->from + c->n && !err; i++) {
		if (!chosen(self, i))
			continue;
		store_half(half, c->tag, i, 1);
		must(write(fd[1], half, HALF) == (ssize_t)HALF);
		if (read(fd[0], shared->base + i * PAGE + HALF, HALF) != (ssize_t)HALF)
			err = errno;
	}
	close(fd[0]);
	close(fd[1]);
	return err;
}

/* As a device writes: the director has put the bytes on the disk. */
static int write_by_disk(const struct command *c)
{
	int fd = open(DISK, O_RDONLY | O_DIRECT), err = 0;

	must(fd >= 0);
	for (unsigned int i = c->from; i < c->from + c->n && !err; i++)
		if (chosen(self, i) &&
		    pread(fd, shared->base + i * PAGE + HALF, HALF, i * PAGE + HALF) != (ssize_t)HALF)
			err = errno;
	close(fd);
	return err;
}

static int do_write(struct command *c)
{
	char *view;
	pid_t pid;

	switch ((enum how)c->arg) {
	case BY_VFORK:
		pid = vfork();
		if (!pid)
			write_and_end(c);
		must(waitpid(pid, NULL, 0) == pid);
		return 0;
	case BY_CLONE_VM:
		pid = clone(write_and_end, write_stack + sizeof(write_stack), CLONE_VM | SIGCHLD, c);
		must(waitpid(pid, NULL, 0) == pid);
		return 0;
	case BY_READ:
		return write_by_read(c);
	case BY_DISK:
		return write_by_disk(c);
	case BY_SECOND_VIEW:
		view = mremap(shared->base, 0, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, aligned_place(LEN));
		if (view == MAP_FAILED)
			return errno;
		write_plainly(c, view);
		munmap(view, LEN);
		return 0;
	default:
		write_plainly(c, shared->base);
		return 0;
	}
}

/* All that is written after the fork, and some of the rest. */
static bool of_interest(unsigned int actor, unsigned int page, bool skim)
{
	return visible(actor, page) && (!skim || chosen(actor, page) || page % 16 == 0);
}

/* Compare [@from, @from + @n) with the model; @at holds the first of these pages. */
static void compare(struct answer *a, unsigned int actor, const char *at, unsigned int from, unsigned int n, bool skim)
{
	for (unsigned int i = from; i < from + n; i++)
		for (unsigned int half = 0; half < 2 && of_interest(actor, i, skim); half++) {
			const char *p = at + (i - from) * PAGE + half * HALF;

			if (half_holds(p, shared->model[actor][i][half], i, half))
				continue;
			if (!a->wrong++) {
				a->page = i;
				a->seen = *(const uint64_t *)p >> 56;
			}
		}
}

static void obey(struct command *c)
{
	char *p = shared->base + c->from * PAGE;
	struct answer a = { 0 };
	size_t n = c->n * PAGE;

	switch (c->op) {
	case MAP: do_map(c->arg); break;
	case FORK:
		a.pid = fork();
		must(a.pid >= 0);
		if (!a.pid) {
			close(line);
			meet(c->arg);
			return;
		}
		break;
	case TAKE: a.err = way_take(c->arg, p, n); break;
	case GIVE: a.err = way_give(c->arg, p, n); break;
	case READ: do_read(c->from, c->n); break;
	case WRITE: a.err = do_write(c); break;
	case SKIM: compare(&a, self, p, c->from, c->n, true); break;
	case CHECK: compare(&a, self, p, c->from, c->n, false); break;
	case ADVISE: a.err = madvise(way_place(p), n, c->arg) ? errno : 0; break;
	}
	must(send(line, &a, sizeof(a), 0) == sizeof(a));
}

static void act(unsigned int actor)
{
	struct command c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(meeting);
	meet(actor);
	while (recv(line, &c, sizeof(c), 0) == sizeof(c))
		obey(&c);
	_exit(1);
}

/* --- what the director does --------------------------------------------------- */

static struct {
	pid_t pid;	/* 0: not there */
	int line;
} actors[ACTORS];

static unsigned int next_tag;
/* Why the variant failed, or "". */
static char complaint[256];
static int refusal;	/* the errno of the first refusal */

__attribute__((format(printf, 1, 2))) static void complain(const char *fmt, ...)
{
	va_list ap;

	if (*complaint)
		return;
	__builtin_va_start(ap, fmt);
	vsnprintf(complaint, sizeof(complaint), fmt, ap);
	__builtin_va_end(ap);
}

static void end_actor(unsigned int actor)
{
	if (!actors[actor].pid)
		return;
	close(actors[actor].line);
	kill(actors[actor].pid, SIGKILL);
	/* An actor's child is the actor's to wait for. One that stays is stuck in the kernel. */
	if (!becomes(waitpid(actors[actor].pid, NULL, WNOHANG)))
		bail("%s can't be killed", actor_name[actor]);
	actors[actor].pid = 0;
}

static struct answer tell(unsigned int actor, struct command c)
{
	struct pollfd ready = { actors[actor].line, POLLIN, 0 };
	struct answer a = { 0 };

	if (!actors[actor].pid)
		return a;
	if (send(actors[actor].line, &c, sizeof(c), MSG_NOSIGNAL) != sizeof(c) ||
	    poll(&ready, 1, PATIENCE_MS) != 1 || recv(actors[actor].line, &a, sizeof(a), 0) != sizeof(a)) {
		complain("%s died or hangs (command %d, %d)", actor_name[actor], c.op, c.arg);
		end_actor(actor);
	}
	if (a.err && !refusal)
		refusal = a.err;
	return a;
}

static void directors_place(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED);
	snprintf(meeting_place.sun_path + 1, sizeof(meeting_place.sun_path) - 1, "isolation-%d", getpid());
	meeting = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	must(meeting >= 0 && !bind(meeting, (struct sockaddr *)&meeting_place, sizeof(meeting_place)) &&
	     !listen(meeting, ACTORS));
	/* Actors whose parents have ended are ours to wait for. */
	must(!prctl(PR_SET_CHILD_SUBREAPER, 1));
}

static void admit(unsigned int actor, pid_t pid)
{
	struct pollfd ready = { meeting, POLLIN, 0 };
	unsigned int who;
	int fd;

	must(poll(&ready, 1, PATIENCE_MS) == 1);
	fd = accept4(meeting, NULL, NULL, SOCK_CLOEXEC);
	must(fd >= 0 && recv(fd, &who, sizeof(who), 0) == sizeof(who) && who == actor);
	actors[actor].pid = pid;
	actors[actor].line = fd;
}

static void first_actor(enum kind kind)
{
	pid_t pid;

	next_tag = FIRST_WRITE;
	*complaint = 0;
	refusal = 0;
	shared->kind = kind;
	for (unsigned int i = 0; i < PAGES; i++)
		memset(shared->model[PARENT][i], filled(kind, i) ? BEFORE : watched_hole(kind, i) ? NOBODY : UNSEEN, 2);
	fflush(stdout);
	pid = fork();
	must(pid >= 0);
	if (!pid)
		act(PARENT);
	admit(PARENT, pid);
	tell(PARENT, (struct command){ .op = MAP, .arg = kind });
}

/* @from forks @to, which doesn't get @absent pages from @first on. */
static void fork_actor(unsigned int from, unsigned int to, unsigned int first, unsigned int absent)
{
	struct answer a;

	memcpy(shared->model[to], shared->model[from], sizeof(shared->model[to]));
	for (unsigned int i = first; i < first + absent; i++)
		memset(shared->model[to][i], ABSENT, 2);
	a = tell(from, (struct command){ .op = FORK, .arg = to });
	if (a.pid)
		admit(to, a.pid);
}

static void last_curtain(void)
{
	/* Children first, or their parents would have to wait for them. */
	for (unsigned int actor = ACTORS; actor-- > 0;)
		if (actors[actor].pid)
			kill(actors[actor].pid, SIGKILL);
	for (unsigned int actor = 0; actor < ACTORS; actor++)
		if (actors[actor].pid) {
			close(actors[actor].line);
			actors[actor].pid = 0;
		}
	if (!becomes(waitpid(-1, NULL, WNOHANG) < 0))
		bail("an actor can't be killed");
}

/* The director writes half a page of @pid's memory. 0 or errno. */
static int write_remotely(enum how how, pid_t pid, int mem, char *to, unsigned int tag, unsigned int page)
{
	static uint64_t half[WORDS];
	struct iovec from = { half, HALF }, into = { to, HALF };

	store_half(half, tag, page, 1);
	errno = EIO; /* of a write that is too short */
	switch (how) {
	case BY_VM_WRITEV:
		return process_vm_writev(pid, &from, 1, &into, 1, 0) == (ssize_t)HALF ? 0 : errno;
	case BY_PROC_MEM:
		return pwrite(mem, half, HALF, (uintptr_t)to) == (ssize_t)HALF ? 0 : errno;
	default:
		for (unsigned int i = 0; i < WORDS; i++)
			if (ptrace(PTRACE_POKEDATA, pid, to + i * sizeof(*half), half[i]))
				return errno;
		return 0;
	}
}

static int write_as_stranger(enum how how, unsigned int actor, struct command *c)
{
	pid_t pid = actors[actor].pid;
	char path[32];
	int mem, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDWR | O_CLOEXEC);
	if (mem < 0)
		return errno;
	/* 7.x lets /proc/PID/mem override a protection only for who traces. */
	must(!ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	must(!ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) && waitpid(pid, NULL, __WALL) == pid);
	for (unsigned int i = c->from; i < c->from + c->n && !err; i++)
		if (chosen(actor, i) && (how != BY_POKE || i % 5 == 0))
			err = write_remotely(how, pid, mem, shared->base + i * PAGE + HALF, c->tag, i);
	must(!ptrace(PTRACE_DETACH, pid, NULL, NULL));
	close(mem);
	return err;
}

static void bytes_on_disk(struct command *c)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	int fd;

	/* Not to any other machine's disk. */
	must(getenv("DPHUGE_GUEST"));
	fd = open(DISK, O_WRONLY | O_DIRECT);
	must(fd >= 0);
	for (unsigned int i = c->from; i < c->from + c->n; i++) {
		store_half(page + HALF, c->tag, i, 1);
		if (i % 7 == 0 || i % BLOCK_PAGES == 0 || i % BLOCK_PAGES == BLOCK_PAGES - 1)
			must(pwrite(fd, page, PAGE, i * PAGE) == (ssize_t)PAGE);
	}
	close(fd);
}

/* @actor's memory is written. False: that was refused, and is to have changed nothing. */
static bool write_memory(unsigned int actor, enum how how, unsigned int from, unsigned int n)
{
	struct command c = { .op = WRITE, .arg = how, .from = from, .n = n, .tag = next_tag++ };
	int err;

	if (!actors[actor].pid)
		return false;
	if (how == BY_DISK)
		bytes_on_disk(&c);
	err = how < BY_VM_WRITEV ? tell(actor, c).err : write_as_stranger(how, actor, &c);
	if (err && !refusal)
		refusal = err;
	if (err)
		return false;
	for (unsigned int i = from; i < from + n; i++)
		if (chosen(actor, i) && (how != BY_POKE || i % 5 == 0)) {
			/* The first write to a hole leaves the other half zero. */
			shared->model[actor][i][1] = c.tag;
		}
	return true;
}

static const char *name_of_tag(unsigned int tag)
{
	static char text[32];

	if (tag == NOBODY)
		return "zeroes";
	if (tag == BEFORE)
		return "what was there before";
	snprintf(text, sizeof(text), "write number %u", tag - FIRST_WRITE + 1);
	return text;
}

static void judge(unsigned int actor, const struct answer *a, const char *who_looks)
{
	if (a->wrong)
		complain("%s sees %u wrong half pages in %s, the first in page %u: %s instead of %s", who_looks, a->wrong,
			 actor_name[actor], a->page, name_of_tag(a->seen),
			 shared->model[actor][a->page][1] == BEFORE ? "what was there before" : "what it wrote itself or had before");
}

static void look_from_outside(unsigned int actor)
{
	static char page[PAGE];
	struct answer a = { 0 };
	char path[32];
	int mem;

	snprintf(path, sizeof(path), "/proc/%d/mem", actors[actor].pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	for (unsigned int i = 0; i < PAGES; i++) {
		if (!of_interest(actor, i, true))
			continue;
		if (pread(mem, page, PAGE, (uintptr_t)shared->base + i * PAGE) == (ssize_t)PAGE)
			compare(&a, actor, page, i, 1, false);
		else
			complain("page %u of %s can't be read from outside: %s", i, actor_name[actor], strerror(errno));
	}
	close(mem);
	judge(actor, &a, "a stranger");
}

/*
 * Is all as the model says, in all processes, from inside and outside? @skim: from
 * inside, too, only what is written after the fork and a share of the rest is read.
 */
static void check_all(bool outside_first, bool skim)
{
	for (unsigned int actor = 0; actor < ACTORS; actor++) {
		struct answer a;

		if (!actors[actor].pid)
			continue;
		if (outside_first)
			look_from_outside(actor);
		a = tell(actor, (struct command){ .op = skim ? SKIM : CHECK, .n = PAGES });
		judge(actor, &a, "it");
		if (!outside_first && actors[actor].pid)
			look_from_outside(actor);
	}
}

#endif /* DPH_ISOLATION_ACTOR_H */
