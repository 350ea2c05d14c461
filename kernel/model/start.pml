/* SPDX-License-Identifier: GPL-2.0 */
/* The states that a run may start from, and the start. */

/* A PMD or table entry as an earlier fault has left it. */
inline start_entry(p, k, frame)
{
	pmd[p] = TABLE;
	pte_f[AT(p, k)] = frame;
	pte_w[AT(p, k)] = true;
	pte_d[AT(p, k)] = true;
	ref[OBJECT(frame)]++;
	if
	:: OBJECT(frame) >= 2 -> mapped[OBJECT(frame)]++
	:: else
	fi
}

inline start_folio()
{
	folio[PARENT] = 0;
	users[0] = 1; ref[0] = 1;
	pop[0] = true; mem[0] = 1; may[0] = BIT(1)
}

inline start_full()
{
	start_folio();
	pop[1] = true; mem[1] = 1; may[1] = BIT(1); inside[0] = true
}

inline start_single(k, o)
{
	slot[k] = FRAME(o);
	ref[o] = 1; sharers[o] = 1;
	mem[FRAME(o)] = 1; may[AT(PARENT, k)] = BIT(1)
}

inline start_shared()
{
	start_full();
	folio[CHILD] = 0;
	users[0] = 2;
	was_shared[PARENT] = true; was_shared[CHILD] = true;
	remap[PARENT] = true; remap[CHILD] = true;
	forked[PARENT] = true; forked[CHILD] = true;
	watched[PARENT] = true; watched[CHILD] = true;
	may[2] = BIT(1); may[3] = BIT(1);
	alive[CHILD] = true; listed[CHILD] = true
}

inline start_child_gone()
{
	start_shared();
	folio[CHILD] = NONE; users[0] = 1; was_shared[CHILD] = false;
	remap[CHILD] = false;
	alive[CHILD] = false; listed[CHILD] = false; gone[CHILD] = true
}

init {
	atomic {
		byte k;
		for (k : 0 .. 11) { mem[k] = JUNK }
		for (k : 0 .. 3) {
			may[k] = BIT(ZERO);
			slot[k] = NONE; pte_f[k] = NONE; tlb_f[k] = NONE
		}
		for (k : 0 .. 1) {
			folio[k] = NONE; over[k] = NONE; pmd[k] = EMPTY;
			pmd_f[k] = NONE
		}
		alive[PARENT] = true; listed[PARENT] = true;
		if
		:: START & EMPTY_BLOCK
		:: START & RESERVATION -> start_folio()
		:: START & FULL_BLOCK -> start_full()
		:: START & HUGE_MAPPED ->
			start_full();
			pmd[PARENT] = HUGE; pmd_f[PARENT] = 0; ref[0]++;
			pmd_w[PARENT] = true; pmd_d[PARENT] = true
		:: START & TABLE_MAPPED ->
			start_full();
			start_entry(PARENT, 0, 0)
		:: START & SINGLE_PAGES ->
			over[PARENT] = 0; tusers[0] = 1;
			start_single(0, 2); start_single(1, 3);
			start_entry(PARENT, 0, FRAME(2));
			start_entry(PARENT, 1, FRAME(3))
		:: START & SHARED -> start_shared()
		:: START & SHARED_OVER ->
			start_shared();
			over[PARENT] = 0; over[CHILD] = 0; tusers[0] = 2;
			start_single(0, 2); once[2] = true
		:: START & CHILD_GONE -> start_child_gone()
		:: START & PIPE_LEFT ->
			start_child_gone();
			over[PARENT] = 0; tusers[0] = 1;
			start_single(0, 2); once[2] = true;
			start_entry(PARENT, 0, FRAME(2));
			pte_w[0] = false; pte_d[0] = false;
			pipe_p = CHILD;
			if
			:: pipe_f = FRAME(2)
			:: pipe_f = 1	/* page 1 of the folio */
			fi;
			ref[OBJECT(pipe_f)]++
		fi;
#define RUN(process, what, times) \
	if \
	:: times -> run actor(process, what, times) \
	:: else \
	fi

		run watcher();
		RUN(PARENT, USER, USER_N);
		RUN(PARENT, OTHER, OTHER_N);
		RUN(CHILD, KID, KID_N);
		RUN(PARENT, TIDY + SETTLE, WORKER_N);
		RUN(PARENT, RECLAIM_BITS, RECLAIM_N);
		if
		:: (USER | OTHER | KID) & (PIN | PIPE) || START & PIPE_LEFT -> run io()
		:: else
		fi
	}
}
