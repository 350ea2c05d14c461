/* SPDX-License-Identifier: MIT */
/* What dphuge doctor looks at: a function for each thing. */
#ifndef DPHUGE_COMMAND_DOCTOR_H
#define DPHUGE_COMMAND_DOCTOR_H

enum verdict { OK, WARN, FAIL };

struct finding {
	enum verdict verdict;
	char what[256];
	const char *mend; /* NULL: nothing to do */
};

void found(struct finding *finding, enum verdict verdict, const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* --- doctor_own.c: what belongs to dphuge */

#define PROBE "--probe-jemalloc" /* `dphuge doctor PROBE` with the library preloaded: doctor_probe() */

int doctor_probe(void);
void doctor_library(struct finding *finding);
void doctor_module(struct finding *finding);
void doctor_device(struct finding *finding);

/* --- doctor_system.c: what the machine has */

void doctor_kernel(struct finding *finding);
void doctor_thp(struct finding *finding);
void doctor_defrag(struct finding *finding);
void doctor_pool(struct finding *finding);
void doctor_overcommit(struct finding *finding);
void doctor_cgroup(struct finding *finding);
void doctor_addresses(struct finding *finding);
void doctor_counters(struct finding *finding);

#endif
