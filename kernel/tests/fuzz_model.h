/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model that fuzz holds the driver against: what each byte must be.
 *
 * A window of addresses is cut into slices, one for each thread. They are not
 * cut at block boundaries, so that threads share blocks and VMAs. A page of the
 * window shows one page of one region, which is a mapping of the device, or it
 * shows nothing (PROT_NONE, so that nothing else settles there). All bytes of a
 * page hold one 64-bit value. It belongs to the region's page, as two addresses
 * may show the same one, and it is gone when no address shows it any more.
 *
 * The model is plain private memory: a fork copies it along with what it
 * describes. A thread touches only what belongs to its own slice.
 */
#ifndef DPH_FUZZ_MODEL_H
#define DPH_FUZZ_MODEL_H

#include "t_device.h"

#define SLICES 3u
#define SLICE_PAGES 5000u
#define WINDOW_PAGES (SLICES * SLICE_PAGES)
#define NO_REGION 0xffu

/*
 * One page of the window.
 * @region: NO_REGION, or which region it shows
 * @prot: its protection, as for mprotect()
 * @dontfork: whether MADV_DONTFORK keeps it from a child
 * @off: which page of the region it shows
 */
struct vpage {
	uint8_t region;
	uint8_t prot;
	bool dontfork;
	uint32_t off;
};

extern struct vpage vpages[WINDOW_PAGES];
extern char *window;

/* All pages of the window show region 0, a mapping of the whole window. */
void model_init(void);

/* Whether page @v of the window shows something. */
static inline bool model_shown(unsigned int v)
{
	return vpages[v].region != NO_REGION;
}

/* Page @v shows nothing any more. */
void model_drop(unsigned int v);

/* Page @v shows what @page says, instead of what it showed. */
void model_set(unsigned int v, struct vpage page);

/* A region of @slice that no address shows, or NO_REGION. */
unsigned int model_free_region(unsigned int slice);

/* @region is a new mapping: all its pages are zero. */
void model_clear_region(unsigned int region);

/* Whether @slice may show page @off of @region: no two slices may show the same. */
bool model_offset_allowed(unsigned int slice, unsigned int region, uint32_t off);

/*
 * How many pages from @v on, at most @max, are one stretch of one region with
 * one protection.
 */
unsigned int model_run(unsigned int v, unsigned int max);

/* This process is a new child: it has all but what MADV_DONTFORK kept from it. */
void model_fork(void);

/*
 * The value that page @v must hold, now that it is looked at and its first word
 * is @seen. @seen decides only where both its old value and zero are right.
 */
uint64_t model_value(unsigned int v, uint64_t seen);

/* The value of page @v, which nobody looks at: 0 if it was never written. */
uint64_t model_written(unsigned int v);

/* Whether model_written() is what page @v holds, without a look at it. */
bool model_certain(unsigned int v);

/* Page @v has been filled with @value. */
void model_write(unsigned int v, uint64_t value);

#endif /* DPH_FUZZ_MODEL_H */
