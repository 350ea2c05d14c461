// SPDX-License-Identifier: GPL-2.0
/* After a fork neither side ever sees what the other writes, whatever happens to
 * the right to write in between. A table: each way of taking that right and giving
 * it back, or of marking memory and unmarking it (ways.h), in each scene
 * (who forks, who does it, to which part, before or after the fork), for each kind
 * of mapping; and each way of writing. After each step all processes compare all
 * that they see with what they are to see, from inside and, through /proc/PID/mem,
 * from outside.
 *
 * What a kernel refuses for want of a feature stands in the table, with its errno:
 * a refusal that doesn't, or one that is in the table and isn't met, fails.
 *
 * Usage: isolation [--anonymous] [--way TEXT] [huge|reserved|mixed|leaving]. With --anonymous the same
 * is done to the kernel's own private memory, where it must pass too: that shows
 * that the test asks for no more than fork promises. Needs root and a guest's
 * scratch disk (scripts/vm). */
#include "isolation_actor.h"
#include "ways.h"

/* Parts, in pages: of the block in the middle, with unaligned ends; the first
 * block, and the others; the other way round. */
#define PART_FIRST 100U
#define PART_N ((unsigned int)BLOCK_PAGES)
#define LEFT 0U, (unsigned int)BLOCK_PAGES
#define ALL_BUT_LEFT ((unsigned int)BLOCK_PAGES), (unsigned int)(PAGES - BLOCK_PAGES)
#define RIGHT (unsigned int)(PAGES - BLOCK_PAGES), (unsigned int)BLOCK_PAGES
#define ALL_BUT_RIGHT 0U, (unsigned int)(PAGES - BLOCK_PAGES)
#define MIDDLE (unsigned int)BLOCK_PAGES, (unsigned int)BLOCK_PAGES
#define ALL 0U, (unsigned int)PAGES

static int way_take(int w, char *p, size_t n)
{
	return ways[w].take(p, n);
}

static int way_give(int w, char *p, size_t n)
{
	return ways[w].give(p, n);
}

static char *way_place(char *p)
{
	return ways_place(p);
}

static bool leaving; /* only userfaultfd's ways to let go, see LEAVES */
static const char *only_way = ""; /* of those whose names have it in them */
static unsigned int way;	/* the one that the scene is about */
static enum how how;		/* and how is written */

static void take(unsigned int actor, unsigned int first, unsigned int n)
{
	if (!(ways[way].traits & STRANGER)) {
		tell(actor, (struct command){ .op = TAKE, .arg = way, .from = first, .n = n });
		return;
	}
	ways_victim = actors[actor].pid;
	refusal = refusal ?: ways[way].take(shared->base + first * PAGE, n * PAGE);
}

static void give(unsigned int actor, unsigned int first, unsigned int n)
{
	tell(actor, (struct command){ .op = GIVE, .arg = way, .from = first, .n = n });
}

/* Reads map shared pages read-only. */
static void look(unsigned int actor, unsigned int first, unsigned int n)
{
	tell(actor, (struct command){ .op = READ, .from = first, .n = n });
}

static void advise(unsigned int actor, int advice, unsigned int first, unsigned int n)
{
	tell(actor, (struct command){ .op = ADVISE, .arg = advice, .from = first, .n = n });
}

/* The whole way, and a write. */
static void go(unsigned int actor, unsigned int first, unsigned int n)
{
	look(actor, ALL);
	take(actor, first, n);
	if (!(ways[way].traits & HIDES))
		look(actor, ALL);
	if (refusal)
		return;
	give(actor, first, n);
	look(actor, first, n / 2);
	write_memory(actor, how, ALL);
}

static void parent_does(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	go(PARENT, ALL);
}

/* As parent_does(), but what was mapped before the fork is not looked at: the
 * entries are those that the fork left. */
static void parent_does_at_once(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	take(PARENT, ALL);
	if (refusal)
		return;
	give(PARENT, ALL);
	write_memory(PARENT, how, ALL);
}

static void child_does(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	go(CHILD, ALL);
}

static void middle_does(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	fork_actor(CHILD, OTHER, 0, 0);
	go(CHILD, ALL);
}

static void grandchild_does(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	fork_actor(CHILD, OTHER, 0, 0);
	go(OTHER, ALL);
}

static void second_fork(void)
{
	parent_does();
	check_all(false, true);
	fork_actor(PARENT, OTHER, 0, 0);
	go(PARENT, ALL);
}

