// SPDX-License-Identifier: MIT
/*
 * What the large heap is linked with in its test instead of the real thing: a clock that
 * only the test moves, backends of which any call may fail, and libc in jemalloc's place.
 */
#include "large_heap.h"

#include "backend/anonymous.h"
#include "backend/hugetlb.h"
#include "base/boot.h"
#include "base/clock.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

_Atomic uint32_t fake_clock_ms = 1000;
_Atomic unsigned int fake_fail_one_in;
_Atomic unsigned long fake_failures, fake_maps, fake_purges, fake_extends, fake_moves, fake_replaces;

static bool call_fails(void)
{
	unsigned int n = atomic_load(&fake_fail_one_in);

	if (!n || chance_next() % n)
		return false;
	atomic_fetch_add(&fake_failures, 1);
	return true;
}

uint32_t clock_ms(void)
{
	return atomic_load(&fake_clock_ms);
}

/* jemalloc's part: no request comes to it. */
void *boot_malloc(size_t size)
{
	return malloc(size);
}

void *boot_calloc(size_t n, size_t size)
{
	return calloc(n, size);
}

void *boot_realloc(void *p, size_t size)
{
	return realloc(p, size);
}

void boot_free(void *p)
{
	free(p);
}

size_t boot_usable(void *p)
{
	return malloc_usable_size(p);
}

/*
 * The driver's backend itself, over files in memory in the place of the device: these
 * too give each mapping a file of its own, with whose offsets memory moves.
 */
#define DPHUGE_SYS_H
static int sys_open(const char *path, int flags)
{
	int fd = memfd_create(path, MFD_CLOEXEC);

	(void)flags;
	if (fd >= 0 && ftruncate(fd, (off_t)(4 * WINDOW))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int sys_close(int fd)
{
	return close(fd);
}

#define backend_driver real
#include "backend/driver.c"
#undef backend_driver

static bool map_anything(char *p, size_t len)
{
	return mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) ==
	       p;
}

static bool fake_map(char *p, size_t len)
{
	if (call_fails()) {
		/* A failed mmap(MAP_FIXED) may have emptied the place. */
		if (chance_next() % 2)
			munmap(p, len);
		return false;
	}
	atomic_fetch_add(&fake_maps, 1);
	return real.map(p, len);
}

static bool fake_purge(char *p, size_t len)
{
	if (call_fails())
		return false;
	atomic_fetch_add(&fake_purges, 1);
	return real.purge(p, len);
}

static enum outcome fake_extend(char *p, size_t old_len, size_t new_len)
{
	if (call_fails()) {
		if (chance_next() % 16)
			return FAILED;
		return map_anything(p + old_len, new_len - old_len) ? LOST : FAILED;
	}
	atomic_fetch_add(&fake_extends, 1);
	return real.extend(p, old_len, new_len);
}

static bool fake_move(char *p, size_t old_len, char *to, size_t new_len)
{
	if (call_fails()) {
		if (chance_next() % 2)
			munmap(to, new_len);
		return false;
	}
	atomic_fetch_add(&fake_moves, 1);
	return real.move(p, old_len, to, new_len);
}

static enum outcome fake_replace(char *p, size_t len, char *to)
{
	if (call_fails()) {
		if (chance_next() % 2)
			munmap(to, len);
		return FAILED;
	}
	if (real.replace(p, len, to) != DONE)
		return FAILED;
	atomic_fetch_add(&fake_replaces, 1);
	/* As if memory for the old place couldn't be mapped: a hole, or somebody else's. */
	if (call_fails()) {
		munmap(p, len);
		if (chance_next() % 2)
			map_anything(p, len);
		return LOST;
	}
	return DONE;
}

#define FAKE(title)                                                                                                    \
	{                                                                                                              \
		.name = title, .map = fake_map, .purge = fake_purge, .extend = fake_extend, .move = fake_move,         \
		.replace = fake_replace                                                                                \
	}
const struct backend backend_driver = FAKE("one"), backend_thp = FAKE("another"), backend_base = FAKE("third");
/* Unmapped in the place of purged. */
const struct backend backend_hugetlb = {
    .name = "fourth", .map = fake_map, .extend = fake_extend, .move = fake_move, .replace = fake_replace};
