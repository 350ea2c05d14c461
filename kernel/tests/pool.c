// SPDX-License-Identifier: GPL-2.0
/*
 * The pool of zeroed 2 MiB pages is filled while blocks are faulted in and
 * serves later faults, of any cgroup, which is charged only then. It goes back
 * when memory is short, when nobody asks for it and when it is switched off.
 * Needs root and cgroup2. Run with init_on_alloc=0, so that only the driver's
 * own clearing counts.
 */
#include "t_cgroup.h"
#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define POOL_MIB 8

static unsigned long pool_bytes(void)
{
	return stat_of("pool_bytes");
}

static void set_pool(const char *mib)
{
	must(!write_to(PARAMS "pool_mib", mib));
}

static bool emptied(void)
{
	return becomes(!pool_bytes());
}

/* Touch a block, so that the pool is filled for the cgroup of this process. */
static void ask_for_block(void)
{
	char *p = map(BLOCK, 0);

	p[0] = 1;
	munmap(p, BLOCK);
}

/*
 * Whether the pool is filled after a block was touched. Another one is touched
 * only where the filling takes longer than the 10 s after which the driver
 * concludes that nobody asks any more.
 */
static bool filled(void)
{
	unsigned int looks = 0;

	return becomes((looks++ % 1100 || (ask_for_block(), true)) && pool_bytes() == POOL_MIB << 20);
}

static void serves(void)
{
	unsigned long hits, given, wrong = 0;
	unsigned int percent = 70;
	char *p;

	must(in_child(fill_free_memory, &percent));
	set_pool("8");
	ok(filled(), "after one 2 MiB fault the pool is filled: %lu MiB", pool_bytes() >> 20);
	p = map(4 * BLOCK, 0);
	hits = stat_of("pool_hits");
	for (unsigned int b = 0; b < 4; b++)
		p[b * BLOCK] = 0;
	given = stat_of("pool_hits") - hits;
	for (unsigned int b = 0; b < 4; b++)
		wrong += !all_bytes(p + b * BLOCK, BLOCK, 0);
	ok(given == 4, "four blocks are touched: %lu come from the pool", given);
	ok(!wrong, "all their bytes are zero");
	ok(all_huge(p, 4 * BLOCK), "they are 2 MiB pages");
	ok(stat_of("bytes") == 4 * BLOCK, "and what lies in the pool does not count as held");
	munmap(p, 4 * BLOCK);
	p = map(BLOCK, 50);
	hits = stat_of("pool_hits");
	p[0] = 1;
	ok(stat_of("pool_hits") == hits, "a reservation takes nothing from the pool");
	munmap(p, BLOCK);
}

static void off(void)
{
	unsigned long hits;

	set_pool("0");
	ok(emptied(), "pool_mib=0 empties it");
	hits = stat_of("pool_hits");
	ask_for_block();
	usleep(300000);
	ok(!pool_bytes() && stat_of("pool_hits") == hits, "and it stays empty");
	ok(write_to(PARAMS "pool_mib", "-1") == EINVAL && write_to(PARAMS "pool_mib", "65537") == EINVAL,
	   "sizes out of range are EINVAL");
}

static void gives_way(void)
{
	set_pool("8");
	must(filled());
	/* The driver's thread would fill it again after a second. */
	must(!write_to(PARAMS "worker_percent", "0"));
	drop_caches();
	ok(!pool_bytes(), "the shrinker empties it");
	must(!write_to(PARAMS "worker_percent", "50"));
	must(filled());
	ok(emptied(), "when nobody asks for it, it goes back");
}

static int fill_for_a(void *arg)
{
	(void)arg;
	cgroup_join("pool-a");
	return !filled();
}

static int take_in_b(void *arg)
{
	unsigned long hits = stat_of("pool_hits"), a = cgroup_charge("pool-a"), b;
	char *p = map(BLOCK, 0);

	(void)arg;
	cgroup_join("pool-b");
	b = cgroup_charge("pool-b");
	p[0] = 1;
	if (stat_of("pool_hits") != hits + 1)
		return 1;
	if (cgroup_charge("pool-b") + CHARGE_STOCK < b + BLOCK)
		return 2;
	return cgroup_charge("pool-a") > a + CHARGE_STOCK;
}

/* The cgroup's limit has room for this memory alone, which the pool takes nothing of. */
static int eat_in_a(void *arg)
{
	char *p = anonymous(22 << 20);

	(void)arg;
	cgroup_join("pool-a");
	must(filled());
	memset(p, 1, 22 << 20);
	return 0;
}

static void cgroups(void)
{
	cgroup_make("pool-a");
	cgroup_make("pool-b");
	set_pool("8");
	must(in_child(fill_for_a, NULL));
	ok(cgroup_charge("pool-a") < BLOCK + CHARGE_STOCK, "the pool is not charged to the cgroup that has asked for it: %lu KiB",
	   cgroup_charge("pool-a") >> 10);
	ok(in_child(take_in_b, NULL), "another cgroup is served from it, and pays for that");
	set_pool("0");
	must(emptied());
	ok(cgroup_charge("pool-a") < BLOCK + CHARGE_STOCK,
	   "when it has been emptied, nothing stays charged: %lu KiB", cgroup_charge("pool-a") >> 10);
	must(!cgroup_set("pool-a", "memory.max", "26M"));
	set_pool("8");
	ok(in_child(eat_in_a, NULL), "a cgroup has all of its limit for itself beside a full pool");
	set_pool("0");
	must(emptied());
	ok(cgroup_removed("pool-a") && cgroup_removed("pool-b"), "and the cgroups can be removed");
}

int main(void)
{
	serves();
	off();
	gives_way();
	cgroups();
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
