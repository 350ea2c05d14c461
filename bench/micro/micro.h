/* SPDX-License-Identifier: MIT */
/*
 * What the micro-benchmarks share: options, rounds, the clock. Each is one C file
 * with one pattern, and says in nanoseconds what one operation of it costs.
 *
 * Output: one line, NANOSECONDS; or for a curve several, X NANOSECONDS, the last
 * of which is the result. Exit status: 0; 1 after one line about what failed; 2
 * for wrong options (64 where argp finds them).
 */
#ifndef MICRO_H
#define MICRO_H

#include <stddef.h>
#include <stdint.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define PAGE 4096
#define HUGE_PAGE (2 * MIB)

/* An option --NAME; suffixes K, M and G are allowed. */
struct micro_arg {
	const char *name;
	size_t value; /* the default, then what was given */
	size_t min, max;
	const char *doc;
};

struct micro {
	const char *doc;        /* what is measured; an operation, in a sentence */
	struct micro_arg *args; /* ends with one without a name */
	void (*setup)(void);    /* may be NULL; not timed */
	size_t (*run)(void);    /* one round; returns its operations */
	unsigned int warm_up;   /* rounds that aren't timed: they fault memory in */
	unsigned int rounds;    /* the default of --rounds */
};

/* Parse, warm up, time, print. For main() to return. */
int micro_main(int argc, char **argv, const struct micro *m);
/* For those that time their own part of a round: what @ns is to be, for each operation. */
void micro_report(double ns);
double micro_now(void);                 /* nanoseconds */
uint64_t micro_random(uint64_t *state); /* state is not 0 */
void *micro_got(void *p);               /* p, or the end if it is NULL */
void micro_touch(char *p, size_t size, size_t step);
void micro_die(const char *what) __attribute__((noreturn));

#define MICRO_SEED 88172645463325252ull

#endif