static void across_fork(void)
{
	take(PARENT, ALL);
	if (refusal)
		return;
	fork_actor(PARENT, CHILD, 0, 0);
	if (!(ways[way].traits & HIDES))
		look(PARENT, ALL);
	give(PARENT, ALL);
	write_memory(PARENT, how, ALL);
	if (!(ways[way].traits & LOCAL))
		give(CHILD, ALL);
}

static void child_gives_back(void)
{
	take(PARENT, ALL);
	if (refusal)
		return;
	fork_actor(PARENT, CHILD, 0, 0);
	if (!(ways[way].traits & HIDES))
		look(CHILD, ALL);
	give(CHILD, ALL);
	write_memory(CHILD, how, ALL);
	give(PARENT, ALL);
}

static void part_across_fork(void)
{
	take(PARENT, PART_FIRST, PART_N);
	if (refusal)
		return;
	fork_actor(PARENT, CHILD, 0, 0);
	look(PARENT, 0, PART_FIRST);
	look(CHILD, PART_FIRST + PART_N, PAGES - PART_FIRST - PART_N);
	give(PARENT, PART_FIRST, PART_N);
	if (!(ways[way].traits & LOCAL))
		give(CHILD, PART_FIRST, PART_N);
	write_memory(PARENT, how, ALL);
}

static void part(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	go(PARENT, PART_FIRST, PART_N);
}

/*
 * A part that isn't forked (MADV_DONTFORK) lies beside one that is. Once the part
 * may be forked again, only the way's mark keeps the two apart; then the mark goes,
 * and the core may join them.
 */
static void unforked_part_joins(unsigned int first, unsigned int n, unsigned int rest, unsigned int n_rest)
{
	/* Half of it at first, as the core doesn't join two VMAs but moves the border
	 * between them. What mremap has moved comes back as a whole. */
	unsigned int half = ways[way].traits & MOVES ? n : n / 2;
	unsigned int near = first ? first : n - half, far = first ? first + half : first;

	advise(PARENT, MADV_DONTFORK, first, n);
	take(PARENT, first, n);
	if (refusal)
		return;
	fork_actor(PARENT, CHILD, first, n);
	look(PARENT, rest, n_rest);
	advise(PARENT, MADV_DOFORK, first, n);
	give(PARENT, near, half);
	write_memory(PARENT, how, rest, n_rest);
	if (half < n)
		give(PARENT, far, n - half);
	write_memory(PARENT, how, ALL);
}

static void left_joins(void)
{
	unforked_part_joins(LEFT, ALL_BUT_LEFT);
}

static void right_joins(void)
{
	unforked_part_joins(RIGHT, ALL_BUT_RIGHT);
}

/*
 * The other way round: a part of what was forked is made like the unforked one. It
 * gets MADV_DONTFORK as well, and then half of it the way's mark: the core moves
 * the border between the two VMAs. (To join them whole is forbidden by
 * vm_ops->close, on 6.12 and 7.3.)
 */
static void forked_part_joins(unsigned int first, unsigned int n, unsigned int rest, unsigned int n_rest)
{
	unsigned int some = BLOCK_PAGES, near = first ? first - some / 2 : n;
	unsigned int edge = first ? first - some / 4 : n;
	unsigned int traits = ways[way].traits;

	advise(PARENT, MADV_DONTFORK, first, n);
	take(PARENT, first, n);
	if (refusal)
		return;
	fork_actor(PARENT, CHILD, first, n);
	look(PARENT, rest, n_rest);
	if (!(traits & NOT_FORKED))
		advise(PARENT, MADV_DONTFORK, first ? first - some : n, some);
	take(PARENT, near, some / 2);
	if (!(traits & LOCKS)) {
		write_memory(PARENT, how, rest, n_rest);
	} else if (!(ways[way].traits & MOVES)) {
		/* A piece in the midst of what may have been joined, so that it isn't given
		 * to the other neighbour; what mremap has moved comes back as a whole. */
		give(PARENT, edge, some / 4);
		write_memory(PARENT, how, edge, some / 4);
	}
	give(PARENT, near, some / 2);
	if (!(traits & LOCKS))
		write_memory(PARENT, how, rest, n_rest);
	give(PARENT, first, n);
	write_memory(PARENT, how, ALL);
}

