/* SPDX-License-Identifier: MIT */
/* What `dphuge doctor` found when it looked at one thing. */
#ifndef DPHUGE_COMMAND_FINDING_H
#define DPHUGE_COMMAND_FINDING_H

/**
 * enum finding_verdict - how good or bad a finding is
 * @FINDING_OK:		as it should be
 * @FINDING_WARN:	it works, and could be better
 * @FINDING_FAIL:	programs with the library do not work, or get no 2 MiB pages
 */
enum finding_verdict { FINDING_OK, FINDING_WARN, FINDING_FAIL };

/**
 * struct finding - a finding
 * @verdict:	how good or bad it is
 * @what:	what was found, for the user
 * @mend:	the command or the step that mends it; NULL if there is none
 */
struct finding {
	enum finding_verdict verdict;
	char what[256];
	const char *mend;
};

/**
 * finding_set() - write down a finding
 * @finding:	where
 * @verdict:	how good or bad it is
 * @mend:	what mends it, a text that is kept by its address; or NULL
 * @fmt:	what was found, as for printf(3)
 */
void finding_set(struct finding *finding, enum finding_verdict verdict, const char *mend, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
