/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What concerns a process as a whole: fork, exit and MADV_REMOVE.
 */

/* cow.c: cow_copy_folio(): the child gets pages of its own. */
inline copy_page_for_child(k)
{
	if
	:: ok && pop[AT(folio[PARENT], k)] && folio[CHILD] != NONE ->
		mem[AT(folio[CHILD], k)] = mem[AT(folio[PARENT], k)];
		pop[AT(folio[CHILD], k)] = true
	:: ok && pop[AT(folio[PARENT], k)] && folio[CHILD] == NONE &&
	   SLOT(CHILD, k) == NONE ->
		page_alloc(s);
		ok = (s != NONE);
		if
		:: ok ->
			mem[FRAME(s)] = mem[AT(folio[PARENT], k)];
			own_overlay(CHILD);
			overlay_set(over[CHILD], k, FRAME(s));
			s = NONE
		:: else
		fi
	:: else
	fi
}

/* cow.c: cow_pinned(): alone in one table, and yet somebody has a reference. */
#define PINNED(f) (IS_PAGE(f) && sharers[OBJECT(f)] == 1 && ref[OBJECT(f)] != 1)

/* cow.c: cow_share_overlay(), where a page is pinned: page by page. */
inline share_page(k)
{
	n = SLOT(PARENT, k);
	if
	:: ok && PINNED(n) ->
		page_alloc(s);
		ok = (s != NONE);
		if
		:: ok -> mem[FRAME(s)] = mem[n]; slot[AT(over[CHILD], k)] = FRAME(s)
		:: else
		fi;
		s = NONE
	:: ok && !PINNED(n) ->
		overlay_page_share(n);
		slot[AT(over[CHILD], k)] = n
	:: else
	fi;
	n = NONE
}

inline share_overlay()
{
	if
	:: over[PARENT] == NONE
	:: over[PARENT] != NONE && tusers[over[PARENT]] == 1 &&
	   (PINNED(SLOT(PARENT, 0)) || PINNED(SLOT(PARENT, 1))) ->
		overlay_alloc(over[CHILD]);
		share_page(0);
		share_page(1)
	:: else ->
		/* The table is shared whole. */
		over[CHILD] = over[PARENT];
		tusers[over[CHILD]]++;
		if
		:: IS_PAGE(SLOT(CHILD, 0)) -> once[OBJECT(SLOT(CHILD, 0))] = true
		:: else
		fi;
		if
		:: IS_PAGE(SLOT(CHILD, 1)) -> once[OBJECT(SLOT(CHILD, 1))] = true
		:: else
		fi
	fi
}

/*
 * dup_mmap() of the core, and in it vma.c: vma_fork() with its parts: the
 * parent's VMA is watched, its entries lose the right to write
 * (pagetable.c: dph_pagetable_protect(), or a zap), then cow.c: dph_cow_share()
 * shares the block.
 */
