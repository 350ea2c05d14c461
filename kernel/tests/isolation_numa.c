// SPDX-License-Identifier: GPL-2.0
/* As isolation.c, for what only happens on a machine with two memory nodes: after a fork
 * neither side sees what the other writes, although NUMA balancing takes the right
 * to access memory away and gives it back, without any action of the process, and
 * although pages are moved from node to node on request.
 *
 * Usage: isolation_numa [--anonymous]. For a guest (scripts/vm --nodes 2 --cpus 2). Needs root. */
#include "isolation_actor.h"

#include <time.h>

#include "t_balancing.h"
#include "t_node.h"

#define ALL 0U, (unsigned int)PAGES

enum { BALANCING, MOVE_PAGES, MIGRATE_PAGES, MBIND_MOVE, WAYS };
static const char *const way_name[WAYS] = { "NUMA balancing", "move_pages there and back",
					    "migrate_pages there and back", "mbind(MPOL_MF_MOVE) there and back" };

/* How often balancing has been through all of this process's memory. */
static unsigned long scans(void)
{
	static const char field[] = "mm->numa_scan_seq";
	FILE *f = fopen("/proc/self/sched", "r");
	unsigned long n = 0;
	char line[128];

	must(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, sizeof(field) - 1) && strchr(line, ':'))
			n = strtoul(strchr(line, ':') + 1, NULL, 10);
	fclose(f);
	return n;
}

/*
 * Read from afar until balancing has been through the memory some times, or until
 * patience ends. Returns how often an access met an entry that it had taken.
 */
static unsigned long wait_for_balancing(char *p, size_t n)
{
	unsigned long before = vmstat("numa_hint_faults"), last = scans() + 4;
	time_t until = time(NULL) + PATIENCE_MS / 1000 / 4;

	run_on(1);
	while (scans() < last && time(NULL) < until)
		for (unsigned int round = 0; round < 20; round++)
			for (size_t i = 0; i < n / PAGE; i++)
				if (visible(self, i))
					(void)*(volatile char *)(p + i * PAGE);
	return vmstat("numa_hint_faults") - before;
}

static unsigned long *hints_seen;

static int way_take(int way, char *p, size_t n)
{
	switch (way) {
	case BALANCING: *hints_seen += wait_for_balancing(p, n); return 0;
	case MOVE_PAGES: return move_to_node(p, n, 1);
	case MIGRATE_PAGES: return migrate_to_node(1);
	default: return bind_to_node(p, n, 1);
	}
}

static int way_give(int way, char *p, size_t n)
{
	switch (way) {
	case BALANCING: return 0;
	case MOVE_PAGES: return move_to_node(p, n, 0);
	case MIGRATE_PAGES: return migrate_to_node(0);
	default: return bind_to_node(p, n, 0);
	}
}

static char *way_place(char *p)
{
	return p;
}

static void go(unsigned int actor, int way)
{
	tell(actor, (struct command){ .op = READ, .from = 0, .n = PAGES });
	tell(actor, (struct command){ .op = TAKE, .arg = way, .from = 0, .n = PAGES });
	tell(actor, (struct command){ .op = GIVE, .arg = way, .from = 0, .n = PAGES });
	write_memory(actor, PLAIN, ALL);
}

enum { BY_PARENT, BY_CHILD, BY_GRANDCHILD, AGAIN, BEFORE_FORK, SCENES };
static const char *const scene_name[SCENES] = { "by the parent", "by the child", "by a grandchild",
						"by the parent, for each of two forks", "begun before the fork" };

static void play(int scene, int way)
{
	unsigned int who = scene == BY_CHILD ? CHILD : scene == BY_GRANDCHILD ? OTHER : PARENT;

	if (scene == BEFORE_FORK)
		tell(PARENT, (struct command){ .op = TAKE, .arg = way, .from = 0, .n = PAGES });
	fork_actor(PARENT, CHILD, 0, 0);
	if (scene == BY_GRANDCHILD)
		fork_actor(CHILD, OTHER, 0, 0);
	go(who, way);
	check_all(false, true);
	if (scene == AGAIN) {
		fork_actor(PARENT, OTHER, 0, 0);
		go(PARENT, way);
		check_all(true, true);
	}
	for (unsigned int actor = ACTORS; actor-- > 0;)
		if (write_memory(actor, PLAIN, ALL))
			check_all(actor == CHILD, true);
	end_actor(PARENT);
	write_memory(CHILD, PLAIN, ALL);
	write_memory(OTHER, PLAIN, ALL);
	check_all(true, false);
}

int main(int argc, char **argv)
{
	unsigned long hints[KINDS] = { 0 };

	on_anonymous = argc > 1 && !strcmp(argv[1], "--anonymous");
	hints_seen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(hints_seen != MAP_FAILED);
	must(!balance_soon());
	run_on(0); /* the first actor's memory is there */
	directors_place();
	for (enum kind kind = 0; kind < KINDS; kind++)
		for (int way = 0; way < WAYS; way++)
			for (int scene = 0; scene < SCENES; scene++) {
				unsigned long before = *hints_seen;

				/* Each for itself. */
				must(!write_to("/proc/sys/kernel/numa_balancing", way == BALANCING ? "1" : "0"));
				first_actor(kind);
				play(scene, way);
				if (refusal)
					complain("refused: %s", strerror(refusal));
				last_curtain();
				if (way == BALANCING)
					printf("# %lu accesses met what balancing had taken\n", *hints_seen - before);
				hints[kind] += *hints_seen - before;
				ok(!*complaint, "%s: %s, %s%s%s", kind_name[kind], way_name[way], scene_name[scene],
				   *complaint ? ": " : "", complaint);
			}
	/* Or the test has shown nothing. Balancing leaves pages alone that several processes map. */
	ok(hints[HUGE] > 0, "balancing was at work: %lu, %lu, %lu times", hints[HUGE], hints[RESERVED], hints[MIXED]);
	if (!on_anonymous)
		ok(device_empty(), "nothing is left behind");
	return tap_done();
}
