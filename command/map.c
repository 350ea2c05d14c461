// SPDX-License-Identifier: MIT
/* dphuge map: a process's large heap in the terminal, a cell for each 2 MiB. */
#include "command.h"
#include "driver.h"
#include "pagemap.h"

#include <argp.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELLS 64 /* a row: 128 MiB */

/* By how many of four quarters of the block are touched on 4 KiB pages; [0]: none. */
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
	uint64_t next;      /* the block that comes next in the row */
	unsigned int cells; /* in the row so far */
	uint64_t empty;     /* blocks seen since that nothing has touched */
	uint64_t count[3];  /* blocks by size of their pages */
	uint64_t touched;   /* pages on 4 KiB */
	bool failed;
};

static void end_row(struct picture *p)
{
	if (p->cells)
		putchar('\n');
	p->cells = 0;
}

static void cell(struct picture *p, const char *colour, const char *text)
{
	if (p->cells == CELLS)
		end_row(p);
	if (!p->cells)
		printf("%12" PRIx64 " ", p->next);
	printf("%s%s%s", p->colours ? colour : "", text, p->colours ? PLAIN : "");
	p->cells++;
	p->next += BLOCK_BYTES;
}

/* The untouched ones are drawn where they are few, and counted where they are many. */
static void draw_empty(struct picture *p)
{
	if (p->empty > CELLS) {
		end_row(p);
		printf("%12s %" PRIu64 " blocks untouched\n", "", p->empty);
		p->next += p->empty * BLOCK_BYTES;
	} else {
		for (; p->empty; p->empty--)
			cell(p, "", p->shades[0]);
	}
	p->empty = 0;
}

static void draw(struct picture *p, const struct block *b)
{
	p->count[b->size]++;
	if (b->size == PAGES_SMALL)
		p->touched += b->touched;
	if (b->size == PAGES_HUGE)
		cell(p, GREEN, p->huge);
	else if (b->size == PAGES_UNKNOWN)
		cell(p, YELLOW, p->unknown);
	else
		cell(p, YELLOW, p->shades[1 + (b->touched - 1) * 4 / BLOCK_PAGES]);
}

/* On the driver it is the driver that knows best, if we may ask it. */
static bool look(struct picture *p, const struct vma *vma, uint64_t from, uint64_t to, struct block *b)
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
	/* Where no or all of its memory is in 2 MiB pages, the mapping's sum says it for each block. */
	bool all = vma->resident && vma->huge == vma->resident;

	for (uint64_t at = vma->start, end; at < vma->end; at = end) {
		struct block b;

		end = (at & ~(BLOCK_BYTES - 1)) + BLOCK_BYTES;
		end = end < vma->end ? end : vma->end;
		if (vma->resident && !look(p, vma, at, end, &b)) {
			p->failed = true;
			return;
		}
		if (!vma->resident || !b.touched) {
			if (!p->next)
				continue; /* nothing has been drawn */
			p->empty++;
			continue;
		}
		if (b.size == PAGES_UNKNOWN && (all || !vma->huge))
			b.size = all ? PAGES_HUGE : PAGES_SMALL;
		if (!p->next || b.address != p->next + p->empty * BLOCK_BYTES) {
			end_row(p); /* another mapping, elsewhere */
			p->empty = 0;
			p->next = b.address;
		}
		draw_empty(p);
		draw(p, &b);
	}
}

static void legend(const struct picture *p)
{
	char small[16];

	printf("%s %" PRIu64 " blocks are one 2 MiB page", p->huge, p->count[PAGES_HUGE]);
	if (p->count[PAGES_UNKNOWN])
		printf("   %s %" PRIu64 " full, of a size that this kernel doesn't tell (before 6.7)", p->unknown,
		       p->count[PAGES_UNKNOWN]);
	printf("   %s%s%s %" PRIu64 " on 4 KiB pages, %s touched   %s untouched\n", p->shades[1], p->shades[2],
	       p->shades[3], p->count[PAGES_SMALL], human(p->touched << 12, small), p->shades[0]);
}

int cmd_map(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    parse_pid,
	    "PID",
	    "Draw the large heap of process PID, a cell for each 2 MiB: one page, or how much of it is touched on "
	    "4 KiB pages.\v"
	    "exit status: 0; 1 if PID has no large heap, or may not be looked into; 2 for a wrong argument.",
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
		say("%d: no process with a large heap; `dphuge check %d` says why", pid, pid);
		return STATUS_NO;
	}
	if (!pagemap_open(pid, &p.pages)) {
		say("%d: /proc/%d/pagemap can't be opened: that takes its user's rights, or root's", pid, pid);
		return STATUS_NO;
	}
	printf("%d (%s), backend %s, %d MiB a row\n", pid, process.name, process.beacon.backend, CELLS * 2);
	if (!vmas_each(&process, draw_vma, &p))
		p.failed = true;
	end_row(&p);
	pagemap_close(&p.pages);
	if (p.failed) {
		say("%d: it ended meanwhile", pid);
		return STATUS_NO;
	}
	legend(&p);
	return STATUS_YES;
}