inline fork()
{
	atomic { !mmap_w[PARENT] && mmap_r[PARENT] == 0 -> mmap_w[PARENT] = true };
	atomic { vma_r[PARENT] == 0 -> vma_w[PARENT] = true;
		forking = true;
		may[AT(CHILD, 0)] = may[AT(PARENT, 0)];
		may[AT(CHILD, 1)] = may[AT(PARENT, 1)];
		listed[CHILD] = true;
		forked[PARENT] = true; forked[CHILD] = true;
		watched[PARENT] = true; watched[CHILD] = true
	};
#ifndef WITHOUT_PROTECT
	atomic {
		if
		:: pmd[PARENT] == HUGE ->
			pmd_w[PARENT] = false;
#ifndef WITHOUT_CLEAN_PROTECT
			/* In one step with the right to write: pmdp_establish(). */
			pmd_d[PARENT] = false;
#endif
			look = false
		:: look = true
		fi
	};
	if
	:: look -> vmas_zap(PARENT, 0, 1)
	:: else
	fi;
#endif
	LOCK_BLOCK(PARENT);
	LOCK_BLOCK(CHILD);
	/*
	 * Has anybody a reference to the folio but us and the PMD? A relative's
	 * reclaim may drop the PMD meanwhile: references are read first.
	 */
#ifdef WITHOUT_FORK_REF_FIRST
	atomic { look = (pmd[PARENT] == HUGE) };
	atomic {
		if
		:: folio[PARENT] != NONE -> count = ref[folio[PARENT]]
		:: else
		fi
	};
#else
	atomic {
		if
		:: folio[PARENT] != NONE -> count = ref[folio[PARENT]]
		:: else
		fi
	};
	atomic { look = (pmd[PARENT] == HUGE) };
#endif
	atomic {
		ok = true;
		share_overlay();
		own = folio[PARENT] != NONE && users[folio[PARENT]] == 1 &&
		      count != 1 + look;
#ifdef WITHOUT_PIN_CHECK
		own = false;
#endif
		if
		:: ok && own ->
			folio_alloc(folio[CHILD]);
			copy_page_for_child(0);
			copy_page_for_child(1)
		:: ok && !own && folio[PARENT] != NONE ->
			folio[CHILD] = folio[PARENT];
			users[folio[CHILD]]++;
			was_shared[PARENT] = true;
			was_shared[CHILD] = true
		:: else
		fi;
		remap[PARENT] = FULL(PARENT);
		remap[CHILD] = FULL(CHILD);
		look = false; own = false; count = 0;
		block[CHILD] = false;
		UNLOCK_BLOCK(PARENT)
	};
	atomic {
#ifndef WITHOUT_FORK_FLUSH
		flush_tlb(PARENT);	/* dup_mmap(): flush_tlb_mm() */
#endif
		forking = false;
		if
		:: ok -> alive[CHILD] = true; assert(NO_LOST_WRITE(CHILD))
		:: else ->		/* b->lost: SIGBUS, here at once */
			release(CHILD); gone[CHILD] = true;
			listed[CHILD] = false
		fi;
		ok = false;
		vma_w[PARENT] = false; mmap_w[PARENT] = false
	}
}

/*
 * exit_mmap(): unmaps, then vma.c: vma_close() and region.c: dph_region_end().
 * Whoever has a reference to the address space (the worker) delays it.
 */
inline exit_process()
{
	atomic { mm_users[p] == 0 && !mmap_w[p] && mmap_r[p] == 0 ->
		alive[p] = false; mmap_w[p] = true };
	zap(p, 0, 1);
	atomic { listed[p] = false; mmap_w[p] = false };
	atomic { gone[p] = true };
	LOCK_BLOCK(p);
	atomic { d_step { release(p) }; UNLOCK_BLOCK(p) }
}

/*
 * vma.c: vma_discard(), region.c: dph_region_discard(): MADV_REMOVE of page i,
 * or of the block.
 */
inline discard_call()
{
	atomic { !mmap_w[p] -> mmap_r[p]++;
		assert(since[AT(p, 0)] == 0 && since[AT(p, 1)] == 0);
		if
		:: all || i == 0 -> since[AT(p, 0)] = BIT(ZERO);
			may[AT(p, 0)] = may[AT(p, 0)] | BIT(ZERO)
		:: else
		fi;
		if
		:: all || i == 1 -> since[AT(p, 1)] = BIT(ZERO);
			may[AT(p, 1)] = may[AT(p, 1)] | BIT(ZERO)
		:: else
		fi
	};
	LOCK_BLOCK(p);
	discard(p, i);
	atomic { UNLOCK_BLOCK(p) };
	atomic {
		/* From here on the old content is gone for good. */
		if
		:: since[AT(p, 0)] ->
			may[AT(p, 0)] = may[AT(p, 0)] & since[AT(p, 0)];
			since[AT(p, 0)] = 0
		:: else
		fi;
		if
		:: since[AT(p, 1)] ->
			may[AT(p, 1)] = may[AT(p, 1)] & since[AT(p, 1)];
			since[AT(p, 1)] = 0
		:: else
		fi;
		if
		:: pin_live -> pin_live = (pin_f == PAGE(PARENT, pin_i))
		:: else
		fi;
		mmap_r[p]--
	}
}
