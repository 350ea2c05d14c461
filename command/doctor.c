// SPDX-License-Identifier: MIT
/* `dphuge doctor`: what on this machine helps or hinders programs with the library, and
 * what mends it. */
#include "doctor.h"
#include "doctor_dphuge.h"
#include "doctor_system.h"
#include "finding.h"
#include "status.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	void (*look)(struct finding *finding);
} checks[] = {
    {"kernel", doctor_system_kernel}, {"library", doctor_dphuge_library},
    {"module", doctor_dphuge_module}, {"device", doctor_dphuge_device},
    {"thp", doctor_system_thp},       {"defrag", doctor_system_defrag},
    {"hugetlb", doctor_system_pool},  {"overcommit", doctor_system_overcommit},
    {"cgroup", doctor_system_cgroup}, {"addresses", doctor_system_addresses},
    {"perf", doctor_system_counters},
};

static error_t parse_option(int key, char *value, struct argp_state *state)
{
	(void)value;
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	argp_error(state, "this command takes no argument");
	return 0;
}

int doctor_main(int argc, char **argv)
{
	static const struct argp argp = {
	    NULL,
	    parse_option,
	    NULL,
	    "Check whether this machine has what programs with the library need, and say how to mend what it lacks.\v"
	    "exit status: 0; 1 if a check fails (a warning is no failure); 2 for a wrong argument.",
	    NULL,
	    NULL,
	    NULL};
	static const char *const words[] = {"ok", "warn", "FAIL"};
	bool failed = false;

	if (argc == 2 && !strcmp(argv[1], DOCTOR_PROBE))
		return doctor_dphuge_probe();
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		struct finding f = {0};

		checks[i].look(&f);
		printf("%-4s  %-10s  %s\n", words[f.verdict], checks[i].name, f.what);
		if (f.mend && f.verdict != FINDING_OK)
			printf("%18s=> %s\n", "", f.mend);
		failed |= f.verdict == FINDING_FAIL;
	}
	return failed ? STATUS_NO : STATUS_YES;
}
