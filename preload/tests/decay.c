// SPDX-License-Identifier: MIT
/*
 * What a program has freed goes back to the system after the decay time, although
 * the program only sleeps: its resident memory shrinks, the device holds little, and
 * memory that is allocated again is zero where calloc() promises it.
 */
#include "../../tests/tap.h"

#include <fcntl.h>
#include <string.h>

static size_t resident(void)
{
	unsigned long pages = 0;
	char text[100] = "";
	int fd = open("/proc/self/statm", O_RDONLY);

	(void)!read(fd, text, sizeof(text) - 1);
	close(fd);
	sscanf(text, "%*u %lu", &pages);
	return pages * 4096;
}

/* What the device holds, where there is one. */
static long device_bytes(void)
{
	FILE *f = fopen("/sys/class/misc/dphuge/stats/bytes", "r");
	long n = -1;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

int main(int argc, char **argv)
{
	enum { N = 40 };
	static char *p[N];
	size_t before, full, left, after = 0;
	long device_full, device_left = 0;
	bool zero = true;

	if (argc < 2) { /* a second time, as the setting is read at start */
		setenv("DPHUGE_DECAY_MS", "400", 1);
		execl("/proc/self/exe", argv[0], "again", NULL);
		return 1;
	}
	before = resident();
	for (int i = 0; i < N; i++) {
		p[i] = malloc((size_t)(i + 1) * 300000);
		memset(p[i], i, (size_t)(i + 1) * 300000);
	}
	full = resident();
	device_full = device_bytes();
	for (int i = 0; i < N; i++)
		free(p[i]);
	for (int i = 0; i < 1200; i++) {
		usleep(100000);
		after = resident();
		device_left = device_bytes();
		/* The kernel unmaps a range before the driver frees it, folio by folio. */
		if (after < before + (8 << 20) && device_left <= device_full / 20)
			break;
	}
	ok(full > before + 200000000, "%zu MB are in use", full / 1000000);
	left = after > before ? after - before : 0;
	ok(left < 8 << 20, "after the decay time %zu MB of them are left", left / 1000000);
	if (device_full > 0)
		ok(device_left <= device_full / 20, "the device holds %ld MB instead of %ld", device_left / 1000000,
		   device_full / 1000000);
	p[0] = calloc(1, 100 << 20);
	for (size_t i = 0; i < 100 << 20; i += 512)
		zero &= !p[0][i];
	ok(zero, "calloc gives zeroes from what went back");
	free(p[0]);
	return tap_done();
}
