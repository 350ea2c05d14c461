/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The first touch, promotion, demotion and discard of a block; called and
 * joined as cow.pml says.
 */

/*
 * promote.c: dph_promote_fill(): clear what nobody has touched. From here on a
 * PMD may map the folio.
 */
inline fill(p)
{
	d_step {
		if
		:: !pop[AT(folio[p], 0)] -> mem[AT(folio[p], 0)] = ZERO
		:: else
		fi;
		if
		:: !pop[AT(folio[p], 1)] -> mem[AT(folio[p], 1)] = ZERO
		:: else
		fi;
		pop[AT(folio[p], 0)] = true;
		pop[AT(folio[p], 1)] = true;
		retracted[p] = false
	}
}

#define MOVABLE(f) (!IS_PAGE(f) || \
	sharers[OBJECT(f)] == 1 && ref[OBJECT(f)] == 1)

inline merge_page(p, k, to)
{
	if
	:: SLOT(p, k) == HOLE -> mem[AT(to, k)] = ZERO; pop[AT(to, k)] = false
	:: IS_PAGE(SLOT(p, k)) ->
		mem[AT(to, k)] = mem[SLOT(p, k)]; pop[AT(to, k)] = true
	:: else
	fi
}

/*
 * promote.c: promote_merge(): copy the overlay into the block's own folio, or into
 * `spare`. Pages that a relative or I/O holds can't be moved.
 */
inline merge(p)
{
	ok = (tusers[over[p]] == 1);
	if
	:: ok && folio[p] != NONE -> exclusive(p, 0)
	:: else
	fi;
	if
	:: ok ->
#ifndef WITHOUT_MERGE_QUIESCE
		quiesce(p);
#endif
		atomic {
			d_step {
#ifdef WITHOUT_MOVABLE_CHECK
				ok = true;
#else
				ok = MOVABLE(SLOT(p, 0)) && MOVABLE(SLOT(p, 1)) &&
				     (folio[p] == NONE || ref[folio[p]] == 1);
#endif
				if
				:: ok ->
					if
					:: folio[p] == NONE ->
						folio[p] = spare; spare = NONE
					:: else
					fi;
					merge_page(p, 0, folio[p]);
					merge_page(p, 1, folio[p]);
					overlay_put(over[p]);
					over[p] = NONE
				:: else
				fi
			}
		}
	:: else
	fi
}

/* A spare folio that wasn't needed goes back: folio.c: dph_folio_put(). */
inline put_spare()
{
	if
	:: spare != NONE -> folio_release(spare); spare = NONE
	:: else
	fi
}

/* block.c: dph_block_recount(): an empty table of the block's own goes. */
inline recount(p)
{
	if
	:: over[p] != NONE && SLOT(p, 0) == NONE && SLOT(p, 1) == NONE &&
	   tusers[over[p]] == 1 -> overlay_put(over[p]); over[p] = NONE
	:: else
	fi
}

/* block.c: dph_backing_release() */
inline release(p)
{
	if
	:: folio[p] != NONE -> folio_release(folio[p]); folio[p] = NONE
	:: else
	fi;
	if
	:: over[p] != NONE -> overlay_put(over[p]); over[p] = NONE
	:: else
	fi;
	was_shared[p] = false;
	remap[p] = false
}

/*
 * touch.c: touch_populate(): the first touch of page i. What the policy decides is
 * open here: any page may be single, any reservation may become full.
 */
