/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol of one 2 MiB block, checked by spin: README.md says how to read
 * and run it. This file has the actors: who may do what, how often. scripts/model
 * gives the bounds of each run with -D; each WITHOUT_... leaves one lock, flush
 * or check of the driver out, and spin must then find what breaks.
 */
#define MOST_TRIES	12	/* a fault that is taken so often never ends */

/* What an actor may do: a set. */
#define READ		1
#define WRITE		2
#define DISCARD		4	/* MADV_REMOVE of one page */
#define DISCARD_ALL	8	/* of the block */
#define DONTNEED	16
#define REMAKE		32	/* mprotect() there and back, NUMA balancing */
#define FORK		64
#define EXIT		128
#define PIN		256	/* I/O that will write to a page */
#define PIPE		512	/* vmsplice() */
#define TIDY		1024	/* the worker: a block of either process */
#define SETTLE		2048	/* the worker: the parent's region */
#define RECLAIM		4096	/* the shrinker: a block of either process */
#define RELATIVE	8192	/* the shrinker: a block of a third process */

/* Which states a run starts from: a set. */
#define EMPTY_BLOCK	1
#define RESERVATION	2	/* page 0 touched, unmapped */
#define FULL_BLOCK	4	/* a whole folio, unmapped */
#define HUGE_MAPPED	8	/* a whole folio, mapped for writing by a PMD */
#define TABLE_MAPPED	16	/* a whole folio that became full just now */
#define SINGLE_PAGES	32	/* two single pages, mapped */
#define SHARED		64	/* a fork has been: both share a whole folio */
#define SHARED_OVER	128	/* and a table with a single page */
#define CHILD_GONE	256	/* as SHARED, and the child has ended */
#define PIPE_LEFT	512	/* but a pipe still has a page of it */

#ifndef START
#define START EMPTY_BLOCK
#endif
#ifndef USER		/* the parent's first thread: what, how often */
#define USER 0
#define USER_N 0
#endif
#ifndef OTHER		/* its second thread */
#define OTHER 0
#define OTHER_N 0
#endif
#ifndef KID		/* the child */
#define KID 0
#define KID_N 0
#endif
#ifndef WORKER_N	/* looks by the worker */
#define WORKER_N 0
#endif
#ifndef RECLAIM_N	/* calls of the shrinker */
#define RECLAIM_N 0
#endif
#ifndef RECLAIM_BITS
#define RECLAIM_BITS RECLAIM
#endif

#include "state.pml"
#include "core.pml"
#include "records.pml"
#include "cow.pml"
#include "touch.pml"
#include "fault.pml"
#include "process.pml"
#include "background.pml"

#define START_OF(what)	(!again && left > 0 && alive[p] && (can & (what)))

/*
 * Whoever does something: a thread of process p, the worker, or the shrinker in
 * whatever task allocates memory. It does what is in the set `can`, `left` times
 * in all.
 */
proctype actor(byte p; short can; byte left)
{
	byte i = 0;		/* the page */
	bool w = false;		/* it is written */
	bool all = false;	/* not one page, but the block */
	byte f = NONE;		/* a frame */
	byte n = NONE;		/* another */
	byte s = NONE;		/* a single page */
	byte j = 0;		/* a table */
	byte spare = NONE;	/* a folio */
	byte g0 = NONE;		/* objects whose entries are being dropped */
	byte g1 = NONE;
	byte count = 0;
	byte tries = 0;
	bool ok = false;	/* what an inline answers */
	bool again = false;	/* an access is to be tried (again) */
	bool had = false;
	bool need = false;
	bool own = false;
	bool look = false;

end:	do
	:: again ->		/* READ, WRITE, or what follows TIDY */
		user_access();
		if
		:: again -> page_fault()
		:: else
		fi;
		atomic {
			/* A reader may lose its entry to a writer for ever. */
			again = again && (w || tries < 2);
			if
			:: !again -> w = false; i = 0; tries = 0
			:: else
			fi
		}
	:: atomic { START_OF(READ | WRITE) ->
		left--; again = true;
		if
		:: can & READ
		:: can & WRITE -> w = true
		fi;
		if
		:: i = 0
		:: i = 1
		fi }
	:: atomic { START_OF(DISCARD | DISCARD_ALL) ->
		left--;
		if
		:: can & DISCARD -> i = 0
		:: can & DISCARD -> i = 1
		:: can & DISCARD_ALL -> all = true
		fi }
		discard_call();
		atomic { i = 0; all = false }
	:: atomic { START_OF(PIN | PIPE) ->
		left--;
		if
		:: can & PIN && pin_f == NONE -> w = true
		:: can & PIPE && pipe_f == NONE
		:: else -> i = 2
		fi;
		if
		:: i == 0
		:: i == 0 -> i = 1
		:: i == 2
		fi }
		gup_fast();
		atomic { w = false; i = 0 }
	:: atomic { START_OF(DONTNEED) -> left-- }
		dontneed()
	:: atomic { START_OF(REMAKE) -> left-- }
		remake_writable()
	:: atomic { START_OF(FORK) && !alive[CHILD] && !gone[CHILD] -> left-- }
		fork()
	:: atomic { START_OF(EXIT) -> left = 0 }
		exit_process()
	:: atomic { START_OF(TIDY) ->
		left--;
		if
		:: p = PARENT
		:: alive[CHILD] -> p = CHILD
		fi }
		tidy();
		atomic { tries = again }	/* fixup_user_fault(): once */
	:: atomic { START_OF(SETTLE) && forked[PARENT] -> left--; p = PARENT }
		settle()
	:: atomic { START_OF(RECLAIM | RELATIVE) ->
		left--;
		if
		:: can & RECLAIM -> p = PARENT
		:: can & RECLAIM && alive[CHILD] -> p = CHILD
		:: can & RELATIVE -> all = true
		fi }
		shrink_one();
		atomic { all = false; p = PARENT }
	od
}

/* What I/O does with the pages that it holds, until it lets them go. */
proctype io()
{
	byte count = 0;

end:	do
	:: atomic { pin_f != NONE && mem[pin_f] != DEVICE }
		device_writes()
	:: atomic { pin_f != NONE ->
		count = OBJECT(pin_f); pin_f = NONE; pin_i = 0; pin_live = false;
		put(count); count = 0 }
	:: atomic { pipe_f != NONE ->
		count = OBJECT(pipe_f); pipe_f = NONE; pipe_p = 0;
		put(count); count = 0 }
	od
}

#include "start.pml"
