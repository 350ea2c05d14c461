/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each byte must be: the model that fuzz.c holds the driver against.
 *
 * A window of addresses is cut into slices, one a thread, not at block
 * boundaries, so that threads share blocks and VMAs. A page of the window is
 * mapped to (region, offset) or to nothing (PROT_NONE, so that nothing else
 * settles there). All bytes of a page hold one 64-bit value; it belongs to the
 * offset, as two addresses may show the same offset, and is gone when no
 * address shows it any more.
 *
 * Plain private memory: a fork copies it along with what it describes.
 */
#ifndef DPH_FUZZ_MODEL_H
#define DPH_FUZZ_MODEL_H

#include "t.h"

#define SLICES 3u
#define SLICE_PAGES 5000u
#define WINDOW_PAGES (SLICES * SLICE_PAGES)
#define OWN_REGIONS 5u			/* of each slice */
#define OWN_PAGES (2 * SLICE_PAGES)	/* offsets in one */
#define REGIONS (1 + SLICES * OWN_REGIONS)
#define NO_REGION 0xffu

struct vpage {
	uint8_t region;
	uint8_t prot;
	bool dontfork;
	uint32_t off;
};

/*
 * @stale: the offset was MADV_DONTFORK's when this process was forked, so its
 * value belongs to nothing here; a view of it made later may show it or zeroes.
 */
struct content {
	uint64_t value;
	uint32_t refs;
	bool stale;
};

/* Region 0 is one mapping of the whole window, made first. */
static struct content first_region[WINDOW_PAGES];
static struct content own_regions[REGIONS - 1][OWN_PAGES];
static struct vpage vpages[WINDOW_PAGES];
static char *window;

static struct content *content_at(unsigned int region, uint32_t off)
{
	return region ? &own_regions[region - 1][off] : &first_region[off];
}

static struct content *content_of(unsigned int v)
{
	return vpages[v].region == NO_REGION ? NULL : content_at(vpages[v].region, vpages[v].off);
}

/* The offsets that the slice may show of a region. */
static bool offset_allowed(unsigned int slice, unsigned int region, uint32_t off)
{
	return region ? off < OWN_PAGES : off / SLICE_PAGES == slice && off < WINDOW_PAGES;
}

static void model_drop(unsigned int v)
{
	struct content *c = content_of(v);

	if (c && !--c->refs) {
		c->value = 0;
		c->stale = false;
	}
	vpages[v] = (struct vpage){ .region = NO_REGION };
}

static void model_set(unsigned int v, struct vpage page)
{
	model_drop(v);
	vpages[v] = page;
	if (page.region != NO_REGION)
		content_of(v)->refs++;
}

/* A region of the slice that nobody shows; NO_REGION if there is none. */
static unsigned int model_free_region(unsigned int slice)
{
	bool used[REGIONS] = { false };

	for (unsigned int v = slice * SLICE_PAGES; v < (slice + 1) * SLICE_PAGES; v++)
		if (vpages[v].region != NO_REGION)
			used[vpages[v].region] = true;
	for (unsigned int r = 1 + slice * OWN_REGIONS; r <= (slice + 1) * OWN_REGIONS; r++)
		if (!used[r])
			return r;
	return NO_REGION;
}

/* From @v on, how many pages up to @max are one stretch of a region with one protection? */
static unsigned int model_run(unsigned int v, unsigned int max)
{
	unsigned int n = 1;

	while (n < max && vpages[v + n].region == vpages[v].region && vpages[v + n].prot == vpages[v].prot &&
	       (vpages[v].region == NO_REGION || vpages[v + n].off == vpages[v].off + n))
		n++;
	return n;
}

/* What the child of a fork has: all but MADV_DONTFORK's. */
static void model_fork(void)
{
	for (unsigned int v = 0; v < WINDOW_PAGES; v++) {
		struct content *c = content_of(v);
		uint64_t value = c ? c->value : 0;

		if (!vpages[v].dontfork)
			continue;
		model_drop(v);
		if (c && !c->refs) {
			c->value = value;
			c->stale = true;
		}
	}
}

/* The page is looked at: what is it now? */
static uint64_t model_value(unsigned int v, uint64_t seen)
{
	struct content *c = content_of(v);

	if (c->stale && !seen)
		c->value = 0;
	c->stale = false;
	return c->value;
}

#endif /* DPH_FUZZ_MODEL_H */