inline populate(p, i)
{
	atomic {
		if
		:: folio[p] == NONE && over[p] == NONE ->
			folio_alloc(folio[p]);
			if
			:: folio[p] != NONE -> fill(p)	/* DPH_HUGE */
			:: skip				/* DPH_RESERVE */
			fi
		:: else
		fi;
		ok = false;
		need = (PAGE(p, i) == NONE);
		own = need && SLOT(p, i) == NONE
	};
	if
	:: own -> exclusive(p, 0)
	:: else
	fi;
	atomic {
		if
		:: need && ok ->
			mem[AT(folio[p], i)] = ZERO;
			pop[AT(folio[p], i)] = true
		:: need && !ok ->
			page_alloc(s);
			ok = (s != NONE);
			if
			:: ok ->
				mem[FRAME(s)] = ZERO;
				own_overlay(p);
				overlay_set(over[p], i, FRAME(s));
				drop_hidden_folio(p);
				s = NONE
			:: else
			fi
		:: else -> ok = true
		fi;
		own = false;
		/* dph_policy_promote(), dph_policy_retry() */
		if
		:: need && ok && over[p] == NONE -> fill(p); need = false
		:: need && ok && over[p] != NONE && folio[p] != NONE
		:: need && ok && over[p] != NONE && folio[p] == NONE ->
			folio_alloc(spare); need = (spare != NONE)
		:: need = false
		fi
	};
	if
	:: need ->		/* dph_promote_collapse() */
		merge(p);
		atomic {
			if
			:: ok -> fill(p)
			:: else
			fi;
			put_spare(); ok = true; need = false
		}
	:: else
	fi
}

/*
 * touch.c: dph_touch_page(): the page for a fault, in f, or NONE: no memory. A page
 * that the process may write must be its own.
 */
inline touch(p, i)
{
	atomic {
		f = PAGE(p, i);
		own = f != NONE && forked[p] && (w || !watched[p])
	};
	if
	:: f == NONE -> populate(p, i)
	:: f != NONE && own ->
		own = false;
		cow_writable(p, i, NONE);
		if
		:: !ok -> cow_break(p, i)
		:: else
		fi
	:: else -> ok = true
	fi;
	atomic {
		f = (ok -> PAGE(p, i) : NONE);
		ok = false
	}
}

inline demote_page(p, k, skip_it)
{
	if
	:: ok && pop[AT(folio[p], k)] && !(skip_it) && SLOT(p, k) == NONE ->
		if
		:: mem[AT(folio[p], k)] == ZERO -> pop[AT(folio[p], k)] = false
		:: else ->
			page_alloc(s);
			ok = (s != NONE);
			if
			:: ok ->
				mem[FRAME(s)] = mem[AT(folio[p], k)];
				overlay_set(over[p], k, FRAME(s));
				s = NONE
			:: else
			fi
		fi
	:: else
	fi
}

/*
 * demote.c: dph_demote(): give the folio up for single pages. The block is
 * unmapped and the folio its own. first: the page that needn't be copied.
 */
inline demote(p, first)
{
	atomic {
		ok = true;
		own_overlay(p);
		demote_page(p, 0, (first) == 0);
		demote_page(p, 1, (first) == 1);
		if
		:: ok -> folio_release(folio[p]); folio[p] = NONE; remap[p] = false
		:: else
		fi;
		recount(p)
	}
}

/*
 * demote.c: dph_demote_discard(): page i, or the block if all, reads as zero from
 * now on.
 */
inline discard(p, i)
{
	atomic {
		need = all || PAGE(p, i) != NONE;
		look = need && (folio[p] != NONE || over[p] != NONE)
	};
	if
	:: look ->
#ifndef WITHOUT_DISCARD_QUIESCE
		quiesce(p);
#endif
		look = false
	:: else
	fi;
	if
	:: need && (all || PAGE(p, 1 - i) == NONE) ->
		d_step { release(p) }
	:: need && !(all || PAGE(p, 1 - i) == NONE) ->
		exclusive(p, 0);
		own = false;
		if
		:: ok && ref[folio[p]] == 1 -> demote(p, i); own = !ok
		:: else
		fi;
		atomic {		/* demote_hide() */
			look = folio[p] != NONE && pop[AT(folio[p], i)];
			if
			:: look && own ->
				mem[AT(folio[p], i)] = ZERO;
				pop[AT(folio[p], i)] = false;
				look = false
			:: else
			fi;
			if
			:: look || over[p] != NONE ->
				own_overlay(p);
				overlay_set(over[p], i, (look -> HOLE : NONE))
			:: else
			fi;
			recount(p);
			look = false; own = false; ok = false
		}
	:: else
	fi;
	need = false
}