static void forked_part_joins_left(void)
{
	forked_part_joins(LEFT, ALL_BUT_LEFT);
}

static void forked_part_joins_right(void)
{
	forked_part_joins(RIGHT, ALL_BUT_RIGHT);
}

/* The memory was shared, then it was the parent's alone, then shared again. */
static void fork_after_fork(void)
{
	fork_actor(PARENT, CHILD, 0, 0);
	write_memory(PARENT, how, MIDDLE);
	end_actor(CHILD);
	look(PARENT, ALL);
	usleep(1200000); /* the driver's thread looks after a second; nothing fails if it doesn't */
	look(PARENT, ALL);
	fork_actor(PARENT, OTHER, 0, 0);
	go(PARENT, ALL);
}

enum { ALWAYS, UNLESS_SINGLE, UNLESS_LOCAL, IF_PARTIAL, IF_SPLITS, IF_LOCKS, IF_BASIC };

static const struct scene {
	const char *name;
	void (*play)(void);
	int when;
} scenes[] = {
	{ "by the parent", parent_does, ALWAYS },
	{ "by the parent at once", parent_does_at_once, IF_LOCKS },
	{ "by the child", child_does, ALWAYS },
	{ "by a child that has a child", middle_does, IF_LOCKS },
	{ "by a grandchild", grandchild_does, IF_LOCKS },
	{ "by the parent, for each of two forks", second_fork, ALWAYS },
	{ "begun before the fork", across_fork, UNLESS_SINGLE },
	{ "begun before the fork, ended by the child", child_gives_back, UNLESS_LOCAL },
	{ "to a part, begun before the fork", part_across_fork, IF_PARTIAL },
	{ "to a part", part, IF_SPLITS },
	{ "an unforked part on the left joins", left_joins, IF_SPLITS },
	{ "an unforked part on the right joins", right_joins, IF_SPLITS },
	{ "a forked part joins an unforked one on the left", forked_part_joins_left, IF_SPLITS },
	{ "a forked part joins an unforked one on the right", forked_part_joins_right, IF_SPLITS },
	{ "after an earlier child's end", fork_after_fork, IF_BASIC },
};

#define SCENES (sizeof(scenes) / sizeof(*scenes))

/* "nothing" and mprotect to R: those that the slow scene and all ways of writing are run with. */
static bool basic(unsigned int w)
{
	return w < 2;
}

static bool belongs(const struct scene *s, unsigned int w)
{
	unsigned int traits = ways[w].traits;

	switch (s->when) {
	case UNLESS_SINGLE: return !(traits & (SINGLE | NOT_FORKED));
	case UNLESS_LOCAL: return !(traits & (SINGLE | LOCAL));
	/* A part's neighbours are parts. */
	case IF_PARTIAL: return !(traits & (SINGLE | NOT_FORKED)) && !(ways[w].traits & BEYOND);
	case IF_SPLITS: return traits & SPLITS;
	case IF_LOCKS: return traits & LOCKS || basic(w);
	case IF_BASIC: return basic(w);
	default: return true;
	}
}

/* The scene is over: all look, each of the others writes, the parent goes, and the
 * others write once more. */
static void epilogue(void)
{
	check_all(false, true);
	for (unsigned int actor = ACTORS; actor-- > 0;)
		if (write_memory(actor, PLAIN, ALL))
			check_all(actor == CHILD, true);
	end_actor(PARENT);
	write_memory(CHILD, PLAIN, ALL);
	write_memory(OTHER, PLAIN, ALL);
	check_all(true, false);
}

/* False: the kernel refused it, so that other scenes make no sense. */
static bool variant(enum kind kind, const struct scene *s)
{
	const struct refusal *r = ways_refusal(&ways[way]);
	int expected = r ? r->err : 0;
	bool refused;

	first_actor(kind);
	s->play();
	refused = refusal;
	if (refusal != expected)
		complain(refusal ? "refused: %s" : "not refused as the table says: %s", strerror(refusal ?: expected));
	refusal = 0;
	epilogue();
	if (refusal)
		complain("refused at last: %s", strerror(refusal));
	last_curtain();
	if (refused && !*complaint)
		ok(true, "%s: %s, %s: refused (%s: %s), and nobody sees another's bytes", kind_name[kind], ways[way].name,
		   s->name, strerror(expected), r->why);
	else
		ok(!*complaint, "%s: %s, %s%s%s", kind_name[kind], ways[way].name, s->name, *complaint ? ": " : "", complaint);
	return !refused;
}

