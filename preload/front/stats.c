// SPDX-License-Identifier: MIT
/* The report at exit (DPHUGE_STATS=1): what was served, and which page sizes the large
 * heap had, as the kernel says. */
#include "front/stats.h"

#include "backend/driver.h"
#include "backend/smaps.h"
#include "base/message.h"
#include "base/sys.h"
#include "front/small.h"
#include "heap/large.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* Bytes, of the time when most was resident. */
static size_t best_resident, best_huge;
static pthread_mutex_t best_lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Many programs close stderr at exit, before we report (gnulib's close_stdout), so we keep
 * a copy, and make sure that it still is one when we come to use it.
 */
static int report_fd = -1;
static struct stat report_file;

void stats_init(void)
{
	report_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 500);
	if (report_fd >= 0 && fstat(report_fd, &report_file))
		report_fd = -1;
}

static bool is_report_fd_ours(void)
{
	struct stat now;

	return report_fd >= 0 && !fstat(report_fd, &now) && now.st_dev == report_file.st_dev &&
	       now.st_ino == report_file.st_ino;
}

void stats_sample(void)
{
	size_t resident, huge;

	if (!fixed->backend || !smaps_coverage(&resident, &huge))
		return;
	pthread_mutex_lock(&best_lock);
	if (resident > best_resident) {
		best_resident = resident;
		best_huge = huge;
	}
	pthread_mutex_unlock(&best_lock);
}

/* The helper thread may have held it. */
void stats_postfork_child(void)
{
	pthread_mutex_init(&best_lock, NULL);
}

void stats_report(void)
{
	struct driver_totals totals = {0};
	struct small_stats small;
	struct rusage usage;
	struct arena_totals large;
	char name[64] = "?";
	int fd = sys_open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : sys_read(fd, name, sizeof(name) - 1);

	if (fd >= 0)
		sys_close(fd);
	if (is_report_fd_ours())
		message_to(report_fd);
	if (n > 1)
		name[n - 1] = 0;
	large_totals(&large);
	if (!large.calls) { /* as in shells and wrappers */
		message("pid %d (%s): no large request; backend %s%s%s", getpid(), name,
			fixed->backend ? fixed->backend->name : "none", fixed->backend ? "" : ": ",
			fixed->backend ? "" : fixed->no_backend);
		return;
	}
	message("pid %d (%s): backend %s", getpid(), name, fixed->backend->name);
	message("pid %d: large: %llu calls, %llu bytes served, %zu live, %llu given back", getpid(),
		(unsigned long long)large.calls, (unsigned long long)large.served, large.live,
		(unsigned long long)large.purged);
	small_stats(&small);
	message("pid %d: small: %llu calls, %zu bytes live", getpid(), (unsigned long long)small.calls, small.live);
	stats_sample();
	message("pid %d: coverage: %zu of %zu resident bytes of the large heap are in 2 MiB pages, %.1f %%", getpid(),
		best_huge, best_resident, best_resident ? 100.0 * (double)best_huge / (double)best_resident : 0.0);
	if (fixed->backend == &backend_driver && driver_totals(&totals))
		message("pid %d: driver: %llu promotions, %llu fallbacks, %llu pages copied on write", getpid(),
			(unsigned long long)totals.promotions, (unsigned long long)totals.fallbacks,
			(unsigned long long)totals.copies);
	if (!getrusage(RUSAGE_SELF, &usage))
		message("pid %d: peak RSS %ld kB", getpid(), usage.ru_maxrss);
}
