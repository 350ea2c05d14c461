// SPDX-License-Identifier: MIT
/* The forms in which rows are shown: for people, for programs, and for Prometheus (the
 * text format of its page "exposition formats"). */
#include "show.h"
#include "driver.h"
#include "say.h"
#include "size.h"
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* A figure of a row or of the driver, and its names in JSON and in Prometheus. */
struct figure {
	const char *json, *metric, *type, *help;
	size_t offset; /* of its uint64_t in the structure */
};

#define FIGURE(of, field, json, metric, type, help)                                                                    \
	{                                                                                                              \
		json, metric, type, help, offsetof(struct of, field)                                                   \
	}
#define PROMOTIONS "Blocks that became a 2 MiB page."
#define COPIES "4 KiB pages copied on write after a fork."
#define FALLBACKS "Times that no 2 MiB folio could be had."

static const struct figure of_heap[] = {
    FIGURE(row, heap.live, "in_use", "in_use_bytes", "gauge", "In use, or kept by a thread for reuse."),
    FIGURE(row, resident, "resident", "resident_bytes", "gauge", "Resident memory of the large heap."),
    FIGURE(row, huge, "huge", "huge_bytes", "gauge", "Resident memory that is in 2 MiB pages."),
    FIGURE(row, heap.dirty, "freed", "freed_bytes", "gauge", "Freed, and not yet returned to the system."),
    FIGURE(row, heap.purged, "returned", "returned_bytes_total", "counter",
	   "Returned to the system since the process started."),
};
/* Rows have these if the driver told them: see counted in struct row. */
static const struct figure of_mappings[] = {
    FIGURE(row, promotions, "promotions", "promotions_total", "counter", PROMOTIONS),
    FIGURE(row, copies, "copies", "copies_total", "counter", COPIES),
    FIGURE(row, fallbacks, "fallbacks", "fallbacks_total", "counter", FALLBACKS),
};
static const struct figure of_driver[] = {
    FIGURE(driver_counters, promotions, "promotions", "promotions_total", "counter", PROMOTIONS),
    FIGURE(driver_counters, copies, "copies", "copies_total", "counter", COPIES),
    FIGURE(driver_counters, fallbacks, "fallbacks", "fallbacks_total", "counter", FALLBACKS),
    FIGURE(driver_counters, bytes, "bytes", "bytes", "gauge", "Memory that the driver holds now."),
    FIGURE(driver_counters, limit_bytes, "limit_bytes", "limit_bytes", "gauge", "Memory that the driver may hold."),
};
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static uint64_t value_of(const struct figure *figure, const void *of)
{
	return *(const uint64_t *)((const char *)of + figure->offset);
}

/* Percent of the resident memory. */
static double huge_share(const struct row *row)
{
	return row->resident ? 100.0 * (double)row->huge / (double)row->resident : 0;
}

static void show_row(FILE *to, const struct row *row, bool counters)
{
	char live[SIZE_TEXT_BYTES], resident[SIZE_TEXT_BYTES], dirty[SIZE_TEXT_BYTES], purged[SIZE_TEXT_BYTES];

	fprintf(to, "%7d %-15.15s %-8s %10s %10s %5.1f %% %10s %10s", row->process.pid, row->process.name,
		row->process.beacon.backend, size_text(row->heap.live, live), size_text(row->resident, resident),
		huge_share(row), size_text(row->heap.dirty, dirty), size_text(row->heap.purged, purged));
	if (counters && row->counted)
		fprintf(to, " %10" PRIu64 " %10" PRIu64 " %10" PRIu64, row->promotions, row->copies, row->fallbacks);
	fputc('\n', to);
}

static void show_driver(FILE *to)
{
	struct driver_counters c;
	char held[SIZE_TEXT_BYTES], limit[SIZE_TEXT_BYTES];

	if (driver_counters(&c))
		fprintf(to,
			"driver: %llu promotions, %llu pages copied on write, %llu fallbacks; %s held of at most %s\n",
			(unsigned long long)c.promotions, (unsigned long long)c.copies, (unsigned long long)c.fallbacks,
			size_text(c.bytes, held), size_text(c.limit_bytes, limit));
}

static void add_figures(struct json_object *to, const struct figure *figures, size_t n, const void *of)
{
	for (size_t i = 0; i < n; i++)
		json_object_object_add(to, figures[i].json, json_object_new_uint64(value_of(&figures[i], of)));
}

static struct json_object *json_of(const struct row *row)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "pid", json_object_new_int(row->process.pid));
	json_object_object_add(o, "command", json_object_new_string(row->process.name));
	json_object_object_add(o, "backend", json_object_new_string(row->process.beacon.backend));
	add_figures(o, of_heap, COUNT(of_heap), row);
	if (row->counted)
		add_figures(o, of_mappings, COUNT(of_mappings), row);
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
		add_figures(driver, of_driver, COUNT(of_driver), &c);
	}
	json_object_object_add(all, "processes", processes);
	json_object_object_add(all, "driver", driver);
	fprintf(to, "%s\n", json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
}

/* A stranger may have chosen @value; process_look() has left only printable ASCII in it. */
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

static void show_head(FILE *to, const char *of, const struct figure *figure)
{
	fprintf(to, "# HELP dphuge_%s_%s %s\n# TYPE dphuge_%s_%s %s\n", of, figure->metric, figure->help, of,
		figure->metric, figure->type);
}

/* One figure of each process, or only of those for which the driver told it. */
static void show_metric(FILE *to, const struct rows *rows, const struct figure *figure, bool counted)
{
	show_head(to, "heap", figure);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *row = &rows->row[i];

		if (counted && !row->counted)
			continue;
		fprintf(to, "dphuge_heap_%s{pid=\"%d\"", figure->metric, row->process.pid);
		show_label(to, "command", row->process.name);
		show_label(to, "backend", row->process.beacon.backend);
		fprintf(to, "} %" PRIu64 "\n", value_of(figure, row));
	}
}

static void show_prometheus(FILE *to, const struct rows *rows)
{
	struct driver_counters c;

	for (size_t i = 0; i < COUNT(of_heap); i++)
		show_metric(to, rows, &of_heap[i], false);
	for (size_t i = 0; i < COUNT(of_mappings); i++)
		show_metric(to, rows, &of_mappings[i], true);
	if (!driver_counters(&c))
		return;
	for (size_t i = 0; i < COUNT(of_driver); i++) {
		show_head(to, "driver", &of_driver[i]);
		fprintf(to, "dphuge_driver_%s %" PRIu64 "\n", of_driver[i].metric, value_of(&of_driver[i], &c));
	}
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
		fprintf(to, "no process has a large heap\n");
	if (rows->forbidden)
		fprintf(to, "%u processes cannot be examined: only root may do so\n", rows->forbidden);
}

void show_rows(FILE *to, enum show_form form, bool again, const struct rows *rows)
{
	switch (form) {
	case SHOW_JSON: show_json(to, rows); break;
	case SHOW_PROMETHEUS: show_prometheus(to, rows); break;
	case SHOW_TABLE:
		if (again && isatty(fileno(to)))
			fprintf(to, "\033[H\033[J"); /* move to the top left corner, and clear the screen from there */
		show_table(to, rows);
	}
	if (fflush(to)) /* the disk may be full */
		say_and_exit(STATUS_NO, "cannot write the output: %s", strerror(errno));
}
