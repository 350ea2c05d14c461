// SPDX-License-Identifier: GPL-2.0
/*
 * On a machine with two memory nodes (scripts/vm --nodes 2), a page comes from
 * the node that the memory policy of the task or of the mapping names. The pool
 * has pages of each node, and a block that the driver's thread puts together
 * again stays on its node.
 */
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>

#include "t_child.h"
#include "t_device.h"
#include "t_node.h"

static void bind_to(char *p, size_t len, int node)
{
	unsigned long mask = 1UL << node;

	must(!syscall(SYS_mbind, p, len, MPOL_BIND, &mask, 8 * sizeof(mask), 0));
}

/* Whether @n pages that are @step apart come from @node when they are touched. */
static bool all_on(char *p, size_t step, unsigned int n, int node)
{
	for (unsigned int i = 0; i < n; i++) {
		p[i * step] = 1;
		if (node_of(p + i * step) != node)
			return false;
	}
	return true;
}

static void policies(void)
{
	for (int node = 0; node < 2; node++) {
		unsigned long mask = 1UL << !node;
		char *p;

		run_on(node);
		p = map(2 * BLOCK, 0);
		ok(all_on(p, BLOCK, 2, node), "2 MiB pages are of the node %d where the task runs", node);
		munmap(p, 2 * BLOCK);
		p = map(2 * BLOCK, 0);
		bind_to(p, 2 * BLOCK, !node);
		ok(all_on(p, BLOCK, 2, !node), "or of the other one, if mbind says so");
		munmap(p, 2 * BLOCK);
		p = map(10 * PAGE, 50); /* too short for a folio: single pages */
		bind_to(p, 10 * PAGE, !node);
		ok(all_on(p, PAGE, 10, !node), "and so are 4 KiB pages");
		munmap(p, 10 * PAGE);
		must(!syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)));
		p = map(BLOCK, 0);
		ok(all_on(p, BLOCK, 1, !node), "2 MiB pages are, too, if set_mempolicy says so");
		munmap(p, BLOCK);
		must(!syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0));
	}
}

/* Whether three new blocks are on @node. @hits: how many of them came from the pool. */
static bool three_from_pool(int node, unsigned long *hits)
{
	unsigned long before = stat_of("pool_hits");
	char *p = map(3 * BLOCK, 0);
	bool there = all_on(p, BLOCK, 3, node);

	*hits = stat_of("pool_hits") - before;
	munmap(p, 3 * BLOCK);
	return there;
}

static void pool(void)
{
	must(!write_to(PARAMS "pool_mib", "8"));
	for (int node = 0; node < 2; node++) {
		unsigned long hits = 0;
		bool there = true;

		run_on(node);
		/*
		 * The first ones make the thread fill the pool. It is as fast as the machine, so it
		 * gets more time with each round, but less than the 10 s after which the pool goes back.
		 */
		for (unsigned int ms = 100, waited = 0; waited < PATIENCE_MS; waited += ms) {
			there = three_from_pool(node, &hits);
			if (!there || hits == 3)
				break;
			usleep(ms * 1000);
			ms = ms < 5000 ? 2 * ms : ms;
		}
		ok(there && hits == 3, "the pool has pages of node %d: %lu of 3 came from it", node, hits);
	}
	must(!write_to(PARAMS "pool_mib", "0"));
}

/* A block that the shrinker has broken up is put together on its own node, wherever the thread runs. */
static void repair(void)
{
	for (int node = 0; node < 2; node++) {
		char *p = map(BLOCK, 100);
		struct dphuge_threshold t = { .size = sizeof(t), .percent = 50, .addr = (uintptr_t)p };
		struct dphuge_block block = { 0 };
		int fd = device();

		run_on(node);
		for (unsigned int i = 0; i < BLOCK_PAGES / 2; i++)
			p[i * PAGE] = 1;
		must(!write_to(PARAMS "worker_percent", "0"));
		for (int i = 0; i < 20 && !block.single; i++) {
			drop_caches();
			must(blocks_of(p, &block, 1) == 1);
		}
		must(block.single == BLOCK_PAGES / 2);
		must(!ioctl(fd, DPHUGE_IOC_THRESHOLD, &t));
		run_on(!node);
		must(in_child(do_nothing, NULL)); /* its end makes the thread look at our blocks */
		must(!write_to(PARAMS "worker_percent", "100"));
		ok(becomes(blocks_of(p, &block, 1) == 1 && block.state & DPHUGE_BLOCK_HUGE) &&
			   node_of(p) == node,
		   "a block that is put together again stays on node %d", node);
		close(fd);
		munmap(p, BLOCK);
	}
	must(!write_to(PARAMS "worker_percent", "50"));
}

int main(void)
{
	policies();
	pool();
	repair();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
