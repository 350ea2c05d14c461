/* SPDX-License-Identifier: MIT */
/* The settings, which are read from the environment once, at start. */
#ifndef DPHUGE_CONFIG_H
#define DPHUGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

/**
 * enum backend_choice - the values of DPHUGE_BACKEND
 * @BACKEND_AUTO: the driver if it can be used, else transparent huge pages
 * @BACKEND_DRIVER: mappings of /dev/dphuge
 * @BACKEND_THP: anonymous memory with transparent huge pages
 * @BACKEND_HUGETLB: the pool that root reserves (vm.nr_hugepages)
 * @BACKEND_BASE: anonymous memory in 4 KiB pages, to compare with
 *
 * But for BACKEND_AUTO they are also the numbers by which a span says whose memory it is.
 */
enum backend_choice { BACKEND_AUTO, BACKEND_DRIVER, BACKEND_THP, BACKEND_HUGETLB, BACKEND_BASE };

/**
 * enum small_choice - the values of DPHUGE_SMALL
 * @SMALL_JEMALLOC: jemalloc maps the memory for small requests by itself
 * @SMALL_HUGE: it gets that memory from our backend
 */
enum small_choice { SMALL_JEMALLOC, SMALL_HUGE };

/**
 * struct config - the settings
 * @threshold: DPHUGE_THRESHOLD: bytes
 * @backend: DPHUGE_BACKEND
 * @small: DPHUGE_SMALL
 * @promote: DPHUGE_PROMOTE: percent, or -1: the module's own threshold
 * @decay_ms: DPHUGE_DECAY_MS: milliseconds, or -1: never
 * @background: DPHUGE_BACKGROUND
 * @quarantine: DPHUGE_QUARANTINE: bytes, 0 is none
 * @only: DPHUGE_ONLY: patterns of names; points into the environment
 * @except: DPHUGE_EXCEPT: likewise
 * @stats: DPHUGE_STATS
 * @strict: DPHUGE_STRICT
 * @help: DPHUGE_HELP
 */
struct config {
	size_t threshold;
	enum backend_choice backend;
	enum small_choice small;
	long promote;
	long decay_ms;
	bool background;
	size_t quarantine;
	const char *only;
	const char *except;
	bool stats;
	bool strict;
	bool help;
};

/**
 * config_read() - read the settings from the environment
 * @config: is filled in completely
 *
 * Writes one line for each wrong setting, whose default stays; with DPHUGE_STRICT=1 the
 * program ends there. With DPHUGE_HELP=1 it shows all settings.
 */
void config_read(struct config *config);

/**
 * config_includes_us() - is this program to have a large heap?
 * @config: the settings
 *
 * Two names count, that of the program's file and the one it was called by: by the first,
 * the interpreter of a script is known, and by the second, a program with many names, such
 * as busybox.
 *
 * Return: what DPHUGE_ONLY and DPHUGE_EXCEPT say.
 */
bool config_includes_us(const struct config *config);

#endif /* DPHUGE_CONFIG_H */
