// SPDX-License-Identifier: GPL-2.0
/*
 * The life of a thread: one random operation after another, until the test
 * stops. One of the operations is fork, whose child checks what it has
 * inherited and lives on in the same way.
 */
#include "fuzz.h"

#include <pthread.h>
#include <sys/syscall.h>

#include "t_child.h"

static bool do_fork(struct slice *s, int exec);

static const struct op fork_ops[] = {
	{ .name = "fork", .weight = 8, .run_with = do_fork, .of_process = true, .arg = false },
	{ .name = "fork and exec", .weight = 1, .run_with = do_fork, .of_process = true, .arg = true },
	{ .name = NULL },
};

static const struct op *const tables[] = { byte_ops, map_ops, advice_ops, outside_ops, kin_ops,
					   strange_ops, node_ops, poison_ops, way_ops, fork_ops };

static const struct op *ops[OPS_MAX];
static unsigned int ops_count, ops_weight;

/* Held for read during an operation. Held for write: all other threads rest. */
static pthread_rwlock_t operation_lock = PTHREAD_RWLOCK_INITIALIZER;

/* This process knows what the whole window holds, not only its own slice. */
static bool knows_all = true;

void life_init(void)
{
	for (unsigned int i = 0; i < COUNT_OF(tables); i++)
		for (const struct op *op = tables[i]; op->name; op++) {
			if ((op->lacks && fuzz_lacks(op->lacks)) || !fuzz_wants(op->name))
				continue;
			must(ops_count < OPS_MAX);
			ops[ops_count++] = op;
			ops_weight += op->weight;
			if (op->prepare)
				op->prepare();
		}
}

/* An operation that is tried so often on average, and never succeeds, doesn't do what it is for. */
#define CHANCES 20

unsigned int life_print(void)
{
	unsigned long all = 0;
	unsigned int never = 0;

	for (unsigned int i = 0; i < ops_count; i++)
		all += shared->tried[i];
	printf("# succeeded/tried:\n");
	for (unsigned int i = 0; i < ops_count; i++) {
		bool had_chance = all * ops[i]->weight / ops_weight >= CHANCES;
		bool failed = had_chance && !shared->succeeded[i];

		printf("#   %s: %lu/%lu%s\n", ops[i]->name, shared->succeeded[i], shared->tried[i],
		       failed ? ", never, but it should have" : had_chance ? "" : ", too short a run to tell");
		never += failed;
	}
	return never;
}

void others_rest(void)
{
	pthread_rwlock_unlock(&operation_lock);
	pthread_rwlock_wrlock(&operation_lock);
}

static void live(struct slice *s, unsigned long steps)
{
	for (; steps && !atomic_load(&shared->stop); steps--) {
		struct slice *where = s->depth && knows_all ? &slices[below(s, SLICES)] : s;
		unsigned int pick = below(where, ops_weight), i = 0;

		current = where;
		while (pick >= ops[i]->weight)
			pick -= ops[i++]->weight;
		atomic_fetch_add(&shared->tried[i], 1);
		pthread_rwlock_rdlock(&operation_lock);
		if (ops[i]->of_process)
			where = s;
		if (ops[i]->run ? ops[i]->run(where) : ops[i]->run_with(where, ops[i]->arg))
			atomic_fetch_add(&shared->succeeded[i], 1);
		pthread_rwlock_unlock(&operation_lock);
	}
	current = s;
}

static void reap_child(struct slice *s, unsigned int i, bool kill_it)
{
	siginfo_t info;
	int status;

	fail_here(false);
	if (kill_it)
		kill(s->child[i], SIGKILL);
	while (waitid(P_PID, s->child[i], &info, WEXITED | WNOWAIT) < 0)
		must(errno == EINTR);
	kin_ended(s->child_id[i]);
	while (waitpid(s->child[i], &status, 0) < 0)
		must(errno == EINTR);
	if (!succeeded(status) && !(kill_it && WIFSIGNALED(status)) &&
	    !(fail_injecting && WIFEXITED(status) && WEXITSTATUS(status) == FAIL_LOST))
		fail_test(s, "a child ended with status %#x", status);
	s->child[i] = s->child[--s->children];
	s->child_id[i] = s->child_id[s->children];
	fail_here(true);
}

/* @all: the other threads were at rest, so that the child knows the whole window. @steps: 0 to become another program. */
static void __attribute__((noreturn)) live_as_child(struct slice *s, bool all, unsigned long steps)
{
	operation_lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	knows_all = all;
	model_fork();
	for (unsigned int i = 0; i < SLICES; i++) {
		slices[i].children = 0;
		slices[i].depth = s->depth + 1;
		slices[i].seed += 1 + steps;
	}
	check_window(s, all, "in a child");
	if (!steps) {
		kin_leave();
		fail_here(false); /* the loader of the new program cannot stand failures */
		execl("/bin/true", "true", NULL);
		_exit(fail_injecting ? 0 : 2);
	}
	live(s, steps);
	check_window(s, all, "at a child's end");
	while (s->children)
		reap_child(s, 0, once_in(s, 2));
	kin_leave();
	_exit(0);
}

static bool do_fork(struct slice *s, int exec)
{
	bool all = knows_all && once_in(s, 2);
	unsigned long steps = exec ? 0 : 1 + below(s, 400);
	uint64_t forked_at;
	unsigned int id;
	pid_t pid;

	if (s->depth == DEPTH)
		return false;
	if (s->children == CHILDREN)
		reap_child(s, below(s, s->children), once_in(s, 3));
	id = kin_next();
	if (!id)
		return false;
	record_call(s, "fork%s%s", all ? ", all at rest" : "", exec ? ", exec" : "");
	if (all)
		others_rest();
	fflush(stdout);
	if (once_in(s, 2)) /* with failures it hardly ever succeeds */
		fail_here(false);
	forked_at = atomic_load(&shared->values);
	/* Not glibc's fork(): it would take locks that other threads hold. */
	pid = syscall(SYS_fork);
	fail_here(true);
	if (!pid) {
		kin_born(id, forked_at, all);
		live_as_child(s, all, steps);
	}
	if (pid < 0) {
		if (!fail_injecting)
			fail_test(s, "fork: errno %d", errno);
		return false;
	}
	s->child_id[s->children] = id;
	s->child[s->children++] = pid;
	atomic_fetch_add(&shared->forks, 1);
	return true;
}

void *life_of_thread(void *arg)
{
	struct slice *s = arg;

	current = s;
	fail_here(true);
	live(s, ~0UL);
	while (s->children)
		reap_child(s, 0, false);
	fail_here(false);
	atomic_fetch_sub(&shared->threads, 1);
	return NULL;
}
