// SPDX-License-Identifier: GPL-2.0
/* The model of bytes that fuzz_model.h describes. */
#include "fuzz_model.h"

#define OWN_REGIONS 10u			/* of each slice, beside region 0 */
#define OWN_PAGES (2 * SLICE_PAGES)	/* in each of these */
#define REGIONS (1 + SLICES * OWN_REGIONS)

/*
 * One page of a region.
 * @value: what each of its words holds
 * @refs: how many pages of the window show it
 * @stale: it was MADV_DONTFORK's when this process was forked, so its value
 *	belongs to nothing here. What shows it later may show the value, which
 *	the family still has, or zeroes.
 */
struct content {
	uint64_t value;
	uint32_t refs;
	bool stale;
};

static struct content first_region[WINDOW_PAGES];
static struct content own_regions[REGIONS - 1][OWN_PAGES];
struct vpage vpages[WINDOW_PAGES];
char *window;

/* What page @v shows, or NULL. */
static struct content *content_of(unsigned int v)
{
	const struct vpage *page = &vpages[v];

	if (page->region == NO_REGION)
		return NULL;
	return page->region ? &own_regions[page->region - 1][page->off] : &first_region[page->off];
}

void model_init(void)
{
	for (unsigned int v = 0; v < WINDOW_PAGES; v++) {
		vpages[v].region = NO_REGION;
		model_set(v, (struct vpage){ .prot = PROT_READ | PROT_WRITE, .off = v });
	}
}

void model_drop(unsigned int v)
{
	struct content *c = content_of(v);

	if (c && !--c->refs) {
		c->value = 0;
		c->stale = false;
	}
	vpages[v] = (struct vpage){ .region = NO_REGION };
}

void model_set(unsigned int v, struct vpage page)
{
	model_drop(v);
	vpages[v] = page;
	if (page.region != NO_REGION)
		content_of(v)->refs++;
}

unsigned int model_free_region(unsigned int slice)
{
	bool used[REGIONS] = { false };

	for (unsigned int v = slice * SLICE_PAGES; v < (slice + 1) * SLICE_PAGES; v++)
		if (model_shown(v))
			used[vpages[v].region] = true;
	for (unsigned int r = 1 + slice * OWN_REGIONS; r <= (slice + 1) * OWN_REGIONS; r++)
		if (!used[r])
			return r;
	return NO_REGION;
}

void model_clear_region(unsigned int region)
{
	memset(own_regions[region - 1], 0, sizeof(own_regions[0]));
}

bool model_offset_allowed(unsigned int slice, unsigned int region, uint32_t off)
{
	return region ? off < OWN_PAGES : off / SLICE_PAGES == slice && off < WINDOW_PAGES;
}

unsigned int model_run(unsigned int v, unsigned int max)
{
	unsigned int n = 1;

	while (n < max && vpages[v + n].region == vpages[v].region && vpages[v + n].prot == vpages[v].prot &&
	       (!model_shown(v) || vpages[v + n].off == vpages[v].off + n))
		n++;
	return n;
}

void model_fork(void)
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

uint64_t model_value(unsigned int v, uint64_t seen)
{
	struct content *c = content_of(v);

	if (c->stale && !seen)
		c->value = 0;
	c->stale = false;
	return c->value;
}

uint64_t model_written(unsigned int v)
{
	return content_of(v)->value;
}

bool model_certain(unsigned int v)
{
	return !content_of(v)->stale;
}

void model_write(unsigned int v, uint64_t value)
{
	struct content *c = content_of(v);

	c->value = value;
	c->stale = false;
}
