// SPDX-License-Identifier: MIT
/* `dphuge map`: draw a process's large heap in the terminal, with a cell for each 2 MiB. */
#include "map.h"
#include "driver.h"
#include "pagemap.h"
#include "pid.h"
#include "process.h"
#include "say.h"
#include "size.h"
#include "status.h"
#include "vmas.h"

#include <argp.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELLS 64 /* in a row, which shows 128 MiB */

/* For blocks on 4 KiB pages, by how many quarters of the block are touched; [0] is for an
 * untouched block. */
static const char *const shades_utf8[] = {"·", "░", "▒", "▓", "▓"};
static const char *const shades_ascii[] = {".", "-", "+", "*", "*"};
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define PLAIN "\033[0m"

struct picture {
	pid_t pid;
	struct pagemap pages;
	const char *const *shades;
	const char *huge, *unknown;
	bool colours;
	uint64_t next;      /* address of the block that comes next in the row; 0: nothing is drawn yet */
	unsigned int cells; /* drawn in this row */
	uint64_t empty;     /* untouched blocks that were seen and not drawn yet */
	uint64_t count[3];  /* blocks by enum page_size */
	uint64_t touched;   /* 4 KiB pages */
	bool failed;
};

static void end_row(struct picture *p)
{
	if (p->cells)
		putchar('\n');
	p->cells = 0;
}

static void draw_cell(struct picture *p, const char *colour, const char *text)
{
	if (p->cells == CELLS)
		end_row(p);
	if (!p->cells)
		printf("%12" PRIx64 " ", p->next);
	printf("%s%s%s", p->colours ? colour : "", text, p->colours ? PLAIN : "");
	p->cells++;
	p->next += BLOCK_BYTES;
}

/* A few untouched blocks are drawn; of many, only the number is shown. */
static void draw_empty(struct picture *p)
{
	if (p->empty > CELLS) {
		end_row(p);
		printf("%12s %" PRIu64 " blocks untouched\n", "", p->empty);
		p->next += p->empty * BLOCK_BYTES;
	} else {
		for (; p->empty; p->empty--)
			draw_cell(p, "", p->shades[0]);
	}
	p->empty = 0;
}

static void draw_block(struct picture *p, const struct block *b)
{
	p->count[b->size]++;
	if (b->size == PAGES_SMALL)
		p->touched += b->touched;
	if (b->size == PAGES_HUGE)
		draw_cell(p, GREEN, p->huge);
	else if (b->size == PAGES_UNKNOWN)
		draw_cell(p, YELLOW, p->unknown);
	else
		draw_cell(p, YELLOW, p->shades[1 + (b->touched - 1) * 4 / BLOCK_PAGES]);
}

/* The driver knows its own blocks best; only root may ask it. */
static bool look_at_block(struct picture *p, const struct vma *vma, uint64_t from, uint64_t to, struct block *b)
{
	struct dphuge_block state;

	if (!vma->device || !driver_blocks(p->pid, from, &state, 1))
		return pagemap_block(&p->pages, from, to, b);
	*b = (struct block){.address = from & ~(BLOCK_BYTES - 1),
			    .touched = state.touched,
			    .size = state.state & DPHUGE_BLOCK_HUGE ? PAGES_HUGE : PAGES_SMALL};
	return true;
}

static void draw_vma(const struct vma *vma, void *arg)
{
	struct picture *p = arg;
	/* If all of a mapping's memory is in 2 MiB pages, or none of it, its sums say so for each of its blocks. */
	bool all = vma->resident && vma->huge == vma->resident;

	for (uint64_t at = vma->start, end; at < vma->end; at = end) {
		struct block b;

		end = (at & ~(BLOCK_BYTES - 1)) + BLOCK_BYTES;
		end = end < vma->end ? end : vma->end;
		if (vma->resident && !look_at_block(p, vma, at, end, &b)) {
			p->failed = true;
			return;
		}
		if (!vma->resident || !b.touched) {
			if (!p->next)
				continue; /* the picture begins with the first touched block */
			p->empty++;
			continue;
		}
		if (b.size == PAGES_UNKNOWN && (all || !vma->huge))
			b.size = all ? PAGES_HUGE : PAGES_SMALL;
		if (!p->next || b.address != p->next + p->empty * BLOCK_BYTES) {
			end_row(p); /* this mapping lies elsewhere */
			p->empty = 0;
			p->next = b.address;
		}
		draw_empty(p);
		draw_block(p, &b);
	}
}

static void print_legend(const struct picture *p)
{
	char small[SIZE_TEXT_BYTES];

	printf("%s %" PRIu64 " blocks are one 2 MiB page", p->huge, p->count[PAGES_HUGE]);
	if (p->count[PAGES_UNKNOWN])
		printf("   %s %" PRIu64 " are full, and this kernel (before 6.7) does not tell their page size",
		       p->unknown, p->count[PAGES_UNKNOWN]);
	printf("   %s%s%s %" PRIu64 " on 4 KiB pages, %s touched   %s untouched\n", p->shades[1], p->shades[2],
	       p->shades[3], p->count[PAGES_SMALL], size_text(p->touched << 12, small), p->shades[0]);
}

int map_main(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    pid_parse,
	    "PID",
	    "Draw the large heap of process PID. Each cell shows 2 MiB: whether they are one 2 MiB page or, if they "
	    "are "
	    "on 4 KiB pages, how much of them is touched.\v"
	    "exit status: 0; 1 if PID has no large heap or cannot be examined; 2 for a wrong argument.",
	    NULL,
	    NULL,
	    NULL};
	struct picture p = {0};
	struct process process;
	bool utf8;
	pid_t pid = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &pid);
	p.pid = pid;
	setlocale(LC_CTYPE, "");
	utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	p.shades = utf8 ? shades_utf8 : shades_ascii;
	p.huge = utf8 ? "█" : "#";
	p.unknown = utf8 ? "▓" : "?";
	p.colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	if (process_look(pid, &process) != PROCESS_ACTIVE) {
		say("process %d has no large heap; `dphuge check %d` says why", pid, pid);
		return STATUS_NO;
	}
	if (!pagemap_open(pid, &p.pages)) {
		say("cannot open /proc/%d/pagemap: only the user of the process and root may do so", pid);
		return STATUS_NO;
	}
	printf("%d (%s), backend %s, %d MiB a row\n", pid, process.name, process.beacon.backend, CELLS * 2);
	if (!vmas_each(&process, draw_vma, &p))
		p.failed = true;
	end_row(&p);
	pagemap_close(&p.pages);
	if (p.failed) {
		say("process %d ended before its heap was drawn", pid);
		return STATUS_NO;
	}
	print_legend(&p);
	return STATUS_YES;
}
