/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A gate that lets in few tasks at once, and keeps none waiting for long.
 */
#ifndef DPH_GATE_H
#define DPH_GATE_H

#include <linux/atomic.h>
#include <linux/wait.h>

/**
 * struct dph_gate - a gate
 * @busy:	how many tasks are within
 * @freed:	pages that those gave back who were, ever
 * @impatient:	until then nobody waits, as somebody has waited in vain; jiffies
 * @wait:	those who wait for a change of these
 */
struct dph_gate {
	atomic_t busy;
	atomic_long_t freed;
	unsigned long impatient;
	wait_queue_head_t wait;
};

/**
 * dph_gate_init() - a gate with nobody within
 * @gate:	zeroed
 */
void dph_gate_init(struct dph_gate *gate);

/**
 * dph_gate_enter() - go in, after a wait of at most 100 ms
 * @gate:	the gate
 *
 * Return: what to hand to dph_gate_leave()
 */
long dph_gate_enter(struct dph_gate *gate);

/**
 * dph_gate_leave() - go out
 * @gate:	the gate
 * @before:	from dph_gate_enter()
 * @freed:	pages that the caller gave back
 *
 * Who has found nothing to do waits for those who have, at most 100 ms.
 *
 * Return: the progress: @freed, or what others freed in the meantime
 */
unsigned long dph_gate_leave(struct dph_gate *gate, long before,
			     unsigned long freed);

/**
 * dph_gate_await() - wait for those who are within, at most 100 ms
 * @gate:	the gate
 * @before:	of dph_gate_freed()
 *
 * Return: what was freed since
 */
unsigned long dph_gate_await(struct dph_gate *gate, long before);

/**
 * dph_gate_freed() - what was freed so far
 * @gate:	the gate
 *
 * Return: pages
 */
static inline long dph_gate_freed(const struct dph_gate *gate)
{
	return atomic_long_read(&gate->freed);
}

#endif /* DPH_GATE_H */
