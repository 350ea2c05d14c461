/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of the model and what must always hold: memory, the driver's
 * records, page tables, TLBs and locks; then what each process may see.
 *
 * A block has 2 pages here, not 512. There are two 2 MiB folios ("objects" 0
 * and 1) and four single pages (objects 2 to 5). A "frame" is 4 KiB of memory:
 * page i of folio o is frame 2 * o + i, and single page o is frame 2 * o.
 */

#define PARENT	0
#define CHILD	1
#define NONE	15		/* no frame, object or table */
#define HOLE	14		/* DPH_HOLE */
#define AT(a, i)	(2 * (a) + (i))	/* entry i of process, table or folio a */
#define OBJECT(f)	((f) >> 1)
#define FRAME(single)	(2 * (single))

/* What a page may contain: each value says who wrote it. */
#define ZERO	0
#define JUNK	6		/* what an earlier owner of the memory left */
#define DEVICE	5		/* written by I/O to a pinned page */
#define BIT(value)	(1 << (value))
/* Parent: 1 and 2 in turn; child: 3 and 4. So a lost write shows. */
#define NEXT_VALUE(p, old) \
	((p) == PARENT -> ((old) == 1 -> 2 : 1) : ((old) == 3 -> 4 : 3))

/* --- memory (mm/page_alloc.c, include/linux/mm.h) ------------------------ */
byte mem[12];		/* by frame; those after single pages are unused */
byte ref[6];		/* references; 0: the page is free */
bool locked[6];		/* the folio lock */
byte mapped[6];		/* single pages: page_mapcount() */

/* --- the driver's records -------------------------------------------------- */
byte users[2];		/* folio.c: blocks that share this folio */
bool pop[4];		/* folio.c: bitmap `populated`, by frame */
bool inside[2];		/* folio->index lies inside the file */
byte tusers[2];		/* overlay.c: blocks that share this table */
byte slot[4];		/* overlay.c: entry i of table t is slot[AT(t, i)] */
byte sharers[6];	/* overlay.c: tables that have this single page */
bool once[6];		/* overlay.c: SHARED_ONCE */

/* One block of each process (struct dph_block) and its region. */
byte folio[2];		/* the block's folio */
byte over[2];		/* the block's table of single pages */
bool was_shared[2];
bool retracted[2];
bool remap[2];
bool forked[2];		/* region: may have shared pages */
bool gone[2];		/* region: its last VMA is */
bool listed[2];		/* region stands in its family's list */

/* --- page tables, VMAs and TLBs ----------------------------------------- */
mtype = { EMPTY, TABLE, HUGE };
mtype pmd[2];
byte pmd_f[2];		/* HUGE: the folio */
bool pmd_w[2], pmd_d[2];	/* writable, dirty */
byte pte_f[4];		/* TABLE: frames, by AT(process, page) */
bool pte_w[4], pte_d[4];
bool watched[2];	/* the VMA has page_mkwrite (dph_forked_ops) */
/*
 * One CPU for each process runs the thread that reads and writes. x86 stores
 * through a cached entry only if both its writable and its dirty bit are
 * cached: tlb_w. All else walks the tables again.
 */
byte tlb_f[4];
bool tlb_w[4];
bool walk_cache[2];	/* that CPU caches where the table of pages is */
bool gup_table[2];	/* get_user_pages_fast() is inside the table */
bool irq_off[2];	/* and it has interrupts off */
bool zap_table[2];	/* a zap without the process's mmap_lock is inside */

/* --- locks, outermost first ----------------------------------------------- */
bool mmap_w[2];		/* mmap_lock */
byte mmap_r[2];
bool vma_w[2];		/* the VMA's lock: faults (on 6.1: mmap_lock as well) */
byte vma_r[2];
byte mm_users[2];	/* references to the address space, but its own */
bool block[2];		/* struct dph_block: lock */
bool i_mmap_w;		/* the family's i_mmap_rwsem */
byte i_mmap_r;
/* then the folio locks (above); page-table locks are atomic { } below. */

