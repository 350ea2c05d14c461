// SPDX-License-Identifier: MIT
/* What the micro-benchmarks share: options, rounds, the clock. */
#include "micro.h"

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ARGS_MAX 8

static double reported = -1;
static struct micro_arg rounds = {"rounds", 0, 1, 1000000, "rounds that are timed"};

uint64_t micro_random(uint64_t *state)
{
	return xorshift(state);
}

void micro_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

void *micro_require(void *p)
{
	if (!p)
		micro_die("malloc");
	return p;
}

void micro_touch(char *p, size_t size, size_t step)
{
	for (size_t i = 0; i < size; i += step)
		((volatile char *)p)[i] = 1;
}

double micro_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void micro_report(double ns)
{
	reported = ns;
}

/* Read a number with an optional suffix; false if it is not in the option's range. */
static bool parse_number(const char *text, const struct micro_arg *arg, size_t *value)
{
	static const char suffixes[] = "KMG";
	const char *suffix;
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	if (errno || end == text || *text == '-' || *value > (size_t)1 << 33)
		return false;
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (*end && (!suffix || end[1]))
		return false;
	if (suffix)
		*value <<= 10 * (suffix - suffixes + 1);
	return *value >= arg->min && *value <= arg->max;
}

static error_t parse_option(int key, char *text, struct argp_state *state)
{
	struct micro_arg **args = state->input;
	struct micro_arg *arg;

	if (key == ARGP_KEY_ARG)
		argp_error(state, "'%s' is not an option, and only options can be given", text);
	if (key < 256 || key >= 256 + ARGS_MAX + 1)
		return ARGP_ERR_UNKNOWN;
	arg = args[key - 256];
	if (!parse_number(text, arg, &arg->value))
		argp_error(state, "--%s: '%s' is not a number from %zu to %zu", arg->name, text, arg->min, arg->max);
	return 0;
}

int micro_main(int argc, char **argv, const struct micro *m)
{
	struct argp_option options[ARGS_MAX + 2] = {0};
	struct micro_arg *args[ARGS_MAX + 1];
	static char docs[ARGS_MAX + 1][200];
	struct argp argp = {options, parse_option, NULL, m->doc, NULL, NULL, NULL};
	unsigned int n = 0;
	size_t ops = 0;
	double start = 0;

	for (struct micro_arg *arg = m->args; arg->name && n < ARGS_MAX; arg++)
		args[n++] = arg;
	rounds.value = m->rounds;
	args[n++] = &rounds;
	for (unsigned int i = 0; i < n; i++) {
		snprintf(docs[i], sizeof(docs[i]), "%s (default %zu)", args[i]->doc, args[i]->value);
		options[i] = (struct argp_option){args[i]->name, (int)(256 + i), "N", 0, docs[i], 0};
	}
	argp_parse(&argp, argc, argv, 0, NULL, args);
	if (m->setup)
		m->setup();
	for (size_t i = 0; i < m->warm_up + rounds.value; i++) {
		size_t done;

		if (i == m->warm_up)
			start = micro_now();
		done = m->run();
		ops += i >= m->warm_up ? done : 0;
	}
	printf("%.3f\n", reported >= 0 ? reported : (micro_now() - start) / (double)ops);
	return 0;
}
