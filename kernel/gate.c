// SPDX-License-Identifier: GPL-2.0
/*
 * The gate that reclaim goes through.
 *
 * A task that finds nothing freed time and again calls the OOM killer, and one
 * that is within may be kept from the processor for long, by its cgroup's CPU
 * quota or by whoever has a higher priority. So nobody waits for it longer than
 * GATE_PATIENCE, and then goes in all the same: that the emergency reserves may
 * run out is the lesser evil, as a demotion that finds no page leaves its block
 * as it was. And who finds all blocks taken waits as long for one of those who
 * took them, and counts what they freed as progress.
 *
 * So before the OOM killer is called while there are blocks to break up, all
 * those who took them must have been stuck in each of the many calls that
 * reclaim makes before it gives up (16 rounds of 12 priorities).
 *
 * One call of reclaim may come here once for each block. So when a task has
 * waited in vain, nobody waits for a second.
 */
#include <linux/jiffies.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>

#include "gate.h"

#define GATE_AT_ONCE	2
#define GATE_PATIENCE	(HZ / 10)

void dph_gate_init(struct dph_gate *gate)
{
	init_waitqueue_head(&gate->wait);
	gate->impatient = jiffies;
}

static bool gate_try_enter(struct dph_gate *gate)
{
	int busy = atomic_read(&gate->busy);

	do {
		if (busy >= GATE_AT_ONCE)
			return false;
	} while (!atomic_try_cmpxchg(&gate->busy, &busy, busy + 1));
	return true;
}

/* There is one kswapd for each node: it never waits. */
static bool gate_may_wait(const struct dph_gate *gate)
{
	return !current_is_kswapd() &&
	       !time_before(jiffies, READ_ONCE(gate->impatient));
}

/* @left: as wait_event_killable_timeout() returned it. */
static void gate_waited(struct dph_gate *gate, long left)
{
	if (!left)
		WRITE_ONCE(gate->impatient, jiffies + HZ);
}

long dph_gate_enter(struct dph_gate *gate)
{
	long left = -1;

	if (gate_try_enter(gate))
		return dph_gate_freed(gate);
	if (gate_may_wait(gate)) {
		left = wait_event_killable_timeout(gate->wait,
						   gate_try_enter(gate),
						   GATE_PATIENCE);
		gate_waited(gate, left);
	}
	if (left <= 0)
		atomic_inc(&gate->busy);
	return dph_gate_freed(gate);
}

unsigned long dph_gate_await(struct dph_gate *gate, long before)
{
	long left;

	if (gate_may_wait(gate)) {
		left = wait_event_killable_timeout(gate->wait,
						   dph_gate_freed(gate) != before ||
						   !atomic_read(&gate->busy),
						   GATE_PATIENCE);
		gate_waited(gate, left);
	}
	/* Pairs with dph_gate_leave(). */
	smp_rmb();
	return dph_gate_freed(gate) - before;
}

unsigned long dph_gate_leave(struct dph_gate *gate, long before,
			     unsigned long freed)
{
	atomic_long_add(freed, &gate->freed);
	/* Pairs with dph_gate_await(): who finds nobody within sees it all. */
	smp_mb__before_atomic();
	atomic_dec(&gate->busy);
	wake_up_all(&gate->wait);
	return freed ?: dph_gate_await(gate, before);
}
