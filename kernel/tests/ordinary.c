// SPDX-License-Identifier: GPL-2.0
/*
 * Driver memory beside anonymous memory, row by row, as the table in dphuge(4) has it: each row
 * does the same to both and prints what it saw. A row that the table calls the same must be so
 * (or from some kernel on); one that it calls different, or better, must differ: so the table stays
 * true when the driver, or a kernel, learns something.
 * Needs root.
 *
 * Usage: ordinary MANUAL_PAGE
 */
#include "ordinary.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/utsname.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define ROWS_MAX 100
#define SAW_MAX 200

static struct {
	char name[60], verdict[20];
	bool seen;
} table[ROWS_MAX];
static unsigned int rows;
static char (*results)[SAW_MAX]; /* shared with the children: anonymous memory's, the driver's */
static unsigned int kind;	 /* 0: anonymous memory, 1: the driver's */
static sigjmp_buf back;
static volatile sig_atomic_t caught;

void saw(const char *format, ...)
{
	char *to = results[kind];
	size_t n = strlen(to);
	va_list args;

	va_start(args, format);
	n += snprintf(to + n, SAW_MAX - n, "%s", n ? ", " : "");
	vsnprintf(to + n, SAW_MAX - n, format, args);
	va_end(args);
}

bool saw_result(long result, const char *good)
{
	saw("%s", result < 0 ? strerrorname_np(errno) : good);
	return result >= 0;
}

static void on_fault(int sig)
{
	caught = sig;
	siglongjmp(back, 1);
}

const char *signal_of(void (*fn)(char *p), char *p)
{
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (sigsetjmp(back, 1))
		return caught == SIGBUS ? "SIGBUS" : "SIGSEGV";
	fn(p);
	return NULL;
}

static unsigned long bytes, zeroes; /* pages that have an 'A' or a 0 */

static void read_all(char *p)
{
	bytes = 0;
	zeroes = 0;
	for (unsigned long i = 0; i < LEN; i += PAGE) {
		bytes += ((volatile char *)p)[i] == 'A';
		zeroes += !((volatile char *)p)[i];
	}
}

const char *content(char *p)
{
	const char *signal = signal_of(read_all, p);

	return signal ?: bytes == LEN / PAGE ? "bytes" : zeroes == LEN / PAGE ? "zeroes" : "other bytes";
}

char *more_memory(size_t len)
{
	char *p, *at;

	if (kind)
		return map(len, 0);
	p = anonymous(len + BLOCK);
	at = block_align(p);
	if (at > p)
		munmap(p, at - p);
	munmap(at + len, p + BLOCK - at);
	must(!madvise(at, len, MADV_HUGEPAGE));
	return at;
}

static int look(void *arg)
{
	const struct row *row = arg;
	char *p = more_memory(LEN);

	for (unsigned long i = 0; i < LEN; i += PAGE)
		p[i] = 'A';
	row->look(p);
	return 0;
}

/* The rows of the manual's tables, from .TS on, but for a line about their form. */
static void read_table(const char *path)
{
	FILE *f = fopen(path, "r");
	bool in = false;
	char line[400];

	must(f);
	while (fgets(line, sizeof(line), f)) {
		if (line[0] == '.')
			in = !strncmp(line, ".TS", 3);
		else if (in && strncmp(line, "tab(", 4) && rows < ROWS_MAX &&
			 sscanf(line, "%59[^|]|%19[^|]|", table[rows].name, table[rows].verdict) == 2)
			rows++;
	}
	fclose(f);
}

static const char *verdict_on(const char *name)
{
	for (unsigned int i = 0; i < rows; i++)
		if (!strcmp(table[i].name, name)) {
			table[i].seen = true;
			return table[i].verdict;
		}
	return "no row";
}

static void compare(const struct row *row)
{
	const char *verdict = verdict_on(row->name);
	unsigned int major, minor, first_major, first_minor;
	struct utsname name;
	bool same, right;

	for (kind = 0; kind < 2; kind++) {
		int status;

		results[kind][0] = 0;
		status = status_of(look, (void *)row);
		if (status)
			saw("its process ended with %d", status);
	}
	same = !strcmp(results[0], results[1]);
	must(!uname(&name) && sscanf(name.release, "%u.%u", &major, &minor) == 2);
	if (!strcmp(results[0], "none") && same)
		right = strcmp(verdict, "no row");
	else if (sscanf(verdict, "same from %u.%u", &first_major, &first_minor) == 2)
		right = same == (major > first_major || (major == first_major && minor >= first_minor));
	else if (!strcmp(verdict, "same"))
		right = same;
	else
		right = !same && (!strcmp(verdict, "better") || !strcmp(verdict, "different"));
	if (same)
		ok(right, "%s is %s: %s", row->name, verdict, results[0]);
	else
		ok(right, "%s is %s: anonymous memory: %s; the driver's: %s", row->name, verdict, results[0], results[1]);
}

int main(int argc, char **argv)
{
	const struct row *const all[] = { advice_rows, process_rows, account_rows };

	must(argc == 2);
	read_table(argv[1]);
	results = mmap(NULL, BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(results != MAP_FAILED);
	must(!write_to("/sys/kernel/mm/transparent_hugepage/enabled", "madvise"));
	for (unsigned int i = 0; i < sizeof(all) / sizeof(*all); i++)
		for (const struct row *row = all[i]; row->name; row++)
			compare(row);
	for (unsigned int i = 0; i < rows; i++)
		if (!table[i].seen)
			ok(false, "the manual's row %s has no test", table[i].name);
	return tap_done();
}
