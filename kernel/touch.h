/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page for a fault. See block.h on locks.
 */
#ifndef DPH_TOUCH_H
#define DPH_TOUCH_H

#include "block.h"

struct vm_fault;

/**
 * dph_touch_page() - the page for a fault
 * @b:		the block. @later may be set afterwards
 * @vmf:	the fault
 * @write:	the page will be writable for the process, so it must be its own
 * @whole:	the block could be mapped by a PMD
 *
 * Return: the page, without a reference; or an error: ENOSPC (a limit), ENOMEM,
 * ENODATA (there is no data here and none may be made), EHWPOISON (the hardware
 * can't read the page any more)
 */
struct page *dph_touch_page(struct dph_block *b, struct vm_fault *vmf,
			    bool write, bool whole);

#endif /* DPH_TOUCH_H */