static void all_ways(enum kind kind)
{
	how = PLAIN;
	for (way = 0; way < ways_count; way++)
		for (unsigned int s = 0; s < SCENES; s++) {
			if (!belongs(&scenes[s], way) || leaving != !!(ways[way].traits & LEAVES) ||
			    !strstr(ways[way].name, only_way))
				continue;
			if (on_anonymous && ways[way].traits & LOSES)
				continue;
			if (!variant(kind, &scenes[s]))
				break;
		}
}

static void all_writes(enum kind kind)
{
	static const char *const name[HOWS] = {
		[BY_VFORK] = "by a vforked child", [BY_CLONE_VM] = "by a task that shares memory (CLONE_VM)",
		[BY_READ] = "by read()", [BY_DISK] = "by a disk (O_DIRECT)", [BY_SECOND_VIEW] = "through a second view (mremap)",
		[BY_VM_WRITEV] = "by a stranger's process_vm_writev", [BY_PROC_MEM] = "by a stranger through /proc/PID/mem",
		[BY_POKE] = "by a stranger's PTRACE_POKEDATA",
	};

	for (how = BY_VFORK; how < HOWS; how++)
		for (way = 0; basic(way); way++)
			for (unsigned int s = 0; s < 6; s++) {
				/* Only a shared mapping can be seen twice. */
				if (on_anonymous && how == BY_SECOND_VIEW)
					continue;
				if (how == BY_DISK && !getenv("DPHUGE_GUEST"))
					continue;
				printf("# writes %s\n", name[how]);
				variant(kind, &scenes[s]);
			}
	how = PLAIN;
}

/*
 * A stranger's write to what is read-only for the process itself: by ptrace, which
 * may. A shared mapping refuses it (EIO, the write does not reach memory); in
 * private memory a debugger's write makes a copy. Nobody else sees it in either.
 */
static void forced_writes(enum kind kind)
{
	for (enum how h = BY_PROC_MEM; h <= BY_POKE; h++)
		for (unsigned int who = PARENT; who <= CHILD; who++) {
			first_actor(kind);
			way = 1;
			fork_actor(PARENT, CHILD, 0, 0);
			look(who, ALL);
			take(who, ALL);
			write_memory(who, h, ALL);
			if (!refusal != on_anonymous)
				complain("a write to what is read-only: %s", strerror(refusal));
			check_all(true, true);
			refusal = 0;
			give(who, ALL);
			epilogue();
			last_curtain();
			ok(!*complaint, "%s: %s forces a write into %s's read-only memory%s%s", kind_name[kind],
			   h == BY_POKE ? "PTRACE_POKEDATA" : "/proc/PID/mem", who == PARENT ? "the parent" : "the child",
			   *complaint ? ": " : "", complaint);
		}
}

/* Passed by the user: it may mean something to the driver. */
static void noreserve(enum kind kind)
{
	mmap_flags = MAP_NORESERVE;
	for (unsigned int s = 0; s < SCENES; s++)
		for (way = 0; way < ways_count; way++)
			if (belongs(&scenes[s], way) && (basic(way) || ways[way].traits & NOT_FORKED)) {
				printf("# mapped with MAP_NORESERVE\n");
				variant(kind, &scenes[s]);
			}
	mmap_flags = 0;
}

int main(int argc, char **argv)
{
	enum kind kind, only = KINDS;

	for (int i = 1; i < argc; i++) {
		on_anonymous |= !strcmp(argv[i], "--anonymous");
		if (!strcmp(argv[i], "huge"))
			only = HUGE;
		if (!strcmp(argv[i], "reserved"))
			only = RESERVED;
		if (!strcmp(argv[i], "mixed"))
			only = MIXED;
		leaving |= !strcmp(argv[i], "leaving");
		if (!strcmp(argv[i], "--way") && i + 1 < argc)
			only_way = argv[i + 1];
	}
	ways_on_anonymous = on_anonymous;
	directors_place();
	for (kind = 0; kind < KINDS; kind++) {
		if (only != KINDS && kind != only)
			continue;
		all_ways(kind);
		if (leaving || *only_way)
			continue;
		all_writes(kind);
		forced_writes(kind);
		noreserve(kind);
	}
	if (!on_anonymous)
		ok(device_empty(), "nothing is left behind");
	return tap_done();
}
