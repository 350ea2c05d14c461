/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ways in which a process, or one that has power over it, takes the right to
 * write from a range of memory and gives it back, marks it and takes the mark
 * away again, or cuts a mapping into parts that are joined later. Each consists of
 * a "take" and a "give", functions of the range that return 0 or an errno.
 *
 * To none of them belongs the right to see what a relative writes. What can go
 * wrong is the same for all: "give" makes an entry writable, or lets two VMAs
 * become one, without asking the driver whether the page is shared.
 *
 *   ways.c		the table, and all but
 *   ways_uffd.c	what userfaultfd does
 */
#ifndef DPH_WAYS_H
#define DPH_WAYS_H

#include <sys/mman.h>
#include <sys/types.h>

#include "t.h"

enum {
	HIDES = 1,	/* taken, the memory can't be read */
	LOCKS = 2,	/* taken, it can't be written */
	SPLITS = 4,	/* the mark is a VMA's: of a part, it splits it */
	LOCAL = 8,	/* a child doesn't inherit what was taken */
	SINGLE = 16,	/* there is nothing to give back */
	LOSES = 32,	/* the kernel's private memory would lose its bytes */
	STRANGER = 64,	/* the director takes */
	NOT_FORKED = 128, /* taken, a child doesn't get the memory, or not its bytes */
	LEAVES = 256,	/* userfaultfd lets go of what it watched: a run of its own */
	MOVES = 512,	/* taken, the memory is elsewhere (ways_place()) */
	BEYOND = 1024,	/* it changes what lies beside the range */
	WHOLE = 2048,	/* it is done to all of the process */
	ENDLESS_IF_WATCHED = 4096, /* may not end where userfaultfd watches for writes */
};

struct way {
	const char *name;
	int (*take)(char *p, size_t n);
	int (*give)(char *p, size_t n);
	unsigned int traits;
};

extern const struct way ways[];
extern const unsigned int ways_count;

/*
 * struct refusal - what a kernel refuses
 * @take:	the way
 * @memory:	the device's, or the kernel's own private memory
 * @kernels:	by which it is refused
 * @err:	with this errno
 * @why:	the reason
 * @lacks:	what these kernels lack, in a word; NULL if it is refused by its nature
 */
struct refusal {
	int (*take)(char *p, size_t n);
	unsigned int memory, kernels;
	int err;
	const char *why, *lacks;
};

/* The same is done to the kernel's own private memory. */
extern bool ways_on_anonymous;

/* Whose memory the ways with the trait STRANGER are about. */
extern pid_t ways_victim;

/* Why this kernel refuses @w, or NULL. The list is exact. */
const struct refusal *ways_refusal(const struct way *w);

/* Why some kernel refuses @w for the device's memory, or NULL if all have it. */
const struct refusal *ways_refusal_anywhere(const struct way *w);

/* Where mremap has moved what belongs at @p. */
char *ways_place(char *p);

/* MADV_DONTFORK and MADV_DOFORK. */
int ways_dontfork(char *p, size_t n);
int ways_dofork(char *p, size_t n);

/* --- ways_uffd.c -------------------------------------------------------------- */

/* Write protection: an access waits for the process, as nobody answers. Files don't have it. */
int ways_uffd_take_sync(char *p, size_t n);

/* A write takes the protection away, and goes on. */
int ways_uffd_take_async(char *p, size_t n);

/* Registered as well; the protection is only an entry's. */
int ways_uffd_watch(char *p, size_t n);

/* The protection comes with the question which pages were written. */
int ways_uffd_take_scan(char *p, size_t n);

/* The protection is taken away. */
int ways_uffd_give(char *p, size_t n);

/* And the range is not watched any more. */
int ways_uffd_unregister(char *p, size_t n);
int ways_uffd_give_and_leave(char *p, size_t n);

/* Neither reads nor writes. */
int ways_uffd_take_rwp(char *p, size_t n);
int ways_uffd_give_rwp(char *p, size_t n);

#endif /* DPH_WAYS_H */
