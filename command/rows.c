// SPDX-License-Identifier: MIT
/* Processes with a large heap, and their figures, from the library, the kernel and the
 * driver. */
#include "rows.h"
#include "driver.h"
#include "say.h"
#include "status.h"
#include "vmas.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sum {
	struct row *row;
	uint64_t mapping; /* the number of the mapping that was counted last */
};

static void add_vma(const struct vma *vma, void *arg)
{
	struct sum *sum = arg;
	struct row *row = sum->row;
	struct dphuge_info info;

	row->resident += vma->resident;
	row->huge += vma->huge;
	/* Parts into which mprotect() has cut one mapping have the same counters. */
	if (!vma->device || !driver_info(row->process.pid, vma->start, &info) || info.mapping == sum->mapping)
		return;
	sum->mapping = info.mapping;
	row->counted = true;
	row->promotions += info.promotions;
	row->copies += info.copies;
	row->fallbacks += info.fallbacks;
}

enum process_state rows_look_at(pid_t pid, struct row *row)
{
	struct sum sum = {row, 0};
	enum process_state state;

	*row = (struct row){0};
	state = process_look(pid, &row->process);
	if (state != PROCESS_ACTIVE)
		return state;
	return process_figures(&row->process, &row->heap) && vmas_each(&row->process, add_vma, &sum) ? PROCESS_ACTIVE
												     : PROCESS_GONE;
}

static void add_row(struct rows *rows, const struct row *row)
{
	if (rows->n == rows->room) {
		rows->room = rows->room ? 2 * rows->room : 64;
		rows->row = reallocarray(rows->row, rows->room, sizeof(*row));
		if (!rows->row)
			say_and_exit(STATUS_NO, "out of memory");
	}
	rows->row[rows->n++] = *row;
}

static int most_resident_first(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->resident < y->resident ? 1 : x->resident > y->resident ? -1 : x->process.pid - y->process.pid;
}

void rows_look(struct rows *rows)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		say_and_exit(STATUS_NO, "/proc: %s", strerror(errno));
	rows->n = 0;
	rows->forbidden = 0;
	while ((entry = readdir(proc))) {
		struct row row;

		if (!isdigit((unsigned char)*entry->d_name))
			continue;
		switch (rows_look_at(atoi(entry->d_name), &row)) {
		case PROCESS_ACTIVE: add_row(rows, &row); break;
		case PROCESS_FORBIDDEN: rows->forbidden++; break;
		default: break;
		}
	}
	closedir(proc);
	qsort(rows->row, rows->n, sizeof(*rows->row), most_resident_first);
}
