// SPDX-License-Identifier: MIT
/*
 * The settings. One table drives defaults, parsing, messages and DPHUGE_HELP; the tests
 * compare the README with it.
 */
#include "base/config.h"

#include "base/message.h"
#include "base/units.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define PREFIX "DPHUGE_"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define NAME_MAX_LEN 32

extern char **environ;

enum kind {
	SIZE,   /* size_t; bytes, with suffixes */
	NUMBER, /* long */
	SWITCH, /* bool */
	CHOICE, /* an enum: the index of a name */
	NAMES,  /* const char *: fnmatch() patterns, separated by commas */
};

static const char *const backend_names[] = {
    [BACKEND_AUTO] = "auto",       [BACKEND_DRIVER] = "driver", [BACKEND_THP] = "thp",
    [BACKEND_HUGETLB] = "hugetlb", [BACKEND_BASE] = "base",     NULL,
};

static const char *const small_names[] = {[SMALL_JEMALLOC] = "jemalloc", [SMALL_HUGE] = "huge", NULL};

/* Programs that start other programs and allocate little themselves. */
#define WRAPPERS                                                                                                       \
	"sh,dash,bash,rbash,zsh,ksh*,mksh,fish,tcsh,csh,busybox,env,nice,ionice,nohup,setsid,stdbuf,time,timeout,"     \
	"taskset,numactl,xargs,sudo,su,runuser,chroot,flock,script,strace,ltrace"

static const struct option {
	const char *name;
	enum kind kind;
	size_t offset;            /* in struct config */
	long min, max;            /* NAMES: the shortest value */
	const char *const *names; /* CHOICE: by number, NULL at the end */
	const char *unit;
	const char *also;     /* NUMBER: what -1 means, if it is allowed */
	const char *fallback; /* parsed as a value would be; NULL: -1 */
	const char *fallback_means;
	const char *help;
} options[] = {
#define IN(field) offsetof(struct config, field)
    {"DPHUGE_THRESHOLD", SIZE, IN(threshold), 64 * KIB, GIB, NULL, NULL, NULL, "128K", NULL,
     "requests of at least this size are large"},
    {"DPHUGE_BACKEND", CHOICE, IN(backend), 0, 0, backend_names, NULL, NULL, "auto", NULL,
     "where large memory comes from"},
    {"DPHUGE_SMALL", CHOICE, IN(small), 0, 0, small_names, NULL, NULL, "jemalloc", NULL,
     "where the memory for small requests comes from: from jemalloc's own mappings, or from the backend too"},
    {"DPHUGE_PROMOTE", NUMBER, IN(promote), 0, 100, NULL, "a percentage", NULL, NULL, "the module's threshold",
     "driver: how much of a 2 MiB block must be touched before it becomes one page"},
    /* jemalloc's dirty_decay_ms has the same default. */
    {"DPHUGE_DECAY_MS", NUMBER, IN(decay_ms), 0, 86400000, NULL, "milliseconds", "never", "10000", NULL,
     "how long freed memory is kept for reuse"},
    {"DPHUGE_BACKGROUND", SWITCH, IN(background), 0, 1, NULL, NULL, NULL, "1", NULL,
     "a helper thread gives freed memory back while the program sleeps"},
    {"DPHUGE_QUARANTINE", SIZE, IN(quarantine), 0, 64 * GIB, NULL, NULL, NULL, "0", NULL,
     "how much of the memory that was freed last raises SIGSEGV when it is touched"},
    {"DPHUGE_ONLY", NAMES, IN(only), 1, 0, NULL, NULL, NULL, "*", NULL, "programs that get a large heap"},
    {"DPHUGE_EXCEPT", NAMES, IN(except), 0, 0, NULL, NULL, NULL, WRAPPERS, "shells and wrappers",
     "programs that get none"},
    {"DPHUGE_STATS", SWITCH, IN(stats), 0, 1, NULL, NULL, NULL, "0", NULL, "report at exit"},
    {"DPHUGE_STRICT", SWITCH, IN(strict), 0, 1, NULL, NULL, NULL, "0", NULL,
     "a wrong setting or a missing backend ends the program"},
    {"DPHUGE_HELP", SWITCH, IN(help), 0, 1, NULL, NULL, NULL, "0", NULL, "show the settings"},
#undef IN
};

