/* SPDX-License-Identifier: GPL-2.0 */
/* What the worker and the shrinker do to a block. */

/*
 * worker.c: worker_do_block(), promote.c: dph_promote_tidy(): an overlay goes
 * back into the block's own folio, single pages into a new one. again: to be
 * mapped.
 */
inline tidy()
{
	atomic {
		again = false;
		need = alive[p] && !gone[p];
		if
		:: need -> mm_users[p]++
		:: else
		fi
	};
	if
	:: need ->
		atomic {
			if
			:: over[p] != NONE && folio[p] == NONE -> folio_alloc(spare)
			:: else
			fi
		};
		atomic { !mmap_w[p] -> mmap_r[p]++ };
		LOCK_BLOCK(p);
		atomic {
			own = FULL(p);
			need = !((over[p] != NONE && tusers[over[p]] > 1) ||
				 (folio[p] != NONE && users[folio[p]] > 1));
			look = false;
			ok = (over[p] != NONE && (folio[p] != NONE || spare != NONE))
		};
		if
		:: need && ok ->
			merge(p);
			atomic {
				need = ok;
				if
				:: ok && own -> fill(p); remap[p] = true
				:: ok -> fill(p); remap[p] = true
				:: ok && !own
				:: !ok
				fi
			}
		:: else
		fi;
		own = false;
		if
		:: need && remap[p] && WHOLE(p) ->
			exclusive(p, 0);
			atomic {
				again = ok;
				if
				:: ok -> remap[p] = false
				:: else
				fi
			}
		:: else
		fi;
		atomic { UNLOCK_BLOCK(p) };
		atomic { mmap_r[p]--; mm_users[p]--; put_spare();
			need = false; ok = false }
	:: else
	fi
}

/*
 * vma.c: dph_vma_settle(), fork.c: dph_fork_settled(): no relative is left,
 * and nothing that one left behind: writes need not be watched any more.
 */
inline settle()
{
	atomic { mm_users[p]++ };
	atomic { !mmap_w[p] && mmap_r[p] == 0 -> mmap_w[p] = true };
#ifndef WITHOUT_SETTLE_VMA_LOCK
	atomic { vma_r[p] == 0 -> vma_w[p] = true };
#endif
	if
	:: !listed[CHILD] ->			/* dph_region_alone() */
		LOCK_BLOCK(p);
		atomic {			/* cow.c: dph_cow_settled() */
			need = !((over[p] != NONE && tusers[over[p]] > 1) ||
				 (folio[p] != NONE && users[folio[p]] > 1));
			look = false;
			own = need && folio[p] != NONE
		};
#ifndef WITHOUT_SETTLE_CHECK
		if
		:: own -> exclusive(p, 0); need = ok
		:: else
		fi;
		do
		:: i < 2 && need && IS_PAGE(SLOT(p, i)) ->
			cow_writable(p, i, NONE);
			atomic { need = ok; i++ }
		:: i < 2 && !(need && IS_PAGE(SLOT(p, i))) -> i++
		:: i == 2 -> i = 0; break
		od;
#endif
		atomic { UNLOCK_BLOCK(p) };
		atomic {
			if
			:: need -> forked[p] = false; watched[p] = false
			:: else
			fi;
			need = false; own = false; ok = false
		}
	:: else
	fi;
	atomic { vma_w[p] = false; mmap_w[p] = false; mm_users[p]-- }
}

/*
 * reclaim.c: reclaim_unmap(), where it can't have mmap_lock. The driver drops the
 * entries of the block's own process only; here those of all of the family go, as
 * the core may drop them too (a memory error). The block's own process is not
 * kept from anything but taking that block's lock, and a relative from nothing.
 */
inline unmap_family()
{
	atomic { !i_mmap_w -> i_mmap_r++ };
	zap_of_file(PARENT);
	zap_of_file(CHILD);
	atomic { i_mmap_r-- }
}

#ifdef WITHOUT_RECLAIM_BLOCK_LOCK
#define LOCK_FOR_RECLAIM(p) skip
#define UNLOCK_FOR_RECLAIM(p) skip
#else
#define LOCK_FOR_RECLAIM(p) block[p] = true
#define UNLOCK_FOR_RECLAIM(p) UNLOCK_BLOCK(p)
#endif

/*
 * reclaim.c: reclaim_one(), reclaim_unmap(), reclaim_break_up() for the block
 * of process p; or, if all, for that of a third process of the family at the
 * same offset, of which this model has only the unmapping. Nothing is waited
 * for.
 */
inline shrink_one()
{
	atomic {
		look = false;
		if
		:: all -> ok = true
		:: else ->
			ok = !block[p];			/* mutex_trylock() */
#ifdef WITHOUT_RECLAIM_BLOCK_LOCK
			ok = true;
#endif
			if
			:: ok -> LOCK_FOR_RECLAIM(p);
				/* reclaim_worth_it(), dph_region_file() */
				look = folio[p] != NONE && users[folio[p]] == 1 &&
				       !gone[p];
				ok = look;
#ifndef WITHOUT_RECLAIM_FOLIO_LOCK
				if
				:: ok -> ok = !locked[folio[p]]	/* folio_trylock() */
				:: else
				fi
#endif
			:: else -> need = true		/* nothing to unlock */
			fi
		fi
	};
	if
	:: ok -> unmap_family()
	:: else
	fi;
	if
	:: look ->
		atomic {
#ifndef WITHOUT_RECLAIM_REF_CHECK
			ok = ok && (ref[folio[p]] == 1);
#endif
			if
			:: !ok -> remap[p] = FULL(p)
			:: else
			fi
		};
		if
		:: ok -> demote(p, NONE)
		:: else
		fi
	:: else
	fi;
	atomic {
		if
		:: !all && !need -> UNLOCK_FOR_RECLAIM(p)
		:: else
		fi;
		ok = false; look = false; need = false
	}
}
