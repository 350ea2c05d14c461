// SPDX-License-Identifier: GPL-2.0
/*
 * A process whose mmap_lock is held for long keeps the driver's background thread
 * from its own memory, and from nobody else's: another process gets its 2 MiB pages
 * back meanwhile, and it gets its own when the lock is free.
 *
 * The lock is held by who reads the process's memory through /proc/PID/mem, a page of
 * a file on a slow disk (get_user_pages_remote() waits for such a page with the lock
 * held), and a thread of the process waits for it to write, behind which readers queue.
 *
 * Needs root and the slow disk of scripts/vm.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "t_child.h"
#include "t_device.h"
#include "t_memory.h"

#define SLOW_DISK "/dev/vdb" /* 256 KiB/s */
#define SLOW_DISK_READAHEAD "/sys/block/vdb/queue/read_ahead_kb"
/* What is read around a page at once: it takes some seconds, for which the lock is held. */
#define WINDOW_KB "2048"
#define WINDOW (2048UL << 10)
#define BLOCKS 4UL

/* What the processes see of each other. */
static struct seen {
	atomic_bool ready, start, write, written;
	atomic_int sibling, writer;
	atomic_ulong read;	/* pages of the disk */
	char *memory, *disk;
} *seen;

static char *filled(char byte)
{
	char *p = map(BLOCKS * BLOCK, 50);

	memset(p, byte, BLOCKS * BLOCK);
	return p;
}

static void change(char *p)
{
	for (unsigned long b = 0; b < BLOCKS; b++)
		p[b * BLOCK + 9 * PAGE] = 'c';
}

static bool is_filled_and_changed(const char *p, char byte)
{
	for (unsigned long at = 0; at < BLOCKS * BLOCK; at += PAGE)
		if (p[at] != (at % BLOCK == 9 * PAGE ? 'c' : byte))
			return false;
	return true;
}

/* How many of the process's blocks are one 2 MiB page again, with nothing beside it. */
static unsigned long whole(pid_t pid, const char *p)
{
	return whole_reservations(pid, p, BLOCKS);
}

/* The thread that waits for mmap_lock to write. */
static void *write_lock(void *unused)
{
	atomic_store(&seen->writer, syscall(SYS_gettid));
	while (!atomic_load(&seen->write))
		usleep(1000);
	anonymous(PAGE);
	atomic_store(&seen->written, true);
	return unused;
}

/* The process whose lock is held: its blocks have pages of a fork's to be put in order. */
static int victim(void *unused)
{
	int fd = open(SLOW_DISK, O_RDONLY);
	pthread_t thread;
	char *p;

	(void)unused;
	must(fd >= 0);
	seen->disk = mmap(NULL, 8 * WINDOW, PROT_READ, MAP_SHARED, fd, 0);
	must(seen->disk != MAP_FAILED);
	p = filled('v');
	atomic_store(&seen->sibling, sleeping_child());
	change(p);
	must(!pthread_create(&thread, NULL, write_lock, NULL));
	must(becomes(atomic_load(&seen->writer)));
	seen->memory = p;
	atomic_store(&seen->ready, true);
	must(!pthread_join(thread, NULL));
	/* The signal that ends the sibling is the test's; here it is only waited for. */
	wait_for(atomic_load(&seen->sibling));
	must(becomes(huge_kb(p, BLOCKS * BLOCK) == KB(BLOCKS * BLOCK)));
	return !is_filled_and_changed(p, 'v');
}

/* Read a page in the middle of each window through /proc/PID/mem, until killed. */
static pid_t start_reading(pid_t of)
{
	pid_t pid = fork_now();
	char path[32], byte;
	int fd;

	if (pid)
		return pid;
	snprintf(path, sizeof(path), "/proc/%d/mem", of);
	fd = open(path, O_RDONLY);
	must(fd >= 0);
	while (!atomic_load(&seen->start))
		usleep(1000);
	for (unsigned long n = 0; n < 7; n++) {
		off_t at = (uintptr_t)seen->disk + n * WINDOW + WINDOW / 2;

		must(pread(fd, &byte, 1, at) == 1);
		atomic_fetch_add(&seen->read, 1);
	}
	_exit(0);
}

/* The thread's state, a letter of /proc/PID/task/TID/stat. */
static char state_of(pid_t pid, pid_t tid)
{
	char path[64], state = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	f = fopen(path, "r");
	must(f && fscanf(f, "%*d (%*[^)]) %c", &state) == 1);
	fclose(f);
	return state;
}

int main(void)
{
	unsigned long before;
	double start, recovered, held;
	pid_t pid, reader, sibling;
	char *p;

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(seen != MAP_FAILED && !write_to(SLOW_DISK_READAHEAD, WINDOW_KB));
	pid = fork_now();
	if (!pid)
		_exit(victim(NULL));
	must(becomes(atomic_load(&seen->ready)));
	must(whole(pid, seen->memory) == 0);

	reader = start_reading(pid);

	/* Another process's memory in the same state, which is this one. The reader is older, so it has no part in it. */
	p = filled('o');
	sibling = sleeping_child();
	change(p);

	atomic_store(&seen->start, true);
	/* The first window may come at once: a disk that was idle may burst. */
	must(becomes(atomic_load(&seen->read)));
	must(becomes(state_of(reader, reader) == 'D'));
	atomic_store(&seen->write, true);
	must(becomes(state_of(pid, atomic_load(&seen->writer)) == 'D'));
	before = atomic_load(&seen->read);
	start = now_ms();
	must(!kill(atomic_load(&seen->sibling), SIGKILL));
	usleep(300000); /* so that the driver is told first of it */
	kill_child(sibling);
	must(becomes(all_huge(p, BLOCKS * BLOCK)));
	recovered = now_ms() - start;
	ok(atomic_load(&seen->read) == before && !atomic_load(&seen->written),
	   "another process has its 2 MiB pages again after %.0f ms, while the lock is held", recovered);
	ok(is_filled_and_changed(p, 'o'), "with the right bytes");
	must(becomes(atomic_load(&seen->written)));
	held = now_ms() - start;
	ok(held > recovered, "the lock was held for %.0f ms", held);
	ok(succeeded(wait_for(pid)), "then the process gets its own, with the right bytes");
	kill_child(reader);
	munmap(p, BLOCKS * BLOCK);
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