#define NR_OPTIONS (sizeof(options) / sizeof(*options))

/* Variables of our scripts and tests; they are no settings of the library. */
static const char *const other_names[] = {"DPHUGE_BUILD", "DPHUGE_CACHE", "DPHUGE_GUEST", "DPHUGE_MODULE"};

static bool parse_number(const struct option *o, const char *text, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	if (errno || end == text || *end)
		return false;
	return (*value >= o->min && *value <= o->max) || (o->also && *value == -1);
}

static bool parse_size(const struct option *o, const char *text, size_t *value)
{
	static const char suffixes[] = "KMG";
	unsigned long long n;
	const char *suffix;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (*end) {
		suffix = strchr(suffixes, *end & ~0x20);
		if (!suffix || end[1] || n > SIZE_MAX >> 30)
			return false;
		n <<= 10 * (suffix - suffixes + 1);
	}
	*value = n;
	return n >= (unsigned long)o->min && n <= (unsigned long)o->max;
}

static bool parse_choice(const struct option *o, const char *text, unsigned int *value)
{
	for (unsigned int i = 0; o->names[i]; i++)
		if (!strcmp(text, o->names[i])) {
			*value = i;
			return true;
		}
	return false;
}

/* Put @text into the option's field. False: it is no value of this option. */
static bool set_field(const struct option *o, struct config *config, const char *text)
{
	void *field = (char *)config + o->offset;
	unsigned int choice;
	size_t size;
	long number;

	switch (o->kind) {
	case SIZE:
		if (!parse_size(o, text, &size))
			return false;
		*(size_t *)field = size;
		return true;
	case NUMBER:
		if (!parse_number(o, text, &number))
			return false;
		*(long *)field = number;
		return true;
	case SWITCH:
		if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
			return false;
		*(bool *)field = *text == '1';
		return true;
	case CHOICE:
		if (!parse_choice(o, text, &choice))
			return false;
		*(unsigned int *)field = choice;
		return true;
	case NAMES:
		if (strlen(text) < (size_t)o->min || strchr(text, '/'))
			return false;
		*(const char **)field = text;
		return true;
	}
	return false;
}

/* The values that the option may have, in words. */
static const char *describe_allowed(const struct option *o, char *buffer, size_t size)
{
	switch (o->kind) {
	case SIZE:
		snprintf(buffer, size, "a size from %ldK to %ldG, as in 128K or 2M", o->min >> 10, o->max >> 30);
		return buffer;
	case NUMBER:
		snprintf(buffer, size, "%s from %ld to %ld%s%s", o->unit, o->min, o->max, o->also ? ", or -1 for " : "",
			 o->also ? o->also : "");
		return buffer;
	case SWITCH: return "0 or 1";
	case CHOICE:
		*buffer = 0;
		for (unsigned int i = 0; o->names[i]; i++)
			snprintf(buffer + strlen(buffer), size - strlen(buffer), "%s%s",
				 !i                ? ""
				 : o->names[i + 1] ? ", "
						   : " or ",
				 o->names[i]);
		return buffer;
	case NAMES: return "names of programs, separated by commas; * and ? stand for any characters";
	}
	return "";
}

static const char *fallback_text(const struct option *o)
{
	return o->fallback_means ? o->fallback_means : o->fallback;
}

static const struct option *find_option(const char *name, size_t len)
{
	for (unsigned int i = 0; i < NR_OPTIONS; i++)
		if (strlen(options[i].name) == len && !strncmp(options[i].name, name, len))
			return &options[i];
	return NULL;
}

static bool is_other(const char *name, size_t len)
{
	for (unsigned int i = 0; i < sizeof(other_names) / sizeof(*other_names); i++)
		if (strlen(other_names[i]) == len && !strncmp(other_names[i], name, len))
			return true;
	return false;
}

