/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page fault: the core's way through it, and what the driver answers.
 *
 * Only the VMA's lock is held, as in kernels since 6.7. (On 6.1 it is
 * mmap_lock; whoever keeps faults out takes both for writing, so the other way
 * adds nothing.)
 */

inline clear_table()
{
	atomic {
		CLAIM(table_empty, pte_f[AT(p, 0)] == NONE &&
				   pte_f[AT(p, 1)] == NONE);
		pmd[p] = EMPTY
	};
	/*
	 * The TLB generation, and an interrupt on each CPU of the process: none
	 * caches the table's address, none is inside get_user_pages_fast().
	 */
#ifdef WITHOUT_RETRACT_FLUSH
	atomic { !irq_off[p] };
#else
#ifdef WITHOUT_RETRACT_INTERRUPT
	atomic { flush_tlb(p); walk_cache[p] = false };
#else
	atomic { !irq_off[p] -> flush_tlb(p); walk_cache[p] = false };
#endif
#endif
	atomic {
		CLAIM(table_unused,
		      !walk_cache[p] && !gup_table[p] && !zap_table[p])
	}
}

/*
 * pagetable.c: dph_pagetable_retract(). mmap_lock and the VMA's lock are held for
 * writing, and the block's. i_mmap_rwsem keeps out who walks the tables of all
 * processes that map the file.
 */
inline retract()
{
#ifndef WITHOUT_I_MMAP_LOCK
	atomic { !i_mmap_w && i_mmap_r == 0 -> i_mmap_w = true };
#endif
	zap(p, 0, 1);
	/* Under the PMD's lock only: first a look at all entries, then pmd_clear(). */
	atomic { ok = (pte_f[AT(p, 0)] == NONE && pte_f[AT(p, 1)] == NONE) };
	if
	:: ok -> clear_table()
	:: else			/* some entry can't go: the table stays */
	fi;
#ifndef WITHOUT_I_MMAP_LOCK
	i_mmap_w = false;
#endif
	ok = false
}

/*
 * fault.c: fault_retract(): take the page table of a block away that has
 * become full, so that the next fault maps a PMD. Called without locks.
 */
inline promote()
{
	atomic { !mmap_w[p] && mmap_r[p] == 0 -> mmap_w[p] = true };
#ifndef WITHOUT_VMA_LOCK
	atomic { vma_r[p] == 0 -> vma_w[p] = true };
#endif
	LOCK_BLOCK(p);
	if
	:: WHOLE(p) && !retracted[p] ->
		retracted[p] = true;
		if
		:: pmd[p] == TABLE -> retract()
		:: else
		fi
	:: else
	fi;
	atomic {
		UNLOCK_BLOCK(p);
		vma_w[p] = false; mmap_w[p] = false
	}
}

/*
 * fault.c: dph_fault(). In the end the page f has a reference and is locked, or
 * f is NONE, and again says whether the fault is to be taken again (VM_FAULT_
 * RETRY, NOPAGE) or memory has run out (OOM).
 */
inline driver_fault()
{
#ifdef WITHOUT_BLOCK_LOCK
	skip;
#else
	LOCK_BLOCK(p);
#endif
	touch(p, i);
	atomic {
		look = false;
		if
		:: f == NONE -> again = false
		:: f != NONE && WHOLE(p) ->
			look = (pmd[p] == TABLE && !retracted[p]);
			if
			:: look -> f = NONE; again = true
			:: else
			fi
		:: f != NONE && !WHOLE(p) ->	/* dph_pagetable_force_small() */
#ifndef WITHOUT_FORCE_SMALL
			if
			:: pmd[p] == EMPTY -> pmd[p] = TABLE
			:: pmd[p] == HUGE -> f = NONE; again = true
			:: else
			fi
#endif
		fi;
		if
		:: f != NONE ->
			if
			:: WHOLE(p) && users[folio[p]] == 1 -> remap[p] = false
			:: else
			fi;
			ref[OBJECT(f)]++		/* get_page() */
		:: else
		fi
	};
	if
	:: f != NONE ->
		atomic { !locked[OBJECT(f)] -> locked[OBJECT(f)] = true;
			if			/* dph_block_allow_huge() */
			:: OBJECT(f) < 2 -> inside[OBJECT(f)] = WHOLE(p)
			:: else
			fi
		}
	:: else
	fi;
	atomic {
#ifdef WITHOUT_FOLIO_LOCKED
		if
		:: f != NONE -> locked[OBJECT(f)] = false
		:: else
		fi;
#endif
#ifndef WITHOUT_BLOCK_LOCK
		UNLOCK_BLOCK(p);
#endif
		if
		:: look -> vma_r[p]--	/* release_fault_lock() */
		:: else
		fi
	};
	if
	:: look -> look = false; promote(); atomic { !vma_w[p] -> vma_r[p]++ }
	:: else
	fi
}

/*
 * fault.c: dph_fault_mkwrite(): a write to page f, which the core has a
 * reference to, in a VMA that is watched. ok: f is locked and may be made
 * writable.
 */