/* --- I/O ------------------------------------------------------------------ */
byte pin_f = NONE;	/* the parent's page that a device will write to */
byte pin_i;
bool pin_live;		/* the process has not discarded that page */
byte pipe_f = NONE;	/* a page that vmsplice() put into a pipe */
byte pipe_p;		/* whose page it was */

/* --- what must hold --------------------------------------------------------- */
/*
 * What a step asserts has a name, which spin prints; the watcher below adds more.
 */
bool references_left = true;	/* no reference is given back twice */
bool pipe_unharmed = true;	/* no pipe shows a later write of another process */
bool page_there = true;		/* there is something to copy */
bool table_unused = true;	/* nobody walks a page table that is freed */
bool table_empty = true;	/* nor has it entries */
bool fault_ends = true;
#define CLAIM(name, condition)	name = (condition); assert(name)

bool alive[2];
bool forking;		/* the child's memory is not fixed yet */
byte may[4];		/* the values that a process may read: a set of BIT()s */
byte since[4];		/* while a page is discarded: those valid afterwards */

#define SLOT(p, i) (over[p] == NONE -> NONE : slot[AT(over[p], i)])
/* block.h: dph_block_page() */
#define PAGE(p, i) (SLOT(p, i) == HOLE -> NONE : \
	(SLOT(p, i) != NONE -> SLOT(p, i) : \
	 (folio[p] != NONE && pop[AT(folio[p], i)] -> AT(folio[p], i) : NONE)))
/* block.h: dph_block_full(), dph_block_huge() */
#define FULL(p) (folio[p] != NONE && pop[AT(folio[p], 0)] && pop[AT(folio[p], 1)])
#define WHOLE(p) (over[p] == NONE && FULL(p))

/* What the process's page table maps at page i. */
#define ENTRY(p, i) (pmd[p] == HUGE -> AT(pmd_f[p], i) : \
	(pmd[p] == TABLE -> pte_f[AT(p, i)] : NONE))
#define ENTRY_W(p, i) (pmd[p] == HUGE -> pmd_w[p] : pte_w[AT(p, i)])
#define ENTRY_D(p, i) (pmd[p] == HUGE -> pmd_d[p] : pte_d[AT(p, i)])

#define MAY_SEE(p, i, f) ((f) == NONE || (may[AT(p, i)] & BIT(mem[f])))
#define CONTENT(f) ((f) == NONE -> ZERO : mem[f])

/*
 * A process that reads now, through its page table or through what its TLB
 * still has, sees only what it may: nothing of another, nothing uncleared, and
 * its own last write. The watcher at the end of this file looks at this in each
 * state, so reads need no step of their own.
 */
#define ISOLATION_IN_PAGE_TABLE \
	MAY_SEE(0, 0, ENTRY(0, 0)) && MAY_SEE(0, 1, ENTRY(0, 1)) && \
	MAY_SEE(1, 0, ENTRY(1, 0)) && MAY_SEE(1, 1, ENTRY(1, 1))
#define ISOLATION_IN_TLB \
	MAY_SEE(0, 0, tlb_f[0]) && MAY_SEE(0, 1, tlb_f[1]) && \
	MAY_SEE(1, 0, tlb_f[2]) && MAY_SEE(1, 1, tlb_f[3])
/*
 * The same for what the process has without a mapping: the page that its next
 * fault would give it. True whenever nobody is at work on the block.
 */
#define NO_LOST_WRITE(p) (!alive[p] || \
	(may[AT(p, 0)] & BIT(CONTENT(PAGE(p, 0)))) && \
	(may[AT(p, 1)] & BIT(CONTENT(PAGE(p, 1)))))

#define HAS(f, o) ((f) != NONE && OBJECT(f) == (o))
#define IN_PAGE_TABLE(o) \
	(HAS(ENTRY(0, 0), o) || HAS(ENTRY(0, 1), o) || \
	 HAS(ENTRY(1, 0), o) || HAS(ENTRY(1, 1), o))
#define IN_TLB(o) \
	(HAS(tlb_f[0], o) || HAS(tlb_f[1], o) || \
	 HAS(tlb_f[2], o) || HAS(tlb_f[3], o))
