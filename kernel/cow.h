/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fork, and writes afterwards, do to a block. See block.h on locks.
 */
#ifndef DPH_COW_H
#define DPH_COW_H

#include "block.h"

struct vm_fault;

/**
 * dph_cow_writable() - is a page the process's own, so that it may write it?
 * @b:		the block
 * @i:		0 to 511; the block has a page there
 * @held:	the page if the caller has a reference to it, or NULL
 *
 * Return: true if it is
 */
bool dph_cow_writable(struct dph_block *b, unsigned int i, struct page *held);

/**
 * dph_cow_break() - give the process a page of its own
 * @b:		the block
 * @vmf:	the fault
 * @i:		0 to 511; the block has a page there, which is copied and
 *		unmapped
 *
 * Return: 0, -ENOMEM or -ENOSPC
 */
int dph_cow_break(struct dph_block *b, struct vm_fault *vmf, unsigned int i);

/**
 * dph_cow_settled() - does no write to the block need to be looked at?
 * @b:		the block of a process that has no relatives any more
 *
 * Return: true if all of its pages are the process's own for good
 */
bool dph_cow_settled(struct dph_block *b);

/**
 * dph_cow_share() - make a child's block a copy-on-write copy of its parent's
 * @pb:		the parent's block; unmapped, but for one read-only PMD at most
 * @cb:		the child's block, empty
 * @held:	somebody else references @pb's folio: it stays with the parent,
 *		and the child gets a copy
 *
 * If memory runs out, only the child suffers: to touch its block raises SIGBUS.
 *
 * Context: the parent's mmap_lock is held for write, and both blocks' locks.
 */
void dph_cow_share(struct dph_block *pb, struct dph_block *cb, bool held);

#endif /* DPH_COW_H */
