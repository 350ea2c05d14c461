/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of a CPU the background thread takes, and at which priority. All of
 * this is for that thread to call.
 */
#ifndef DPH_PACE_H
#define DPH_PACE_H

#include <linux/types.h>
#include <uapi/linux/sched/types.h>

/**
 * dph_pace_rest() - sleep as long as the share of a CPU demands
 *
 * Context: without locks.
 */
void dph_pace_rest(void);

/**
 * dph_pace_stopped() - is the thread to do nothing?
 *
 * Return: true if the parameter worker_percent is 0
 */
bool dph_pace_stopped(void);

/**
 * dph_pace_hurry() - let nobody but real-time threads take the processor
 *
 * Return: what to hand to dph_pace_calm()
 */
struct sched_attr dph_pace_hurry(void);

/**
 * dph_pace_calm() - end what dph_pace_hurry() began
 * @was:	what that returned
 */
void dph_pace_calm(struct sched_attr was);

#endif /* DPH_PACE_H */
