// SPDX-License-Identifier: GPL-2.0
/*
 * Operations: the right to write is taken from a range and given back, in all the
 * ways that ways.h knows, and VMAs are cut and joined by them. Before, between or
 * after, a child is forked that keeps still: it must not see what is written then.
 */
#include "t_memory.h"
#include "ways.h"

#include "fuzz_statue.h"

#define WAYS_MAX 80

struct op way_ops[WAYS_MAX];

/* As retried(), for functions that return an errno. */
static int attempt(int (*fn)(char *p, size_t n), unsigned int v, unsigned int n)
{
	for (unsigned int try = 0;; try++) {
		int err = fn(page_at(v), n * PAGE);

		errno = err;
		if (!err || try == FAIL_TRIES || !fail_again())
			return err;
	}
}

static void must_do(struct slice *s, const char *what, int (*fn)(char *p, size_t n), unsigned int v, unsigned int n)
{
	int err = attempt(fn, v, n);

	if (err)
		fail_test(s, "%s at %u+%u is refused: errno %d", what, v, n, err);
}

/* What the kernel refuses, it must refuse each time, with the errno that is known of it. */
static bool refused(struct slice *s, const struct way *way, int err)
{
	const struct refusal *r = ways_refusal_anywhere(way);

	if (r && r->lacks && !fuzz_lacks(r->lacks))
		r = NULL;
	if (err == (r ? r->err : 0))
		return r;
	if (fail_injecting && err)
		return true;
	fail_test(s, "%s: errno %d, must be %d; this guest is not said to lack anything else", way->name, err, r ? r->err : 0);
}

/* Reads, as they make entries that can be read only. */
static void look_at(struct slice *s, unsigned int v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i += 1 + below(s, 4))
		(void)first_word(v + i);
}

static void give_back(struct slice *s, const struct way *way, unsigned int v, unsigned int n)
{
	unsigned int half = below(s, n);

	if (!half || !(way->traits & SPLITS) || once_in(s, 2)) {
		must_do(s, way->name, way->give, v, n);
		return;
	}
	if (once_in(s, 2)) {
		must_do(s, way->name, way->give, v, half);
		must_do(s, way->name, way->give, v + half, n - half);
	} else {
		must_do(s, way->name, way->give, v + half, n - half);
		must_do(s, way->name, way->give, v, half);
	}
}

static int unlock(char *p, size_t n)
{
	return munlock(p, n) ? errno : 0;
}

/* What is there, as earlier calls left it, or new blocks. */
static bool some_memory(struct slice *s, unsigned int *v, unsigned int *n)
{
	return (once_in(s, 2) && map_blocks(s, v, n)) || random_forked(s, v, n);
}

/*
 * madvise_guard_install() restarts for as long as its zap leaves an entry in the way. In a
 * file's VMA, that of a tmpfs too, no zap removes what userfaultfd's write protection has
 * left at an address without a page: so there the call has no end (Linux 7.3).
 */
static bool without_end(const struct way *way, unsigned int v, unsigned int n)
{
	return way->traits & ENDLESS_IF_WATCHED && !fuzz_lacks("guard-pages") && vma_flag(page_at(v), n * PAGE, " uw");
}

static bool do_way(struct slice *s, int w)
{
	const struct way *way = &ways[w];
	unsigned int v, n;
	enum { BEFORE, STILL_BEFORE, BETWEEN, NEVER } moment = below(s, 4);

	if (!some_memory(s, &v, &n) || without_end(way, v, n))
		return false;
	record_call(s, "%s: %u+%u%s", way->name, v, n,
		    moment < BETWEEN ? ", forked before" : moment == BETWEEN ? ", forked between" : "");
	if (way->traits & WHOLE)
		others_rest();
	if (way->traits & STRANGER)
		ways_victim = getpid();
	must_do(s, "munlock", unlock, v, n);
	if (once_in(s, 3))
		write_some(s, v, n);
	if (moment < BETWEEN)
		statue_make(s, v, n);
	if (refused(s, way, attempt(way->take, v, n))) {
		statue_end(s, "after a refusal");
		return true;
	}
	if (moment == BETWEEN && !(way->traits & NOT_FORKED) && statue_make(s, v, n) && way->traits & HIDES)
		statue_hidden();
	if (!(way->traits & HIDES) && once_in(s, 2))
		look_at(s, v, n);
	if (!(way->traits & (HIDES | LOCKS)) && once_in(s, 2))
		write_some(s, v, n);
	/* What harms nobody may stay as it is. */
	if (way->traits & (HIDES | LOCKS | NOT_FORKED | LEAVES | WHOLE) || !once_in(s, 4))
		give_back(s, way, v, n);
	write_some(s, v, n);
	statue_end(s, way->name);
	check_page(s, v + below(s, n), way->name);
	return true;
}

