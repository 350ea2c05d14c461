/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many pages of a block must be touched before it becomes a 2 MiB page. See
 * policy.h.
 */
#ifndef DPH_POLICY_THRESHOLD_H
#define DPH_POLICY_THRESHOLD_H

#define DPH_BLOCK_SHIFT		9
#define DPH_BLOCK_PAGES		(1u << DPH_BLOCK_SHIFT)	/* 4 KiB pages in 2 MiB */
#define DPH_BLOCK_MASK		(DPH_BLOCK_PAGES - 1)
#define DPH_PERCENT_MAX		100u

/*
 * The compile-time default: meson's option `threshold`, Kbuild's variable
 * DPHUGE_THRESHOLD. FreeBSD's reservations promote at 100 %
 * (sys/vm/vm_reserv.c) and Ingens at 90 %; half is the point where a promotion
 * can at most double what a block costs.
 */
#ifndef DPHUGE_THRESHOLD
#define DPHUGE_THRESHOLD	50
#endif

#if DPHUGE_THRESHOLD < 0 || DPHUGE_THRESHOLD > 100
#error "DPHUGE_THRESHOLD is a percentage, 0 to 100"
#endif

/**
 * dph_policy_need() - pages that must be touched before a block is promoted
 * @percent:	threshold, 0 to 100
 *
 * Return: 0 to 512
 */
static inline unsigned int dph_policy_need(unsigned int percent)
{
	return (percent * DPH_BLOCK_PAGES + DPH_PERCENT_MAX - 1) /
	       DPH_PERCENT_MAX;
}

/**
 * dph_policy_promote() - should a block become one 2 MiB page?
 * @touched:	its touched pages, 0 to 512
 * @percent:	threshold
 *
 * Return: true if it should
 */
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

/**
 * dph_policy_repair_percent() - the threshold for a block on single pages
 * @percent:	threshold
 *
 * Return: percent
 */
static inline unsigned int dph_policy_repair_percent(unsigned int percent)
{
	return percent > DPH_REPAIR_PERCENT ? percent : DPH_REPAIR_PERCENT;
}

/**
 * dph_policy_repair() - should a block on single pages become a 2 MiB page?
 * @touched:	its touched pages
 * @percent:	threshold
 *
 * Return: true if it should
 */
static inline int dph_policy_repair(unsigned int touched, unsigned int percent)
{
	return dph_policy_promote(touched, dph_policy_repair_percent(percent));
}

#define DPH_RETRY_PAGES		32u

/**
 * dph_policy_retry() - should a fault try such a repair?
 * @touched:	the block's touched pages, with the fault's
 * @percent:	threshold
 *
 * It should when the threshold is reached, and then at every 32nd page. That is
 * at most 9 attempts for each block, so that fragmentation costs a bounded
 * number of failed allocations.
 *
 * Return: true if it should
 */
static inline int dph_policy_retry(unsigned int touched, unsigned int percent)
{
	unsigned int need = dph_policy_need(dph_policy_repair_percent(percent));

	if (!dph_policy_repair(touched, percent))
		return 0;
	return touched == need || touched == DPH_BLOCK_PAGES ||
	       touched % DPH_RETRY_PAGES == 0;
}

#endif /* DPH_POLICY_THRESHOLD_H */
