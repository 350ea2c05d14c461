// SPDX-License-Identifier: MIT
/* dphuge doctor: what on this machine helps or hinders, and the command that mends it. */
#include "command.h"
#include "doctor.h"

#include <argp.h>
#include <stdarg.h>
#include <string.h>

void found(struct finding *f, enum verdict verdict, const char *mend, const char *fmt, ...)
{
	va_list ap;

	f->verdict = verdict;
	f->mend = mend;
	va_start(ap, fmt);
	vsnprintf(f->what, sizeof(f->what), fmt, ap);
	va_end(ap);
}

static const struct {
	const char *name;
	void (*look)(struct finding *finding);
} checks[] = {
    {"kernel", doctor_kernel}, {"library", doctor_library},
    {"module", doctor_module}, {"device", doctor_device},
    {"thp", doctor_thp},       {"defrag", doctor_defrag},
    {"hugetlb", doctor_pool},  {"overcommit", doctor_overcommit},
    {"cgroup", doctor_cgroup}, {"addresses", doctor_addresses},
    {"perf", doctor_counters},
};

static error_t parse(int key, char *value, struct argp_state *state)
{
	(void)value;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	argp_error(state, "no argument is taken");
	return 0;
}

int cmd_doctor(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    parse,
	    NULL,
	    "Look at what programs with the library need on this machine, and say what mends it.\v"
	    "exit status: 0; 1 if something fails (warnings don't count); 2 for a wrong argument.",
	    NULL,
	    NULL,
	    NULL};
	static const char *const words[] = {"ok", "warn", "FAIL"};
	bool failed = false;

	if (argc == 2 && !strcmp(argv[1], PROBE))
		return doctor_probe();
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct finding f = {0};

		checks[i].look(&f);
		printf("%-4s  %-10s  %s\n", words[f.verdict], checks[i].name, f.what);
		if (f.mend && f.verdict != OK)
			printf("%18s=> %s\n", "", f.mend);
		failed |= f.verdict == FAIL;
	}
	return failed ? STATUS_NO : STATUS_YES;
}
