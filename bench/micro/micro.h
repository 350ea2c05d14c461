/* SPDX-License-Identifier: MIT */
/*
 * What the micro-benchmarks share: options, rounds, the clock. Each of them is one C file
 * with one pattern, and measures how many nanoseconds one operation of it takes.
 *
 * Output: one line, NANOSECONDS; for a curve several lines, X NANOSECONDS, of which the
 * last is the result. Exit status: 0; 1 after a line that says what failed; 2 for wrong
 * options (64 if argp finds them).
 */
#ifndef MICRO_H
#define MICRO_H

#include "../xorshift.h"

#include <stddef.h>
#include <stdint.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define PAGE 4096
#define HUGE_PAGE (2 * MIB)

/**
 * struct micro_arg - an option --NAME that takes a number; the suffixes K, M and G are allowed
 * @name:	its name; NULL ends an array of options
 * @value:	the default, which is replaced by what was given
 * @min:	the smallest value
 * @max:	the largest value
 * @doc:	for --help
 */
struct micro_arg {
	const char *name;
	size_t value;
	size_t min, max;
	const char *doc;
};

/**
 * struct micro - a micro-benchmark
 * @doc:	what is measured, and what an operation is, in a sentence
 * @args:	its options
 * @setup:	is called once, before the first round; NULL if there is nothing to do
 * @run:	does one round, and returns the number of its operations
 * @warm_up:	rounds that are not timed, as they fault memory in
 * @rounds:	the default of --rounds
 */
struct micro {
	const char *doc;
	struct micro_arg *args;
	void (*setup)(void);
	size_t (*run)(void);
	unsigned int warm_up;
	unsigned int rounds;
};

/**
 * micro_main() - parse the options, warm up, measure, and print the result
 * @argc:	of main()
 * @argv:	of main()
 * @m:		the micro-benchmark
 *
 * Return: the exit status.
 */
int micro_main(int argc, char **argv, const struct micro *m);

/**
 * micro_report() - set the result, for those that time a part of a round themselves
 * @ns:		nanoseconds for an operation; the last call counts
 */
void micro_report(double ns);

/**
 * micro_now() - read the clock
 *
 * Return: nanoseconds since some time in the past.
 */
double micro_now(void);

/**
 * micro_random() - the next random number, by a function call, as in a program of many files
 * @state:	MICRO_SEED at first; must not be 0
 *
 * Return: a number that is not 0.
 */
uint64_t micro_random(uint64_t *state);

/**
 * micro_require() - check that memory was allocated
 * @p:		what the allocator returned; if it is NULL, the program ends with a message
 *
 * Return: @p.
 */
void *micro_require(void *p);

/**
 * micro_touch() - write a byte here and there
 * @p:		the memory
 * @size:	its bytes
 * @step:	bytes from one write to the next; the first is at @p
 */
void micro_touch(char *p, size_t size, size_t step);

/**
 * micro_die() - print what failed, with the text of errno, and end the program
 * @what:	the name of what failed
 */
void micro_die(const char *what) __attribute__((noreturn));

#define MICRO_SEED XORSHIFT_SEED

#endif