/* How many characters must be changed, inserted or left out to make one of the other
 * (Levenshtein 1966). */
static unsigned int edit_distance(const char *a, size_t a_len, const char *b)
{
	unsigned int row[NAME_MAX_LEN + 1];
	size_t b_len = strlen(b);

	for (unsigned int j = 0; j <= b_len; j++)
		row[j] = j;
	for (unsigned int i = 1; i <= a_len; i++) {
		unsigned int diagonal = row[0];

		row[0] = i;
		for (unsigned int j = 1; j <= b_len; j++) {
			unsigned int best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[b_len];
}

static const struct option *nearest_option(const char *name, size_t len)
{
	const struct option *best = NULL;
	unsigned int least = ~0u;

	for (unsigned int i = 0; i < NR_OPTIONS; i++) {
		unsigned int d = edit_distance(name + PREFIX_LEN, len - PREFIX_LEN, options[i].name + PREFIX_LEN);

		if (d < least) {
			least = d;
			best = &options[i];
		}
	}
	return best;
}

__attribute__((format(printf, 2, 3))) static void report_wrong(const struct config *config, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (config->strict)
		fatal("%s; the program ends, as DPHUGE_STRICT=1 says", text);
	message("%s", text);
}

static void read_setting(struct config *config, const char *entry, const char *equals)
{
	size_t len = (size_t)(equals - entry);
	const struct option *o = find_option(entry, len);
	char buffer[160];

	if (!o && !is_other(entry, len)) {
		o = nearest_option(entry, len < PREFIX_LEN + NAME_MAX_LEN ? len : PREFIX_LEN + NAME_MAX_LEN);
		report_wrong(config, "%.*s: no such setting; the nearest is %s, and DPHUGE_HELP=1 shows all", (int)len,
			     entry, o->name);
	} else if (o && !set_field(o, config, equals + 1)) {
		report_wrong(config, "%.200s: not %s; using %s", entry, describe_allowed(o, buffer, sizeof(buffer)),
			     fallback_text(o));
	}
}

static void show_help(void)
{
	char buffer[160];

	message("settings, from the environment: name=default, what it is for, what it may be");
	for (unsigned int i = 0; i < NR_OPTIONS; i++) {
		const struct option *o = &options[i];

		message("%s=%s", o->name, o->fallback ? o->fallback : "");
		message("    %s; %s", o->help, describe_allowed(o, buffer, sizeof(buffer)));
	}
}

void config_read(struct config *config)
{
	const char *entry;

	*config = (struct config){.promote = -1};
	for (unsigned int i = 0; i < NR_OPTIONS; i++)
		if (options[i].fallback)
			(void)set_field(&options[i], config, options[i].fallback);
	/* In setuid programs the environment is under the control of an attacker. */
	if (getauxval(AT_SECURE))
		return;
	/* This one is read first, as it decides what a wrong value of the others does. */
	entry = getenv("DPHUGE_STRICT");
	config->strict = entry && !strcmp(entry, "1");
	for (char **e = environ; e && *e; e++) {
		const char *equals = strchr(*e, '=');

		if (!strncmp(*e, PREFIX, PREFIX_LEN) && equals)
			read_setting(config, *e, equals);
	}
	if (config->help)
		show_help();
}

/* Does any pattern of @list, separated by commas, match @name? */
static bool any_matches(const char *list, const char *name)
{
	char pattern[128];

	while (*list) {
		size_t len = strcspn(list, ",");

		if (len < sizeof(pattern)) {
			memcpy(pattern, list, len);
			pattern[len] = 0;
			if (!fnmatch(pattern, name, 0))
				return true;
		}
		list += len + (list[len] == ',');
	}
	return false;
}

static const char *file_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool config_includes_us(const struct config *config)
{
	const char *called = program_invocation_short_name ? program_invocation_short_name : "";
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *file;

	path[n > 0 ? n : 0] = 0;
	file = file_name(path);
	if (any_matches(config->except, file) || any_matches(config->except, called))
		return false;
	return any_matches(config->only, file) || any_matches(config->only, called);
}
