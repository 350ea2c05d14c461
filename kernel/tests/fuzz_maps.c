// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on mappings: they come and go, are cut, moved, shrunk and grown,
 * change their protection, and show the same pages at two addresses.
 */
#include "fuzz_statue.h"

/* Nothing is shown in @n pages from @v on, and nothing else settles there. */
static void map_placeholder(struct slice *s, unsigned int v, unsigned int n)
{
	if (retried(mmap(page_at(v), n * PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)) == -1)
		fail_test(s, "placeholder: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		model_drop(v + i);
}

static bool do_unmap(struct slice *s)
{
	unsigned int n, v = random_range(s, &n);

	record_call(s, "unmap %u+%u", v, n);
	if (once_in(s, 2)) {
		others_rest(); /* what they map must not settle in the hole */
		if (retried(munmap(page_at(v), n * PAGE)))
			fail_test(s, "munmap: errno %d", errno);
	}
	map_placeholder(s, v, n);
	return true;
}

/* A new mapping at @n pages from @v on. @more: flags for mmap(), which mean nothing to the driver. */
static bool map_region(struct slice *s, unsigned int v, unsigned int n, const struct dphuge_threshold *t, int more)
{
	unsigned int region = model_free_region(s->nr);
	int fd;

	if (region == NO_REGION)
		return false;
	record_call(s, "map %u+%u region %u, %u %%%s%s", v, n, region, t->percent, t->flags ? " adaptive" : "",
		    more ? ", no reserve" : "");
	fd = retried(open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC));
	if (fd < 0)
		fail_test(s, "open: errno %d", errno);
	if (t->size && ioctl(fd, DPHUGE_IOC_THRESHOLD, t))
		fail_test(s, "threshold: errno %d", errno);
	if (retried(mmap(page_at(v), n * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | more, fd, 0)) == -1)
		fail_test(s, "mmap: errno %d", errno);
	model_clear_region(region);
	for (unsigned int i = 0; i < n; i++)
		model_set(v + i,
			  (struct vpage){ .region = region, .prot = PROT_READ | PROT_WRITE, .off = i });
	close(fd);
	return true;
}

static bool do_map(struct slice *s, int more)
{
	struct dphuge_threshold t = { .size = once_in(s, 2) ? sizeof(t) : 0, .percent = below(s, 101),
				      .flags = below(s, 2) };
	unsigned int n, v = random_range(s, &n);

	return map_region(s, v, n, &t, more);
}

bool map_blocks(struct slice *s, unsigned int *v, unsigned int *n)
{
	unsigned int first = (s->nr * SLICE_PAGES + BLOCK_PAGES - 1) / BLOCK_PAGES;
	unsigned int blocks = (s->nr + 1) * SLICE_PAGES / BLOCK_PAGES - first;
	struct dphuge_threshold t = { .size = sizeof(t), .percent = once_in(s, 2) ? 0 : 100 };
	unsigned int step = t.percent ? 1 + below(s, 8) : 1, at = first + below(s, blocks - 1);

	*v = at * BLOCK_PAGES;
	*n = (1 + below(s, 2)) * BLOCK_PAGES;
	if (!map_region(s, *v, *n, &t, 0))
		return false;
	for (unsigned int i = 0; i < *n; i += step)
		write_page(s, *v + i);
	if (once_in(s, 4)) { /* a part with unaligned ends */
		*v += below(s, *n / 2);
		*n = 2 + below(s, *n / 2 - 2);
	}
	return true;
}

static bool do_protect(struct slice *s)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };
	int prot = prots[below(s, 4)];
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, 0))
		return false;
	record_call(s, "mprotect %u+%u %d", v, n, prot);
	if (retried(mprotect(page_at(v), n * PAGE, prot)))
		fail_test(s, "mprotect: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		vpages[v + i].prot = prot;
	return true;
}

#define MOVED_MAX 1500u /* more than random_range() ever gives */

/* Where a move goes: @to + @m, apart from @v + @n, and only pages that this slice may show. */
static bool move_target(struct slice *s, unsigned int v, unsigned int n, unsigned int *to, unsigned int *m)
{
	*to = random_range(s, m);
	if (once_in(s, 2))
		*m = n;
	if (once_in(s, 2)) /* congruent modulo 2 MiB: tables are moved, not entries */
		*to = *to - *to % BLOCK_PAGES + v % BLOCK_PAGES;
	if (*to < s->nr * SLICE_PAGES || *to + *m > (s->nr + 1) * SLICE_PAGES ||
	    (*to < v + n && v < *to + *m))
		return false;
	for (unsigned int i = n; i < *m; i++)
		if (!model_offset_allowed(s->nr, vpages[v].region, vpages[v].off + i))
			return false;
	return true;
}

/* What mremap() refuses to move stays where it is, but its target is gone. */
static void move_refused(struct slice *s, unsigned int v, unsigned int n, unsigned int to, unsigned int m)
{
	if (m < n) /* what shrinking cuts off may be gone */
		map_placeholder(s, v + m, n - m);
	map_placeholder(s, to, m);
	if (m == n) /* some of several VMAs may have moved */
		map_placeholder(s, v, n);
}

