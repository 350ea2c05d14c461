/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints, for perf and bpftrace: /sys/kernel/tracing/events/dphuge/.
 *
 * Each names its block (addr: where it was when it was mapped; mremap may have
 * moved it since), how many of the block's 512 pages are touched after the
 * event (touched), and how many pages the event is about (pages).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dphuge

#if !defined(DPH_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define DPH_TRACE_H

#include <linux/tracepoint.h>

#include "block.h"

DECLARE_EVENT_CLASS(dphuge_block,
	TP_PROTO(const struct dph_block *b, unsigned long pages),
	TP_ARGS(b, pages),
	TP_STRUCT__entry(
		__field(unsigned long, addr)
		__field(unsigned int, touched)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->addr = b->space->at + (b->idx << PMD_SHIFT);
		__entry->touched = b->nr;
		__entry->pages = pages;
	),
	TP_printk("addr=0x%lx touched=%u pages=%lu", __entry->addr,
		  __entry->touched, __entry->pages)
);

#define DPH_EVENT(name)							\
DEFINE_EVENT(dphuge_block, name,					\
	TP_PROTO(const struct dph_block *b, unsigned long pages),	\
	TP_ARGS(b, pages))

/* A block became a 2 MiB page; pages: how many were cleared for that. */
DPH_EVENT(dphuge_promote);
/* Single pages were copied into the folio; pages: how many. */
DPH_EVENT(dphuge_fold);
/* The folio was given up for single pages; pages: how many were copied. */
DPH_EVENT(dphuge_demote);
/* MADV_REMOVE or munmap gave memory back; pages: how many. */
DPH_EVENT(dphuge_discard);
/* A write after a fork copied a page; pages: 1. */
DPH_EVENT(dphuge_cow);
/* The shrinker broke a block up; pages: how many that gave back. */
DPH_EVENT(dphuge_reclaim);
/* No 2 MiB folio could be had; pages: 512. */
DPH_EVENT(dphuge_fallback);

#endif /* DPH_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
