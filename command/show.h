/* SPDX-License-Identifier: MIT */
/* The forms in which rows are shown. */
#ifndef DPHUGE_COMMAND_SHOW_H
#define DPHUGE_COMMAND_SHOW_H

#include "rows.h"

#include <stdbool.h>
#include <stdio.h>

/**
 * enum show_form - a form of output
 * @SHOW_TABLE:		a table for people
 * @SHOW_JSON:		one JSON object on a line
 * @SHOW_PROMETHEUS:	the text format of Prometheus
 */
enum show_form { SHOW_TABLE, SHOW_JSON, SHOW_PROMETHEUS };

/**
 * show_rows() - write rows
 * @to:		where to
 * @form:	in which form
 * @again:	a table on a terminal replaces what was shown before
 * @rows:	the rows
 *
 * If @to cannot be written, the command ends with a message and STATUS_NO.
 */
void show_rows(FILE *to, enum show_form form, bool again, const struct rows *rows);

#endif
