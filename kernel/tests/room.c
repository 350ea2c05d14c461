// SPDX-License-Identifier: GPL-2.0
/*
 * At a limit, reservations make room wherever they stand: on another node, or in
 * another memory cgroup, than those which can't be given back because a pipe holds a
 * page of each, and which come first in every list. At a user's own limit these are
 * the user's reservations, at the device's limit anybody's.
 *
 * Needs root and two nodes.
 */
#include <stdatomic.h>
#include <sys/uio.h>

#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"
#include "t_node.h"

#define PINNED 16U	/* reservations that stay: a pipe takes 16 pages */
#define FREE 4U		/* those that may go */
#define ASKED 1000U	/* pages of 4 KiB; what is free there has room for twice as many */
#define LIMIT_MIB 40U	/* what the reservations take */
#define FIRST_UID 40000
#define GROUP "dphuge-room"

_Static_assert((PINNED + FREE) * BLOCK == (unsigned long)LIMIT_MIB << 20, "the reservations are the whole limit");

/* Where the reservations are that may go. */
struct place {
	const char *name;
	int node;
	bool in_group;
};

static const struct place places[] = {
	{ "on another node", 1, false },
	{ "in another memory cgroup", 0, true },
	{ "on another node and in another memory cgroup", 1, true },
};

/* What the processes see of each other. */
static struct seen {
	atomic_uint ready, go;
	char *memory;
} *seen;

static void become(unsigned int uid)
{
	must(!setgid(uid) && !setuid(uid));
}

/* @blocks reservations on @node, of which a pipe holds a page each if @pinned. They stay until the process is killed. */
static pid_t start_reserving(unsigned int uid, unsigned int blocks, const struct place *at, bool pinned)
{
	pid_t pid;

	atomic_store(&seen->ready, 0);
	pid = fork_now();
	if (!pid) {
		int fd[2];
		char *p;

		run_on(at->node);
		if (at->in_group)
			cgroup_join(GROUP);
		become(uid);
		must(!pipe(fd));
		p = map(blocks * BLOCK, 100);
		for (unsigned int b = 0; b < blocks; b++) {
			struct iovec iov = { p + b * BLOCK, PAGE };

			p[b * BLOCK] = 'r';
			must(node_of(p + b * BLOCK) == at->node);
			must(!pinned || vmsplice(fd[1], &iov, 1, 0) == (ssize_t)PAGE);
		}
		seen->memory = p;
		atomic_store(&seen->ready, 1);
		sleep_forever();
	}
	must(becomes(atomic_load(&seen->ready)));
	return pid;
}

/*
 * It maps memory while there is room, as mmap says no at a limit, and touches it once the
 * others have taken all. Exit status 0: no page was refused, and each has its byte.
 */
static pid_t start_asking(unsigned int uid)
{
	pid_t pid;

	atomic_store(&seen->ready, 0);
	atomic_store(&seen->go, 0);
	pid = fork_now();
	if (!pid) {
		unsigned int wrong = 0;
		char *p;

		run_on(0);
		become(uid);
		p = map(2 * BLOCK, 100);
		atomic_store(&seen->ready, 1);
		while (!atomic_load(&seen->go))
			usleep(1000);
		for (unsigned int i = 0; i < ASKED; i++)
			p[i * PAGE] = 'a';
		for (unsigned int i = 0; i < ASKED; i++)
			wrong += p[i * PAGE] != 'a' || p[i * PAGE + 1];
		_exit(!!wrong);
	}
	must(becomes(atomic_load(&seen->ready)));
	return pid;
}

/* @limit: the parameter; with the user's own limit all are one user, else each is another. */
static void at_limit(const char *limit, const struct place *at)
{
	bool own = !strcmp(limit, "user_limit_mib");
	static const struct place first = { "", 0, false };
	pid_t asker = start_asking(FIRST_UID + (own ? 0 : 2));
	pid_t pinner = start_reserving(FIRST_UID, PINNED, &first, true);
	char *pinned_memory = seen->memory;
	pid_t giver = start_reserving(FIRST_UID + (own ? 0 : 1), FREE, at, false);
	unsigned long stayed, left;
	char path[64], mib[16];
	bool got;

	must(whole_reservations(pinner, pinned_memory, PINNED) == PINNED);
	must(whole_reservations(giver, seen->memory, FREE) == FREE);
	snprintf(path, sizeof(path), PARAMS "%s", limit);
	snprintf(mib, sizeof(mib), "%u", LIMIT_MIB);
	must(!write_to(path, mib));
	atomic_store(&seen->go, 1);
	got = succeeded(wait_for(asker));
	stayed = whole_reservations(pinner, pinned_memory, PINNED);
	left = whole_reservations(giver, seen->memory, FREE);
	ok(got && stayed == PINNED && left < FREE,
	   "%s: reservations %s make room for %u pages: %s; %lu of %u that a pipe holds stay, and %lu of %u others", limit,
	   at->name, ASKED, got ? "all touched" : "refused", stayed, PINNED, left, FREE);
	must(!write_to(path, "0"));
	kill_child(pinner);
	kill_child(giver);
	ok(device_empty(), "%s: %s: nothing is left behind", limit, at->name);
}

int main(void)
{
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(seen != MAP_FAILED && !write_to(PARAMS "pool_mib", "0"));
	cgroup_make(GROUP);
	for (unsigned int i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		at_limit("user_limit_mib", &places[i]);
		at_limit("limit_mib", &places[i]);
	}
	ok(cgroup_removed(GROUP), "the memory cgroup can be removed");
	return tap_done();
}