#define HELD(o) (HAS(pin_f, o) || HAS(pipe_f, o) || locked[o])
/* Of a free page nobody may know any more. */
#define FREE_BUT(o, known) (ref[o] == 0 && known(o))
#define A_FREE_PAGE_IS(known) \
	(FREE_BUT(0, known) || FREE_BUT(1, known) || FREE_BUT(2, known) || \
	 FREE_BUT(3, known) || FREE_BUT(4, known) || FREE_BUT(5, known))

/* A PMD maps a folio that is full, and all of the block. */
#define PMD_WRONG(p) (pmd[p] == HUGE && !gone[p] && alive[p] && \
	!(folio[p] == pmd_f[p] && WHOLE(p)))

/* put_page(), folio_put() */
inline put(o)
{
	CLAIM(references_left, ref[o] > 0);
	ref[o]--;
	if
	:: ref[o] == 0 && o < 2 -> mem[AT(o, 0)] = JUNK; mem[AT(o, 1)] = JUNK
	:: ref[o] == 0 && o >= 2 -> mem[FRAME(o)] = JUNK
	:: else
	fi
}

/*
 * One store by process p into page i, which lies in frame f. A pipe's reader
 * must see no later write of another process than the one that filled it.
 */
#define PIPE_OF_ANOTHER(p, f) (pipe_f == (f) && pipe_p != (p))
inline note_write(p, i, value)
{
	if
	:: since[AT(p, i)] ->
		/* MADV_REMOVE may still take this one or come before it. */
		may[AT(p, i)] = may[AT(p, i)] | BIT(value);
		since[AT(p, i)] = since[AT(p, i)] | BIT(value)
	:: else -> may[AT(p, i)] = BIT(value)
	fi;
	if
	:: forking && p == PARENT ->
		/* As to anonymous memory that is forked: either is right. */
		may[AT(CHILD, i)] = may[AT(CHILD, i)] | BIT(value)
	:: else
	fi
}

inline store(p, i, f)
{
	CLAIM(pipe_unharmed, !PIPE_OF_ANOTHER(p, f));
	mem[f] = NEXT_VALUE(p, mem[f]);
	note_write(p, i, mem[f])
}

/* The block's lock: a mutex. */
#define LOCK_BLOCK(p)	atomic { !block[p] -> block[p] = true }
#define UNLOCK_BLOCK(p)	block[p] = false

/*
 * Looks at each state; it can do something only where something is wrong, so it
 * makes no states of its own. (What is joined by atomic { } it sees as one.)
 */
proctype watcher()
{
	bool isolation_in_page_table = true;
	bool isolation_in_tlb = true;
	bool no_lost_write = true;
	bool free_not_in_page_table = true;
	bool free_not_in_tlb = true;
	bool free_not_held = true;
	bool pmd_only_if_full = true;

end:	do
	:: d_step { !(ISOLATION_IN_PAGE_TABLE) ->
		isolation_in_page_table = false;
		assert(isolation_in_page_table) }
	:: d_step { !(ISOLATION_IN_TLB) ->
		isolation_in_tlb = false;
		assert(isolation_in_tlb) }
	:: d_step { !block[PARENT] && !NO_LOST_WRITE(PARENT) ||
		    !block[CHILD] && !NO_LOST_WRITE(CHILD) ->
		no_lost_write = false;
		assert(no_lost_write) }
	:: d_step { A_FREE_PAGE_IS(IN_PAGE_TABLE) ->
		free_not_in_page_table = false;
		assert(free_not_in_page_table) }
	:: d_step { A_FREE_PAGE_IS(IN_TLB) ->
		free_not_in_tlb = false;
		assert(free_not_in_tlb) }
	:: d_step { A_FREE_PAGE_IS(HELD) ->
		free_not_held = false;
		assert(free_not_held) }
	:: d_step { PMD_WRONG(PARENT) || PMD_WRONG(CHILD) ->
		pmd_only_if_full = false;
		assert(pmd_only_if_full) }
	od
}
