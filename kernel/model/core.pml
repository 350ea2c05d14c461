/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processor and the kernel's core do with the page tables of a
 * process. Here atomic { } stands for a page-table lock, for one instruction of
 * the processor, or for what one thread does that nobody else can watch.
 */

/* flush_tlb_range(): each CPU of the process has forgotten its entries. */
inline flush_tlb(q)
{
	tlb_f[AT(q, 0)] = NONE;
	tlb_w[AT(q, 0)] = false;
	tlb_f[AT(q, 1)] = NONE;
	tlb_w[AT(q, 1)] = false
}

/* One entry of zap_pte_range(): its page's reference is kept in g. */
inline clear_pte(q, k, g)
{
	if
	:: pte_f[AT(q, k)] != NONE ->
		g = OBJECT(pte_f[AT(q, k)]);
		if
		:: g >= 2 -> mapped[g]--	/* folio_remove_rmap_pte() */
		:: else
		fi;
		pte_f[AT(q, k)] = NONE;
		pte_w[AT(q, k)] = false;
		pte_d[AT(q, k)] = false
	:: else
	fi
}

/*
 * zap_pmd_range() for pages lo to hi. Of a PMD nothing stays, whatever the
 * range: __split_huge_pmd() of a file's mapping drops all of it.
 */
inline clear_entries(q, lo, hi)
{
	if
	:: pmd[q] == HUGE ->
		g0 = pmd_f[q];
		pmd[q] = EMPTY;
		pmd_f[q] = NONE;
		pmd_w[q] = false;
		pmd_d[q] = false
	:: pmd[q] == TABLE ->
		if
		:: (lo) == 0 -> clear_pte(q, 0, g0)
		:: else
		fi;
		if
		:: (hi) == 1 -> clear_pte(q, 1, g1)
		:: else
		fi
	:: else
	fi
}

/* tlb_finish_mmu(): first all CPUs forget the pages, then they are let go. */
inline finish_zap(q)
{
	flush_tlb(q);
	if
	:: g0 != NONE -> put(g0); g0 = NONE
	:: else
	fi;
	if
	:: g1 != NONE -> put(g1); g1 = NONE
	:: else
	fi
}

/*
 * zap_vma_range() by somebody who keeps the page table in place with the
 * process's mmap_lock or its VMA's lock.
 */
inline zap(q, lo, hi)
{
	d_step { clear_entries(q, lo, hi) };
	d_step { finish_zap(q) }
}

/*
 * dph_vmas_zap() and the core's unmap_mapping_range(): in each process that maps
 * the file, under i_mmap_rwsem alone. So there is a moment between the look at
 * the PMD and at the table that it points to.
 */
inline zap_of_file(q)
{
	atomic { zap_table[q] = (pmd[q] == TABLE) };
	d_step { clear_entries(q, 0, 1); zap_table[q] = false };
	d_step { finish_zap(q) }
}

/*
 * The thread of process p reads or writes page i: through its TLB, or through
 * the page tables, and then its TLB may keep what it has found there.
 * again: it could not.
 */
inline user_access()
{
	atomic {
		f = NONE;
		if
		:: tlb_f[AT(p, i)] != NONE && (!w || tlb_w[AT(p, i)]) ->
			f = tlb_f[AT(p, i)]
		:: ENTRY(p, i) != NONE && (!w || ENTRY_W(p, i)) ->
			f = ENTRY(p, i);
			if
			:: w && pmd[p] == HUGE -> pmd_d[p] = true
			:: w && pmd[p] == TABLE -> pte_d[AT(p, i)] = true
			:: else
			fi;
			if
			:: tlb_f[AT(p, i)] = f;
			   tlb_w[AT(p, i)] = ENTRY_W(p, i) && ENTRY_D(p, i);
			   walk_cache[p] = (pmd[p] == TABLE)
			:: skip
			fi
		:: else
		fi;
		again = (f == NONE);
		if
		:: !again && w -> store(p, i, f)
		:: else
		fi;
		f = NONE
	}
}

/*
 * The core makes entries writable without a fault: after mprotect() to
 * PROT_READ and back, pkey_mprotect(), NUMA balancing or userfaultfd
 * (can_change_shared_pte_writable(), can_change_pmd_writable()). Where the VMA
 * has page_mkwrite it does so with dirty entries, as it takes these for pages
 * of which the driver knows. All of them hold mmap_lock or the VMA's lock.
 */
inline remake_writable()
{
	atomic { !mmap_w[p] && !vma_w[p] ->
		d_step {
#ifdef WITHOUT_DISTINCT_VMAS
			/* It is merged into a neighbour without page_mkwrite. */
			watched[p] = false;
#endif
			if
			:: pmd[p] == HUGE && (!watched[p] || pmd_d[p]) ->
				pmd_w[p] = true
			:: pmd[p] == TABLE ->
				pte_w[AT(p, 0)] = pte_f[AT(p, 0)] != NONE &&
					(pte_w[AT(p, 0)] || !watched[p] ||
					 pte_d[AT(p, 0)]);
				pte_w[AT(p, 1)] = pte_f[AT(p, 1)] != NONE &&
					(pte_w[AT(p, 1)] || !watched[p] ||
					 pte_d[AT(p, 1)])
			:: else
			fi
		}
	}
}

/* MADV_DONTNEED: drops entries with only mmap_lock held, see zap(). */
inline dontneed()
{
	atomic { !mmap_w[p] -> mmap_r[p]++ };
	zap(p, 0, 1);
	atomic { mmap_r[p]-- }
}

/*
 * get_user_pages_fast() of page i: without a lock, with interrupts off. It
 * takes its reference, and then looks whether the entry is still the same.
 * On success a device (w) or a pipe has the page.
 */
inline gup_fast()
{
	atomic {
		f = (i == 2 -> NONE : ENTRY(p, i));
		if
		:: f != NONE && (!w || ENTRY_W(p, i)) ->
			irq_off[p] = true;
			gup_table[p] = (pmd[p] == TABLE)
		:: else -> f = NONE
		fi
	};
	if
	:: f != NONE ->
		atomic {
			/* try_grab_folio(): not a page that is free. */
			if
			:: ref[OBJECT(f)] > 0 -> ref[OBJECT(f)]++; ok = true
			:: else -> ok = false
			fi
		};
		atomic {
			if
			:: ok && ENTRY(p, i) == f && (!w || ENTRY_W(p, i)) ->
				if
				:: w -> pin_f = f; pin_i = i; pin_live = true
				:: else -> pipe_f = f; pipe_p = p
				fi
			:: ok && !(ENTRY(p, i) == f && (!w || ENTRY_W(p, i))) ->
				put(OBJECT(f))
			:: else
			fi;
			irq_off[p] = false;
			gup_table[p] = false;
			f = NONE; ok = false
		}
	:: else
	fi
}

/* A device that has the pinned page writes to it. */
inline device_writes()
{
	atomic {
		CLAIM(pipe_unharmed, !PIPE_OF_ANOTHER(PARENT, pin_f));
		mem[pin_f] = DEVICE;
		if
		:: pin_live -> note_write(PARENT, pin_i, DEVICE)
		:: else
		fi
	}
}
