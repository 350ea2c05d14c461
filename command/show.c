// SPDX-License-Identifier: MIT
/* The forms in which processes' heaps are shown: for people, for programs, and for
 * Prometheus (the text format of its "exposition formats" page). */
#include "driver.h"
#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include <unistd.h>

static double share(const struct row *row)
{
	return row->resident ? 100.0 * (double)row->huge / (double)row->resident : 0;
}

static void show_row(FILE *to, const struct row *row, bool counters)
{
	char live[16], resident[16], dirty[16], purged[16];

	fprintf(to, "%7d %-15.15s %-8s %10s %10s %5.1f %% %10s %10s", row->process.pid, row->process.name,
		row->process.beacon.backend, human(row->heap.live, live), human(row->resident, resident), share(row),
		human(row->heap.dirty, dirty), human(row->heap.purged, purged));
	if (counters && row->counted)
		fprintf(to, " %10" PRIu64 " %10" PRIu64 " %10" PRIu64, row->promotions, row->copies, row->fallbacks);
	fputc('\n', to);
}

static void show_driver(FILE *to)
{
	struct driver_counters c;
	char held[16], limit[16];

	if (driver_counters(&c))
		fprintf(to, "driver: %llu promotions, %llu pages copied on write, %llu fallbacks; %s held of %s\n",
			(unsigned long long)c.promotions, (unsigned long long)c.copies, (unsigned long long)c.fallbacks,
			human(c.bytes, held), human(c.limit_bytes, limit));
}

static void put(struct json_object *to, const char *name, uint64_t value)
{
	json_object_object_add(to, name, json_object_new_uint64(value));
}

static struct json_object *json_of(const struct row *row)
{
	struct json_object *o = json_object_new_object();

	put(o, "pid", (uint64_t)row->process.pid);
	json_object_object_add(o, "command", json_object_new_string(row->process.name));
	json_object_object_add(o, "backend", json_object_new_string(row->process.beacon.backend));
	put(o, "in_use", row->heap.live);
	put(o, "resident", row->resident);
	put(o, "huge", row->huge);
	put(o, "freed", row->heap.dirty);
	put(o, "returned", row->heap.purged);
	if (row->counted) {
		put(o, "promotions", row->promotions);
		put(o, "copies", row->copies);
		put(o, "fallbacks", row->fallbacks);
	}
	return o;
}

static void show_json(FILE *to, const struct rows *rows)
{
	struct json_object *all = json_object_new_object(), *processes = json_object_new_array(), *driver = NULL;
	struct driver_counters c;

	for (size_t i = 0; i < rows->n; i++)
		json_object_array_add(processes, json_of(&rows->row[i]));
	if (driver_counters(&c)) {
		driver = json_object_new_object();
		put(driver, "promotions", c.promotions);
		put(driver, "copies", c.copies);
		put(driver, "fallbacks", c.fallbacks);
		put(driver, "bytes", c.bytes);
		put(driver, "limit_bytes", c.limit_bytes);
	}
	json_object_object_add(all, "processes", processes);
	json_object_object_add(all, "driver", driver);
	fprintf(to, "%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
}

/* @value is a stranger's: process_look() has left only printable ASCII of it. */
static void show_label(FILE *to, const char *name, const char *value)
{
	fprintf(to, ",%s=\"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', to);
		fputc(*value, to);
	}
	fputc('"', to);
}

/* A figure of each process, in the text format of Prometheus. @counted: of those on the
 * driver only. */
static void show_metric(FILE *to, const struct rows *rows, const char *name, const char *type, const char *help,
			size_t offset, bool counted)
{
	fprintf(to, "# HELP dphuge_heap_%s %s\n# TYPE dphuge_heap_%s %s\n", name, help, name, type);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->row[i];

		if (counted && !row->counted)
			continue;
		fprintf(to, "dphuge_heap_%s{pid=\"%d\"", name, row->process.pid);
		show_label(to, "command", row->process.name);
		show_label(to, "backend", row->process.beacon.backend);
		fprintf(to, "} %" PRIu64 "\n", *(const uint64_t *)((const char *)row + offset));
	}
}

static void show_driver_metric(FILE *to, const char *name, const char *type, const char *help, uint64_t value)
{
	fprintf(to, "# HELP dphuge_driver_%s %s\n# TYPE dphuge_driver_%s %s\ndphuge_driver_%s %llu\n", name, help, name,
		type, name, (unsigned long long)value);
}

static void show_prometheus(FILE *to, const struct rows *rows)
{
	struct driver_counters c;

#define METRIC(name, type, help, field, counted)                                                                       \
	show_metric(to, rows, name, type, help, offsetof(struct row, field), counted)
	METRIC("in_use_bytes", "gauge", "In use, or kept by a thread for reuse.", heap.live, false);
	METRIC("resident_bytes", "gauge", "Resident memory of the large heap.", resident, false);
	METRIC("huge_bytes", "gauge", "Of the resident memory, what is in 2 MiB pages.", huge, false);
	METRIC("freed_bytes", "gauge", "Freed and not yet returned to the system.", heap.dirty, false);
	METRIC("returned_bytes_total", "counter", "Returned to the system since the start.", heap.purged, false);
	METRIC("promotions_total", "counter", "Blocks that became a 2 MiB page.", promotions, true);
	METRIC("copies_total", "counter", "4 KiB pages copied on write after a fork.", copies, true);
	METRIC("fallbacks_total", "counter", "Times no 2 MiB folio could be had.", fallbacks, true);
#undef METRIC
	if (!driver_counters(&c))
		return;
	show_driver_metric(to, "promotions_total", "counter", "Blocks that became a 2 MiB page.", c.promotions);
	show_driver_metric(to, "copies_total", "counter", "4 KiB pages copied on write after a fork.", c.copies);
	show_driver_metric(to, "fallbacks_total", "counter", "Times no 2 MiB folio could be had.", c.fallbacks);
	show_driver_metric(to, "bytes", "gauge", "Held now.", c.bytes);
	show_driver_metric(to, "limit_bytes", "gauge", "What all may hold together.", c.limit_bytes);
}

static void show_table(FILE *to, const struct rows *rows)
{
	bool counters = false;

	for (size_t i = 0; i < rows->n; i++)
		counters |= rows->row[i].counted;
	show_driver(to);
	fprintf(to, "%7s %-15s %-8s %10s %10s %7s %10s %10s%s\n", "PID", "COMMAND", "BACKEND", "IN USE", "RESIDENT",
		"2 MiB", "FREED", "RETURNED", counters ? "   PROMOTED     COPIED  FALLBACKS" : "");
	for (size_t i = 0; i < rows->n; i++)
		show_row(to, &rows->row[i], counters);
	if (!rows->n)
		fprintf(to, "no process with a large heap\n");
	if (rows->forbidden)
		fprintf(to, "%u processes can't be looked into: that takes root\n", rows->forbidden);
}

void rows_show(FILE *to, enum form form, bool again, const struct rows *rows)
{
	switch (form) {
	case FORM_JSON: show_json(to, rows); break;
	case FORM_PROMETHEUS: show_prometheus(to, rows); break;
	case FORM_TABLE:
		if (again && isatty(fileno(to)))
			fprintf(to, "\033[H\033[J"); /* home, and clear what follows */
		show_table(to, rows);
	}
	if (fflush(to)) /* a full disk, say */
		die(STATUS_NO, "the output can't be written: %s", strerror(errno));
}
