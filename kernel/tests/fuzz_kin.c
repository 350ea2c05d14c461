// SPDX-License-Identifier: GPL-2.0
/* What one process may see of another (fuzz_kin.h), and the operation that looks. */
#include "fuzz.h"

#include <sys/uio.h>

#define KIN_MAX (1u << 20)
#define ID_SHIFT 4
#define COUNT_SHIFT 24
#define LOOKS 12u /* pages that are read of a relative at a time */

/*
 * @pid: 0 before it is born and after its end
 * @forked: values that its parent wrote from this one on are not its own
 */
static struct kin {
	atomic_int pid;
	unsigned int parent;
	atomic_ulong forked;
} *kin;
static atomic_uint *kin_count;
static unsigned int self;

void kin_init(void)
{
	kin = mmap(NULL, KIN_MAX * sizeof(*kin) + PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	must(kin != MAP_FAILED);
	kin_count = (void *)(kin + KIN_MAX);
	*kin_count = 1;
	kin[0].pid = getpid();
}

uint64_t kin_value(uint64_t count, unsigned int nr)
{
	return count << COUNT_SHIFT | (uint64_t)self << ID_SHIFT | (nr + 1);
}

unsigned int kin_next(void)
{
	unsigned int id = atomic_fetch_add(kin_count, 1);

	if (id >= KIN_MAX)
		return 0;
	kin[id].parent = self;
	return id;
}

void kin_born(unsigned int id, uint64_t forked_at, bool at_rest)
{
	self = id;
	/* Other threads of the parent may have written after it looked, and before the fork. */
	atomic_store(&kin[id].forked, at_rest ? forked_at : atomic_load(&shared->values));
	atomic_store(&kin[id].pid, getpid());
}

void kin_leave(void)
{
	atomic_store(&kin[self].pid, 0);
}

void kin_ended(unsigned int id)
{
	atomic_store(&kin[id].pid, 0);
}

/* Whether process @id may see @value in a page of slice @nr. */
static bool may_see(unsigned int id, uint64_t value, unsigned int nr)
{
	unsigned int writer = value >> ID_SHIFT & (KIN_MAX - 1);
	uint64_t count = value >> COUNT_SHIFT, until = ~0UL;

	if (!value)
		return true;
	if ((value & ((1 << ID_SHIFT) - 1)) != nr + 1)
		return false;
	while (writer != id) {
		if (!id)
			return false;
		until = atomic_load(&kin[id].forked);
		id = kin[id].parent;
	}
	return count < until;
}

/* A child of this thread's, its parent, or any of the youngest processes. */
static unsigned int choose_relative(struct slice *s)
{
	unsigned int count = atomic_load(kin_count);

	if (slices[s->nr].children && once_in(s, 2))
		return slices[s->nr].child_id[below(s, slices[s->nr].children)];
	if (once_in(s, 3))
		return kin[self].parent;
	return count - 1 - below(s, count < 24 ? count : 24);
}

bool kin_peek(struct slice *s, unsigned int v, unsigned int n)
{
	static _Thread_local uint64_t page[PAGE / 8];
	unsigned int id = choose_relative(s), looks = 0;
	pid_t pid = id < KIN_MAX ? atomic_load(&kin[id].pid) : 0;
	char path[32];
	int fd;

	if (!pid || id == self)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	/* It has not been waited for, so this is its memory, or that of no process any more. */
	if (atomic_load(&kin[id].pid) == pid)
		for (unsigned int i = 0; i < LOOKS; i++) {
			unsigned int at = v + below(s, n);

			if (pread(fd, page, PAGE, (uintptr_t)page_at(at)) != (long)PAGE)
				continue;
			looks++;
			for (unsigned int word = 0; word < PAGE / 8; word++)
				if (!may_see(id, page[word], s->nr))
					fail_test(s, "process %d (number %u) shows at page %u word %u %#lx, which number %u wrote",
						  pid, id, at, word, page[word],
						  (unsigned int)(page[word] >> ID_SHIFT) & (KIN_MAX - 1));
		}
	close(fd);
	return looks;
}

static void print_file(pid_t pid, const char *name)
{
	char path[48], line[256];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		printf("#     %s: %.*s\n", name, (int)strcspn(line, "\n"), line);
	if (f)
		fclose(f);
}

void kin_print(void)
{
	unsigned int count = atomic_load(kin_count);

	for (unsigned int id = 0; id < count && id < KIN_MAX; id++) {
		static struct slice theirs[SLICES];
		pid_t pid = atomic_load(&kin[id].pid);
		struct iovec local = { theirs, sizeof(theirs) }, remote = { slices, sizeof(slices) };

		if (!pid)
			continue;
		printf("#   process %d, number %u\n", pid, id);
		print_file(pid, "stat");
		print_file(pid, "syscall");
		print_file(pid, "stack");
		if (process_vm_readv(pid, &local, 1, &remote, 1, 0) != (long)sizeof(theirs))
			continue;
		for (unsigned int i = 0; i < SLICES; i++)
			for (unsigned long call = theirs[i].calls < 3 ? 0 : theirs[i].calls - 3; call < theirs[i].calls; call++)
				printf("#     slice %u: %s\n", i, theirs[i].call[call % CALLS_KEPT]);
	}
	fflush(stdout);
}

static bool do_peek(struct slice *s)
{
	unsigned int n, v = random_range(s, &n);
	bool seen = false;

	record_call(s, "peek at relatives' %u+%u", v, n);
	for (unsigned int i = 0; i < 4; i++)
		seen |= kin_peek(s, v, n);
	return seen;
}

const struct op kin_ops[] = {
	{ .name = "/proc/PID/mem of relatives", .weight = 6, .run = do_peek },
	{ .name = NULL },
};
