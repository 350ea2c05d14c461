// SPDX-License-Identifier: MIT
/* What `dphuge doctor` found when it looked at one thing. */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>

void finding_set(struct finding *finding, enum finding_verdict verdict, const char *mend, const char *fmt, ...)
{
	va_list ap;

	finding->verdict = verdict;
	finding->mend = mend;
	va_start(ap, fmt);
	vsnprintf(finding->what, sizeof(finding->what), fmt, ap);
	va_end(ap);
}