/* Move, and mostly shrink or grow as well. */
static bool do_mremap(struct slice *s)
{
	struct vpage moved[MOVED_MAX];
	unsigned int v, n, m, to;
	void *p;

	if (!random_stretch(s, &v, &n, 0) || !move_target(s, v, n, &to, &m))
		return false;
	record_call(s, "mremap %u+%u to %u+%u", v, n, to, m);
	for (unsigned int i = 0; i < n || i < m; i++) {
		/* Since 6.17 a move may take several VMAs along; one that grows is one VMA. */
		const struct vpage *from = &vpages[i < n ? v + i : v];

		moved[i] = (struct vpage){ from->region, from->prot, from->dontfork, vpages[v].off + i };
	}
	others_rest();
	p = (void *)retried(mremap(page_at(v), n * PAGE, m * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				   page_at(to)));
	if (p == MAP_FAILED) { /* several VMAs whose flags differ, or more than may be locked */
		if (errno != EFAULT && errno != EAGAIN && errno != EINVAL)
			fail_test(s, "mremap: errno %d", errno);
		move_refused(s, v, n, to, m);
		return false;
	}
	for (unsigned int i = 0; i < m; i++) /* the target goes first, all of it */
		model_drop(to + i);
	for (unsigned int i = 0; i < m; i++)
		model_set(to + i, moved[i]);
	map_placeholder(s, v, n);
	return true;
}

/* How many pages right before @v can be written, and a fork hands them on; at most 100. */
static unsigned int neighbours(struct slice *s, unsigned int v)
{
	unsigned int m = 0;

	while (m < 100 && v - m > s->nr * SLICE_PAGES && model_shown(v - m - 1) &&
	       vpages[v - m - 1].prot == (PROT_READ | PROT_WRITE) && !vpages[v - m - 1].dontfork)
		m++;
	return m;
}

static void advise(struct slice *s, char *p, unsigned int n, int advice)
{
	if (retried(madvise(p, n * PAGE, advice)))
		fail_test(s, "madvise %d: errno %d", advice, errno);
}

/* Away, and back to its old neighbours. These may have been forked meanwhile, with it or without. */
static bool do_return(struct slice *s)
{
	unsigned int v, n, m;
	char *away, *to;

	if (!random_forked(s, &v, &n))
		return false;
	m = neighbours(s, v);
	record_call(s, "mremap away and back %u+%u beside %u", v, n, m);
	others_rest();
	away = (char *)retried(mmap(NULL, n * PAGE + 2 * BLOCK, PROT_NONE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	if (away == MAP_FAILED)
		fail_test(s, "mmap: errno %d", errno);
	to = block_align(away) + (uintptr_t)page_at(v) % BLOCK;
	if (retried(mremap(page_at(v), n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to)) == -1) {
		/* Several VMAs; some may have moved. */
		if (errno != EFAULT && errno != EAGAIN && errno != EINVAL)
			fail_test(s, "mremap away: errno %d", errno);
		map_placeholder(s, v, n);
		munmap(away, n * PAGE + 2 * BLOCK);
		return false;
	}
	if (m && once_in(s, 2)) {
		advise(s, to, n, MADV_DONTFORK);
		statue_make(s, v - m, m);
		advise(s, to, n, MADV_DOFORK);
		for (unsigned int i = 1; i <= m; i++) /* reads make entries that can be read only */
			(void)first_word(v - i);
	} else if (m) {
		statue_make(s, v - m, m);
	}
	if (retried(mremap(to, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, page_at(v))) == -1)
		fail_test(s, "mremap back: errno %d", errno);
	if (m)
		write_some(s, v - m, m);
	write_some(s, v, n);
	statue_end(s, "mremap back");
	check_page(s, v + below(s, n), "mremap back");
	munmap(away, n * PAGE + 2 * BLOCK);
	return true;
}

/* The same pages at a second address, where one of them is written. */
static bool do_alias(struct slice *s)
{
	uint64_t value = new_value(s);
	unsigned int v, n;
	char *p;

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "alias of %u+%u", v, n);
	p = (void *)retried(mremap(page_at(v), 0, n * PAGE, MREMAP_MAYMOVE));
	if (p == MAP_FAILED)
		return false; /* EAGAIN: the VMA is locked */
	for (unsigned int i = 0; i < n; i++) {
		const volatile uint64_t *word = (uint64_t *)(p + i * PAGE);

		if (model_written(v + i) && *word != model_value(v + i, *word))
			fail_test(s, "alias of page %u shows %#lx", v + i, *word);
	}
	fill_page(p + (n - 1) * PAGE, value);
	model_write(v + n - 1, value);
	check_page(s, v + n - 1, "written through an alias");
	retried(munmap(p, n * PAGE));
	return true;
}

const struct op map_ops[] = {
	{ .name = "unmap", .weight = 4, .run = do_unmap },
	{ .name = "map", .weight = 4, .run_with = do_map, .arg = 0 },
	{ .name = "map with MAP_NORESERVE", .weight = 2, .run_with = do_map, .arg = MAP_NORESERVE },
	{ .name = "mprotect", .weight = 4, .run = do_protect },
	{ .name = "mremap", .weight = 5, .run = do_mremap },
	{ .name = "mremap away and back", .weight = 3, .run = do_return },
	{ .name = "alias", .weight = 2, .run = do_alias },
	{ .name = NULL },
};
