/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The decisions: what a block gets at its first touch, when it becomes a 2 MiB
 * page (policy_threshold.h), and when it is broken up.
 *
 * These are pure functions of counts, without a kernel header, so that they are
 * tested in user space (kernel/tests/policy_test.c).
 */
#ifndef DPH_POLICY_H
#define DPH_POLICY_H

#include "policy_threshold.h"

/* How much memory is there? */
enum dph_policy_memory {
	DPH_MEMORY_PLENTY,
	DPH_MEMORY_SCARCE,	/* take no more than is asked for */
	DPH_MEMORY_GONE,	/* nearly: no reservations either */
};

/**
 * dph_policy_memory() - judge how much memory there is
 * @available:	pages, as MemAvailable
 * @total:	pages, as MemTotal
 *
 * Below an eighth a machine should no longer spend memory on speed; a 64th is
 * near the point where reclaim begins (the low watermark).
 *
 * Return: see enum dph_policy_memory
 */
static inline enum dph_policy_memory
dph_policy_memory(unsigned long available, unsigned long total)
{
	if (available < total / 64)
		return DPH_MEMORY_GONE;
	return available < total / 8 ? DPH_MEMORY_SCARCE : DPH_MEMORY_PLENTY;
}

/* What a neighbouring block tells about a block. */
enum dph_policy_density { DPH_UNKNOWN, DPH_SPARSE, DPH_DENSE };

/*
 * That a neighbour was given a 2 MiB page at its first touch says nothing about
 * its use. Its content does: DPH_SAMPLES of its pages, spread evenly, are
 * looked at, and it is dense if DPH_SAMPLES_DENSE of them are not all zero.
 */
#define DPH_SAMPLES		16u
#define DPH_SAMPLES_DENSE	12u

/**
 * dph_policy_sampled() - judge a neighbour by its content
 * @nonzero:	how many of DPH_SAMPLES pages aren't all zero
 *
 * Return: DPH_DENSE or DPH_SPARSE
 */
static inline enum dph_policy_density dph_policy_sampled(unsigned int nonzero)
{
	return nonzero >= DPH_SAMPLES_DENSE ? DPH_DENSE : DPH_SPARSE;
}

/**
 * dph_policy_counted() - judge a neighbour that is filled page by page
 * @touched:	its touched pages
 *
 * Return: below a quarter it is sparse, full it is dense
 */
static inline enum dph_policy_density dph_policy_counted(unsigned int touched)
{
	if (touched >= DPH_BLOCK_PAGES)
		return DPH_DENSE;
	return touched && touched < DPH_BLOCK_PAGES / 4 ? DPH_SPARSE :
							  DPH_UNKNOWN;
}

#define DPH_TRUST_MAX		8
#define DPH_TRUST_WRONG		4

/**
 * dph_policy_trust() - the mapping's history: how often guesses were right
 * @trust:	until now, -8 to 8; 0 at the start
 * @seen:	what became of a guess
 *
 * A wrong guess weighs more, as it costs up to 511 pages, and a right one saves
 * as many faults at most.
 *
 * Return: the new trust
 */
static inline int dph_policy_trust(int trust, enum dph_policy_density seen)
{
	if (seen == DPH_DENSE)
		return trust < DPH_TRUST_MAX ? trust + 1 : trust;
	if (seen == DPH_SPARSE)
		return trust - DPH_TRUST_WRONG < -DPH_TRUST_MAX ?
		       -DPH_TRUST_MAX : trust - DPH_TRUST_WRONG;
	return trust;
}

struct dph_policy_input {
	unsigned int percent;			/* threshold */
	int adaptive;				/* may guess */
	enum dph_policy_memory memory;
	enum dph_policy_density left, right;	/* neighbours */
	int trust;
};

enum dph_policy_choice { DPH_SINGLE, DPH_RESERVE, DPH_HUGE };

/**
 * dph_policy_choose() - the first touch of a block: what does it get?
 * @in:		what is known
 *
 * Return: see enum dph_policy_choice
 */
static inline enum dph_policy_choice
dph_policy_choose(const struct dph_policy_input *in)
{
	if (in->memory == DPH_MEMORY_GONE)
		return DPH_SINGLE;
	if (!in->percent)
		return DPH_HUGE;
	if (in->adaptive && in->memory == DPH_MEMORY_PLENTY &&
	    in->trust >= 0 &&
	    (in->left == DPH_DENSE || in->right == DPH_DENSE) &&
	    in->left != DPH_SPARSE && in->right != DPH_SPARSE)
		return DPH_HUGE;
	return DPH_RESERVE;
}

/**
 * dph_policy_break_up() - is a reservation worth breaking up?
 * @touched:	its touched pages
 *
 * Memory is short. It costs a copy of these pages, so half of the folio should
 * come back.
 *
 * Return: true if it is
 */
static inline int dph_policy_break_up(unsigned int touched)
{
	return touched <= DPH_BLOCK_PAGES / 2;
}

#endif /* DPH_POLICY_H */