/* One that marks VMAs, and works on this kernel. */
static const struct way *splitting_way(struct slice *s)
{
	for (;;) {
		const struct way *way = &ways[below(s, ways_count)];

		if (way->traits & SPLITS && !(way->traits & (MOVES | BEYOND | LEAVES | WHOLE)) && !ways_refusal_anywhere(way))
			return way;
	}
}

/*
 * A part @v+@n isn't forked (MADV_DONTFORK), the rest @at+@m beside it is. Then a piece of
 * the rest next to it is made like it, by the same mark: the core may move the border
 * between the two VMAs (as in isolation.c, forked_part_joins()). To join them whole is
 * forbidden by vm_ops->close, so the last mark is put on a part of a VMA.
 */
static void join_parts(struct slice *s, const struct way *way, unsigned int v, unsigned int n, unsigned int at, unsigned int m)
{
	unsigned int some = 2 + below(s, m - 2), half = way->traits & NOT_FORKED ? some : some / 2;
	unsigned int near = at > v ? at : at + m - some, edge = at > v ? at : at + m - half;

	must_do(s, "MADV_DONTFORK", ways_dontfork, v, n);
	must_do(s, way->name, way->take, v, n);
	if (statue_make(s, at, m)) {
		look_at(s, at, m);
		must_do(s, "MADV_DONTFORK", ways_dontfork, near, some);
		must_do(s, way->name, way->take, edge, half);
		if (!(way->traits & (HIDES | LOCKS)))
			write_some(s, at, m);
		if (half > 4) { /* a piece in the midst of what was joined, so that no neighbour gets it */
			must_do(s, way->name, way->give, edge + half / 4, half / 2);
			write_some(s, edge + half / 4, half / 2);
		}
		must_do(s, way->name, way->give, edge, half);
		write_some(s, at, m);
		statue_check(s, "parts that may be joined");
		must_do(s, "MADV_DOFORK", ways_dofork, near, some);
	}
	give_back(s, way, v, n);
	must_do(s, "MADV_DOFORK", ways_dofork, v, n);
	write_some(s, at, m);
	statue_end(s, "parts that were joined");
}

static bool do_join(struct slice *s)
{
	const struct way *way = splitting_way(s);
	unsigned int v, n, cut;

	if (!some_memory(s, &v, &n) || n < 12)
		return false;
	cut = 4 + below(s, n - 8);
	record_call(s, "join %u+%u, %s", v, n, way->name);
	must_do(s, "munlock", unlock, v, n);
	if (once_in(s, 2))
		write_some(s, v, n);
	if (once_in(s, 2))
		join_parts(s, way, v, cut, v + cut, n - cut);
	else
		join_parts(s, way, v + cut, n - cut, v, cut);
	check_page(s, v + below(s, n), "after a join");
	return true;
}

static bool usable(const struct way *way)
{
	/* 6.12's userfaultfd_unregister() has a BUG_ON() that comes true (ways.c). */
	return !(way->traits & (MOVES | BEYOND)) && !(way->traits & LEAVES && fuzz_lacks("uffd-unregister"));
}

void ways_init(void)
{
	unsigned int count = 0;

	must(ways_count + 2 < WAYS_MAX);
	for (unsigned int w = 0; w < ways_count; w++)
		if (usable(&ways[w]))
			way_ops[count++] = (struct op){ .name = ways[w].name, .weight = ways[w].traits & LOCKS ? 3 : 1,
							.run_with = do_way, .arg = w };
	way_ops[count] = (struct op){ .name = "parts that join", .weight = 6, .run = do_join };
}
