/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A block and its relatives: when is a page the process's own, and what a write
 * does if it is not. All is called with the lock of the block of process p
 * held. atomic { } joins what only the holder of that lock can see or change:
 * the block's records, and memory that no page table maps.
 *
 * Inlines answer in the actor's variable ok, as Promela has no return values.
 */

/* vmas.c: dph_vmas_zap(): the process's own entries, and no relative's. */
inline vmas_zap(p, lo, hi)
{
	atomic { !i_mmap_w -> i_mmap_r++ };
	zap(p, lo, hi);
	atomic { i_mmap_r-- }
}

#ifdef WITHOUT_QUIESCE_FOLIO_LOCK
#define UNLOCKED(o) true
#else
#define UNLOCKED(o) !locked[o]
#endif
#define SLOT_UNLOCKED(p, i) (!IS_PAGE(SLOT(p, i)) || UNLOCKED(OBJECT(SLOT(p, i))))

/*
 * block.c: dph_block_quiesce(). A fault that has a page of the block holds its
 * folio lock until the entry is in place. folio_lock(); folio_unlock() is one
 * step here, as nothing happens in between.
 */
inline quiesce(p)
{
	if
	:: folio[p] != NONE -> UNLOCKED(folio[p])
	:: folio[p] == NONE
	fi;
	SLOT_UNLOCKED(p, 0);
	SLOT_UNLOCKED(p, 1);
	vmas_zap(p, 0, 1)
}

/*
 * block.c: dph_block_exclusive(). held: the caller has one reference to the
 * folio himself.
 */
inline exclusive(p, held)
{
	atomic {
		ok = folio[p] != NONE && users[folio[p]] == 1;
#ifdef WITHOUT_LEFTOVER_CHECK
		was_shared[p] = false;
#endif
		look = ok && was_shared[p]
	};
	if
	:: look ->
		quiesce(p);
		atomic {
			ok = (ref[folio[p]] == 1 + (held));
			was_shared[p] = !ok;
			look = false
		}
	:: else
	fi
}

/*
 * cow.c: dph_cow_writable(): is page i the process's own? held: the frame to
 * which the caller has a reference, or NONE.
 */
inline cow_writable(p, i, held)
{
	atomic {
		s = SLOT(p, i);
		ok = IS_PAGE(s) && tusers[over[p]] == 1 &&
		     sharers[OBJECT(s)] == 1;
		look = ok && once[OBJECT(s)]
	};
	if
	:: s == NONE ->
		exclusive(p, (IS_PAGE(held) && OBJECT(held) == folio[p] -> 1 : 0))
	:: s != NONE && look ->
		/*
		 * A relative that is gone may have left a reference. The two
		 * counts are read one after the other, and entries may be
		 * dropped in between (MADV_DONTNEED, a relative's reclaim):
		 * references first, as an entry's goes after its map count.
		 */
#ifdef WITHOUT_COUNT_ORDER
		atomic { count = mapped[OBJECT(s)] };
		atomic { ok = (ref[OBJECT(s)] == 1 + count +
			       (held == s -> 1 : 0)) };
#else
		atomic { count = ref[OBJECT(s)] };
		atomic { ok = (count == 1 + mapped[OBJECT(s)] +
			       (held == s -> 1 : 0)) };
#endif
		atomic {
			if
			:: ok -> once[OBJECT(s)] = false
			:: else
			fi;
			count = 0; look = false
		}
	:: else
	fi;
	s = NONE
}

/*
 * cow.c: dph_cow_break(): the process gets a page i of its own; false: no
 * memory. Others of its threads may still read the old one until the zap.
 */
inline cow_break(p, i)
{
#ifdef WITHOUT_TRYLOCK
	/* To allocate may mean to reclaim, with this block's lock held. */
	atomic { !block[PARENT] && !block[CHILD] };
#endif
	atomic { page_alloc(s); ok = (s != NONE) };
	if
	:: ok ->
		atomic {
			own_overlay(p);
			n = PAGE(p, i);
			CLAIM(page_there, n != NONE);
			mem[FRAME(s)] = mem[n]
		};
		UNLOCKED(OBJECT(n));	/* as in quiesce() */
		d_step { overlay_set(over[p], i, FRAME(s)) };
#ifndef WITHOUT_COW_ZAP
		vmas_zap(p, i, i);
#endif
		d_step { drop_hidden_folio(p); s = NONE; n = NONE }
	:: else
	fi
}
