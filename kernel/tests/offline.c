// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the administrator may want to take away (ZONE_MOVABLE: a guest with
 * movablecore=) holds driver memory too, and goes offline all the same: its pages move
 * to other memory, also those that a child shares, and no byte changes.
 */
#include <dirent.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"
#include "t_node.h"

#define MEMORY "/sys/devices/system/memory/"

static char movable[32]; /* a piece of such memory: its directory in sysfs */
static unsigned long piece_bytes;

static bool file_says(const char *name, const char *text)
{
	char path[400], line[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), MEMORY "%s/%s", movable, name);
	f = fopen(path, "r");
	if (!f)
		return false;
	(void)!fgets(line, sizeof(line), f);
	fclose(f);
	return !strncmp(line, text, strlen(text));
}

static int set_state(const char *state)
{
	char path[400];

	snprintf(path, sizeof(path), MEMORY "%s/state", movable);
	return write_to(path, state);
}

/* One that has no holes: it goes offline now, and comes back. */
static bool find_movable(void)
{
	DIR *dir = opendir(MEMORY);
	struct dirent *d;
	bool found = false;

	must(dir);
	while (!found && (d = readdir(dir))) {
		if (strncmp(d->d_name, "memory", 6))
			continue;
		snprintf(movable, sizeof(movable), "%.31s", d->d_name);
		found = file_says("valid_zones", "Movable") && !set_state("offline") && !set_state("online_movable");
	}
	closedir(dir);
	return found;
}

static int node_of_piece(void)
{
	char path[400];

	snprintf(path, sizeof(path), MEMORY "%s/node1", movable);
	return !access(path, F_OK);
}

/* Whether the physical memory of the page at @p lies in the piece. */
static bool in_piece(const char *p)
{
	unsigned long entry, number = strtoul(movable + 6, NULL, 10);
	int fd = open("/proc/self/pagemap", O_RDONLY);

	must(fd >= 0 && pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) == 8);
	close(fd);
	return ((entry & ((1UL << 55) - 1)) * PAGE) / piece_bytes == number;
}

static unsigned long blocks_in_piece(const char *p, unsigned long blocks)
{
	unsigned long n = 0;

	for (unsigned long b = 0; b < blocks; b++)
		n += in_piece(p + b * BLOCK);
	return n;
}

static void fill(char *p, unsigned long blocks)
{
	for (unsigned long page = 0; page < blocks * BLOCK_PAGES; page++)
		*(unsigned long *)(p + page * PAGE) = page + 1;
}

static unsigned long wrong(const char *p, unsigned long blocks)
{
	unsigned long n = 0;

	for (unsigned long page = 0; page < blocks * BLOCK_PAGES; page++)
		n += *(const unsigned long *)(p + page * PAGE) != page + 1;
	return n;
}

struct view {
	char *p;
	unsigned long blocks;
	int to_child[2], to_parent[2];
};

/* A child that has mapped half of the blocks looks at them before and after. */
static int look(struct view *v)
{
	char c;
	int bad = wrong(v->p, v->blocks / 2) != 0;

	must(write(v->to_parent[1], "", 1) == 1 && read(v->to_child[0], &c, 1) == 1);
	return bad || wrong(v->p, v->blocks);
}

static void offline(bool with_child)
{
	const char *what = with_child ? "while a child shares half of it" : "alone";
	struct view v = { .blocks = 5 * piece_bytes / 2 / BLOCK };
	unsigned long n, huge;
	pid_t child = -1;
	int err = 0;
	char c;

	v.p = map(v.blocks * BLOCK, 0);
	fill(v.p, v.blocks);
	if (with_child) {
		must(!pipe(v.to_child) && !pipe(v.to_parent));
		child = fork_now();
		if (!child)
			_exit(look(&v));
		must(read(v.to_parent[0], &c, 1) == 1);
	}
	n = blocks_in_piece(v.p, v.blocks);
	huge = huge_kb(v.p, v.blocks * BLOCK);
	ok(n > piece_bytes / BLOCK / 2, "%s, %s, has %lu of %lu 2 MiB pages", movable, what, n, piece_bytes / BLOCK);
	for (int tries = 0; tries < 5 && (err = set_state("offline")); tries++)
		usleep(100000);
	ok(!err && file_says("state", "offline"), "it goes offline (%s)", strerror(err));
	ok(!blocks_in_piece(v.p, v.blocks) && !wrong(v.p, v.blocks), "no byte has changed");
	ok(huge && huge_kb(v.p, v.blocks * BLOCK) == huge, "as many are mapped as 2 MiB pages: %lu kB", huge);
	if (with_child) {
		must(write(v.to_child[1], "", 1) == 1);
		ok(succeeded(wait_for(child)), "nor for the child");
	}
	munmap(v.p, v.blocks * BLOCK);
	must(!set_state("online_movable"));
}

int main(void)
{
	char text[32];
	int fd = open(MEMORY "block_size_bytes", O_RDONLY);

	must(fd >= 0 && read(fd, text, sizeof(text)) > 0);
	close(fd);
	piece_bytes = strtoul(text, NULL, 16);
	if (!find_movable())
		bail("the guest has no movable memory");
	must(!write_to(PARAMS "pool_mib", "0"));
	run_on(node_of_piece());
	offline(false);
	offline(true);
	ok(device_empty(), "the device holds nothing at the end");
	return tap_done();
}
