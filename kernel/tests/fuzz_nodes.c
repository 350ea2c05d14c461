// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: memory moves between two nodes, on request, and by NUMA balancing, which
 * takes the right to access pages away and gives it back.
 */
#include "fuzz_statue.h"

#include <sched.h>
#include <sys/syscall.h>

#include "t_balancing.h"
#include "t_node.h"

#define NODES "nodes" /* what a guest with one node lacks */

static cpu_set_t everywhere;

/* A guest that isn't said to have one node has two, and balances them. */
static void prepare_nodes(void)
{
	must(!sched_getaffinity(0, sizeof(everywhere), &everywhere));
	if (access("/sys/devices/system/node/node1", F_OK))
		bail("the guest has one memory node, and isn't said to lack " NODES);
	if (write_to("/proc/sys/kernel/numa_balancing", "1"))
		bail("no NUMA balancing");
	if (balance_soon())
		bail("NUMA balancing can't be set");
}

/* Read from one of the nodes until balancing has been by, or for a while. */
static bool do_balance(struct slice *s)
{
	unsigned long before = vmstat("numa_hint_faults");
	unsigned int v, n;
	/* On a slow kernel the first may be long in coming. */
	double end = now_ms() + (atomic_load(&shared->balanced) ? 150 : 3000);
	bool met = false;

	if (!(once_in(s, 2) && map_blocks(s, &v, &n)) && !random_forked(s, &v, &n))
		return false;
	record_call(s, "balancing, %u+%u", v, n);
	if (once_in(s, 2))
		write_some(s, v, n);
	statue_make(s, v, n);
	fail_here(false);
	run_on(below(s, 2));
	fail_here(true);
	while (!met && now_ms() < end) {
		for (unsigned int i = 0; i < n; i++)
			(void)first_word(v + i);
		met = vmstat("numa_hint_faults") > before;
	}
	atomic_fetch_add(&shared->balanced, met);
	for (unsigned int i = 0; i < n; i++)
		(void)first_word(v + i);
	write_some(s, v, n);
	statue_end(s, "balanced");
	check_page(s, v + below(s, n), "balanced");
	fail_here(false);
	must(!sched_setaffinity(0, sizeof(everywhere), &everywhere));
	fail_here(true);
	return met;
}

static bool do_move(struct slice *s, int how)
{
	unsigned int v, n;
	int err, node = below(s, 2);

	if (!random_forked(s, &v, &n))
		return false;
	record_call(s, "move %u+%u to node %d (%d)", v, n, node, how);
	if (once_in(s, 2))
		statue_make(s, v, n);
	for (unsigned int try = 0;; try++) {
		err = !how ? move_to_node(page_at(v), n * PAGE, node) :
		      how == 1 ? migrate_to_node(node) : bind_to_node(page_at(v), n * PAGE, node);
		errno = err;
		if (!err || try == FAIL_TRIES || !fail_again())
			break;
	}
	if (err && !fail_injecting)
		fail_test(s, "pages %u+%u can't be moved (%d): errno %d", v, n, how, err);
	write_some(s, v, n);
	statue_end(s, "moved");
	check_page(s, v + below(s, n), "moved");
	if (how == 2) /* a policy would cut the mapping into pieces for good */
		syscall(SYS_mbind, page_at(v), n * PAGE, MPOL_DEFAULT, NULL, 0, 0);
	return !err;
}

const struct op node_ops[] = {
	{ .name = "NUMA balancing", .weight = 2, .run = do_balance, .prepare = prepare_nodes, .lacks = NODES },
	{ .name = "move_pages", .weight = 2, .run_with = do_move, .arg = 0, .lacks = NODES },
	{ .name = "migrate_pages", .weight = 1, .run_with = do_move, .arg = 1, .lacks = NODES },
	{ .name = "mbind(MPOL_MF_MOVE)", .weight = 2, .run_with = do_move, .arg = 2, .lacks = NODES },
	{ .name = NULL },
};
