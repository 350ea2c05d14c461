/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a folio moves to other memory: migration by the core.
 */
#ifndef DPH_MIGRATE_H
#define DPH_MIGRATE_H

#include <linux/fs.h>
#include <linux/migrate_mode.h>

/**
 * dph_migrate_folio() - migrate_folio of the pseudo files' mappings
 * @mapping:	where the folio has its place
 * @dst:	what takes its place: of the same order, locked
 * @src:	the folio: locked, isolated from the LRU lists, and not mapped
 * @mode:	not looked at: nothing here waits but the copy itself
 *
 * Context: process context.
 * Return: 0; else @src stays where it is: -EAGAIN, somebody has it at the moment;
 * -EBUSY, more processes share it than this can lock, or the core would not find
 * what maps it the next time; -EHWPOISON, it has a memory error
 */
int dph_migrate_folio(struct address_space *mapping, struct folio *dst,
		      struct folio *src, enum migrate_mode mode);

#endif /* DPH_MIGRATE_H */
