/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The decision: which page size a block gets, and when.
 *
 * Pure functions of counts, without a kernel header, so that they are tested
 * in user space (kernel/tests/policy_test.c).
 */
#ifndef DPH_POLICY_H
#define DPH_POLICY_H

#define DPH_BLOCK_SHIFT		9
#define DPH_BLOCK_PAGES		(1u << DPH_BLOCK_SHIFT)	/* 4 KiB pages in 2 MiB */
#define DPH_BLOCK_MASK		(DPH_BLOCK_PAGES - 1)
#define DPH_PERCENT_MAX		100u

/*
 * Compile-time default: meson option `threshold`, Kbuild variable
 * DPHUGE_THRESHOLD. FreeBSD's reservations promote at 100 % (sys/vm/vm_reserv.c)
 * and Ingens at 90 %; half is the point where a promotion can at most double
 * what a block costs.
 */
#ifndef DPHUGE_THRESHOLD
#define DPHUGE_THRESHOLD	50
#endif

#if DPHUGE_THRESHOLD < 0 || DPHUGE_THRESHOLD > 100
#error "DPHUGE_THRESHOLD is a percentage, 0 to 100"
#endif

/* Pages that must be touched before a block is promoted: 0..512. */
static inline unsigned int dph_policy_need(unsigned int percent)
{
	return (percent * DPH_BLOCK_PAGES + DPH_PERCENT_MAX - 1) /
	       DPH_PERCENT_MAX;
}

/* Is a block with @touched touched pages to be one 2 MiB page? */
static inline int dph_policy_promote(unsigned int touched, unsigned int percent)
{
	return touched && touched >= dph_policy_need(percent);
}

/*
 * A block that lives on single pages, as no folio could be had or the shrinker
 * took it, needs a copy to become a 2 MiB page. It must be half full for that
 * at least, whatever the threshold: at less, more than half of the folio would
 * be what the shrinker has just given back.
 */
#define DPH_REPAIR_PERCENT	50u

static inline unsigned int dph_policy_repair_percent(unsigned int percent)
{
	return percent > DPH_REPAIR_PERCENT ? percent : DPH_REPAIR_PERCENT;
}

static inline int dph_policy_repair(unsigned int touched, unsigned int percent)
{
	return dph_policy_promote(touched, dph_policy_repair_percent(percent));
}

/*
 * A fault tries that when the threshold is reached and then at every 32nd page:
 * at most 9 attempts a block, so that fragmentation costs a bounded number of
 * failed allocations.
 */
#define DPH_RETRY_PAGES		32u

static inline int dph_policy_retry(unsigned int touched, unsigned int percent)
{
	unsigned int need = dph_policy_need(dph_policy_repair_percent(percent));

	if (!dph_policy_repair(touched, percent))
		return 0;
	return touched == need || touched == DPH_BLOCK_PAGES ||
	       touched % DPH_RETRY_PAGES == 0;
}

/* How much memory is there? */
enum dph_policy_memory {
	DPH_MEMORY_PLENTY,
	DPH_MEMORY_SCARCE,	/* take no more than is asked for */
	DPH_MEMORY_GONE,	/* nearly: no reservations either */
};

/*
 * @available and @total in pages, as MemAvailable and MemTotal. An eighth is
 * where a machine should stop to spend memory on speed; a 64th is near the
 * point where reclaim begins (the low watermark).
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
 * A neighbour that was given a 2 MiB page at its first touch has told nothing
 * by that; whether it has been used shows in its content. Of this many of its
 * pages, spread evenly,
 */
#define DPH_SAMPLES		16u
/* so many must not be all zero. */
#define DPH_SAMPLES_DENSE	12u

static inline enum dph_policy_density dph_policy_sampled(unsigned int nonzero)
{
	return nonzero >= DPH_SAMPLES_DENSE ? DPH_DENSE : DPH_SPARSE;
}

/* A neighbour that is filled page by page: below a quarter it is sparse. */
static inline enum dph_policy_density dph_policy_counted(unsigned int touched)
{
	if (touched >= DPH_BLOCK_PAGES)
		return DPH_DENSE;
	return touched && touched < DPH_BLOCK_PAGES / 4 ? DPH_SPARSE :
							  DPH_UNKNOWN;
}

/*
 * The mapping's history: how often such guesses were right. A wrong one costs
 * up to 511 pages, a right one saves as many faults at most: so it weighs more.
 */
#define DPH_TRUST_MAX		8
#define DPH_TRUST_WRONG		4

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

/* The first touch of a block: what does it get? */
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

/*
 * Is a reservation with @touched touched pages worth breaking up when memory
 * is short? It costs a copy of these, so half of the folio should come back.
 */
static inline int dph_policy_break_up(unsigned int touched)
{
	return touched <= DPH_BLOCK_PAGES / 2;
}

#endif /* DPH_POLICY_H */
