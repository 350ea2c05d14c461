/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where pages come from, and the tables of single pages. Each inline names the
 * function it stands for. All are called with a block's lock held and inside
 * an atomic { }: what several blocks share is counted atomically.
 */

/* page.c: dph_page_alloc(): a single page in s, or NONE; without content. */
inline page_alloc(s)
{
	d_step {
		s = 2;
		do
		:: s < 6 && ref[s] > 0 -> s++
		:: else -> break
		od;
		if
		:: s == 6 -> s = NONE
		:: else -> ref[s] = 1; sharers[s] = 1; once[s] = false
		fi
	}
}

/*
 * folio.c: dph_folio_alloc(), pool.c: dph_pool_take(): a folio in o, or NONE; not
 * cleared.
 */
inline folio_alloc(o)
{
	if
	:: ref[0] == 0 -> o = 0; ref[o] = 1; users[o] = 1; inside[o] = false
	:: ref[0] > 0 && ref[1] == 0 ->
		o = 1; ref[o] = 1; users[o] = 1; inside[o] = false
	:: o = NONE		/* memory is fragmented, or short */
	fi
}

/* folio.c: dph_folio_put() */
inline folio_release(o)
{
	users[o]--;
	if
	:: users[o] == 0 ->
		pop[AT(o, 0)] = false;
		pop[AT(o, 1)] = false;
		put(o)
	:: else
	fi
}

/* overlay.c: overlay_page_put() */
inline put_overlay_page(f)
{
	sharers[OBJECT(f)]--;
	if
	:: sharers[OBJECT(f)] == 0 -> once[OBJECT(f)] = false; put(OBJECT(f))
	:: else
	fi
}

#define IS_PAGE(f) ((f) != NONE && (f) != HOLE)

/* overlay.c: dph_overlay_put() */
inline overlay_put(t)
{
	tusers[t]--;
	if
	:: tusers[t] == 0 ->
		if
		:: IS_PAGE(slot[AT(t, 0)]) -> put_overlay_page(slot[AT(t, 0)])
		:: else
		fi;
		if
		:: IS_PAGE(slot[AT(t, 1)]) -> put_overlay_page(slot[AT(t, 1)])
		:: else
		fi;
		slot[AT(t, 0)] = NONE;
		slot[AT(t, 1)] = NONE
	:: else
	fi
}

/* overlay.c: dph_overlay_set() */
inline overlay_set(t, k, f)
{
	if
	:: IS_PAGE(slot[AT(t, k)]) -> put_overlay_page(slot[AT(t, k)])
	:: else
	fi;
	slot[AT(t, k)] = f
}

inline overlay_page_share(f)
{
	if
	:: IS_PAGE(f) -> sharers[OBJECT(f)]++; once[OBJECT(f)] = true
	:: else
	fi
}

/* overlay.c: dph_overlay_alloc() */
inline overlay_alloc(t)
{
	t = (tusers[0] == 0 -> 0 : 1);
	assert(tusers[t] == 0);		/* the model has enough of them */
	tusers[t] = 1
}

/* block.c: dph_block_own_overlay(), overlay.c: dph_overlay_clone() */
inline own_overlay(p)
{
	if
	:: over[p] == NONE -> overlay_alloc(over[p])
	:: over[p] != NONE && tusers[over[p]] > 1 ->
		j = over[p];
		overlay_alloc(over[p]);
		slot[AT(over[p], 0)] = slot[AT(j, 0)];
		slot[AT(over[p], 1)] = slot[AT(j, 1)];
		overlay_page_share(slot[AT(j, 0)]);
		overlay_page_share(slot[AT(j, 1)]);
		overlay_put(j);
		j = 0
	:: else
	fi
}

/* block.c: dph_backing_drop_hidden() */
inline drop_hidden_folio(p)
{
	if
	:: folio[p] != NONE && SLOT(p, 0) != NONE && SLOT(p, 1) != NONE ->
		folio_release(folio[p]);
		folio[p] = NONE;
		was_shared[p] = false
	:: else
	fi
}