inline driver_mkwrite()
{
	LOCK_BLOCK(p);
#ifdef WITHOUT_MKWRITE_RECHECK
	atomic { ok = true };
#else
	atomic { ok = (PAGE(p, i) == f) };
#endif
	if
	:: ok ->
		cow_writable(p, i, f);
#ifndef WITHOUT_MKWRITE_SMALL
		/*
		 * The page was unlocked: another thread may have hidden another
		 * page of the block since, so a PMD that was right for
		 * dph_fault() may be wrong now.
		 */
		atomic {
			if
			:: ok && !WHOLE(p) && pmd[p] == EMPTY -> pmd[p] = TABLE
			:: else
			fi
		};
#endif
		if
		:: ok ->
			atomic { !locked[OBJECT(f)] -> locked[OBJECT(f)] = true;
				if
				:: OBJECT(f) < 2 ->
#ifndef WITHOUT_MKWRITE_SMALL
					inside[OBJECT(f)] = WHOLE(p)
#else
					skip
#endif
				:: else
				fi
			}
		:: else -> cow_break(p, i); again = ok; ok = false
		fi
	:: else
	fi;
	atomic { UNLOCK_BLOCK(p) }
}

/* One entry of the table: the fault's reference becomes the entry's. */
inline set_pte(k, frame)
{
	pte_f[AT(p, k)] = frame;
	pte_w[AT(p, k)] = w || !watched[p];
	pte_d[AT(p, k)] = w;
	if
	:: OBJECT(frame) >= 2 -> mapped[OBJECT(frame)]++
	:: else
	fi
}

/*
 * finish_fault(): map page f, which is locked, by what is possible: a PMD if
 * there is no table (do_set_pmd()), else an entry. Kernels before 6.12.59 look
 * at the folio's size only; newer ones at its index as well, and 7.x (NEW_CORE)
 * fills the table with all of a folio whose index is inside the file.
 */
#ifdef NEW_CORE
#define CORE_TAKES_ALL(f) (OBJECT(f) < 2 && inside[OBJECT(f)])
#else
#define CORE_TAKES_ALL(f) (OBJECT(f) < 2)
#endif
inline finish_fault()
{
	d_step {
		if
		:: pmd[p] == EMPTY && CORE_TAKES_ALL(f) ->
			pmd[p] = HUGE;
			pmd_f[p] = OBJECT(f);
			pmd_w[p] = w || !watched[p];
			pmd_d[p] = w
		:: pmd[p] == EMPTY && !CORE_TAKES_ALL(f) ->
			pmd[p] = TABLE;		/* pmd_install() */
			set_pte(i, f)
		:: pmd[p] == TABLE && pte_f[AT(p, i)] == NONE ->
			set_pte(i, f);
#ifdef NEW_CORE
			if
			:: CORE_TAKES_ALL(f) && pte_f[AT(p, 1 - i)] == NONE ->
				ref[OBJECT(f)]++;
				set_pte(1 - i, AT(OBJECT(f), 1 - i))
			:: else
			fi
#endif
		:: else -> put(OBJECT(f))	/* another was faster */
		fi
	}
}

/* finish_mkwrite_fault(): make the entry writable if it is still the same. */
inline finish_mkwrite()
{
	d_step {
		if
		:: pmd[p] == TABLE && pte_f[AT(p, i)] == f ->
			pte_w[AT(p, i)] = true;
			pte_d[AT(p, i)] = true
		:: else
		fi
	}
}

/*
 * handle_mm_fault() for page i, a write if w. again: the access is to be tried
 * again; else memory has run out.
 */
inline page_fault()
{
	atomic { !vma_w[p] -> vma_r[p]++; again = true; ok = false;
		had = (pmd[p] == TABLE && pte_f[AT(p, i)] != NONE);
		own = w && pmd[p] == HUGE && !pmd_w[p];
		if
		:: had && w && watched[p] ->
			f = pte_f[AT(p, i)];	/* do_wp_page() */
			ref[OBJECT(f)]++
		:: had && w && !watched[p] ->	/* wp_page_reuse() */
			pte_w[AT(p, i)] = true;
			pte_d[AT(p, i)] = true
		:: else
		fi
	};
	if
	:: own -> own = false; zap(p, 0, 1)	/* wp_huge_pmd(): drops it */
	:: else
	fi;
	if
	:: !had -> driver_fault()		/* do_read_fault(), do_shared_fault() */
	:: else
	fi;
	if
	:: f != NONE && w && watched[p] ->	/* do_page_mkwrite() */
#ifndef WITHOUT_UNLOCK_BEFORE_MKWRITE
		/* The core unlocks the page that the driver gave it. */
		atomic {
			if
			:: !had -> locked[OBJECT(f)] = false
			:: else
			fi
		};
#endif
		driver_mkwrite();
		atomic {
			if
			:: !ok -> put(OBJECT(f)); f = NONE
			:: else
			fi;
			ok = false
		}
	:: else
	fi;
	if
	:: f != NONE && had -> finish_mkwrite();
		atomic { put(OBJECT(f)); locked[OBJECT(f)] = false; f = NONE }
	:: f != NONE && !had -> finish_fault();
		atomic { locked[OBJECT(f)] = false; f = NONE }
	:: else
	fi;
	atomic { vma_r[p]--; had = false; tries++; CLAIM(fault_ends, tries < MOST_TRIES) }
}
