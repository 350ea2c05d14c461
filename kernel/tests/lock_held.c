// SPDX-License-Identifier: GPL-2.0
/*
 * A process whose mmap_lock is held for long keeps the driver's background thread
 * from its own memory, and from nobody else's: another process gets its 2 MiB pages
 * back meanwhile, and the thread doesn't look for the lock again and again. When the
 * lock is free, the process gets its own.
 *
 * The lock is held by who reads the process's memory through /proc/PID/mem, a page of
 * a file on a slow disk: get_user_pages_remote() waits for such a page with the lock
 * held for read. With a thread of the process that waits for it to write, no more
 * readers come in; without, they do, and only what needs it for write must wait.
 *
 * Needs root and the slow disk of scripts/vm.
 */
#include <linux/fs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "thread.h"

#define SLOW_DISK "/dev/vdb" /* 256 KiB/s */
#define SLOW_DISK_READAHEAD "/sys/block/vdb/queue/read_ahead_kb"
/* So much is read around a page at once. It takes some seconds, for which the lock is held. */
#define WINDOW_KB 2048UL
#define WINDOW (WINDOW_KB << 10)
#define WINDOWS 7UL
#define BLOCKS 4UL /* of the other process */
/* On a busy machine the lock may be free again too soon. */
#define TRIES 5U
#define MAPPINGS 40U /* of the process whose lock is held: each is work by itself */
#define SWITCHES 150UL /* of the thread; it sleeps for its share of a CPU, too */

/* What the processes see of each other. */
static struct seen {
	atomic_bool ready, start, write;
	atomic_int sibling, writer;
	atomic_ulong read; /* pages of the disk */
	char *disk;
} *seen;

static bool holds(const char *p, unsigned long blocks, char byte, char changed)
{
	for (unsigned long at = 0; at < blocks * BLOCK; at += PAGE)
		if (p[at] != (at % BLOCK == 9 * PAGE ? changed : byte))
			return false;
	return true;
}

static void change(char *p, unsigned long blocks)
{
	for (unsigned long b = 0; b < blocks; b++)
		p[b * BLOCK + 9 * PAGE] = 'c';
}

static char *filled(unsigned long blocks, char byte)
{
	char *p = map(blocks * BLOCK, 50);

	memset(p, byte, blocks * BLOCK);
	return p;
}

/* The thread that waits for mmap_lock to write. */
static void *write_lock(void *unused)
{
	atomic_store(&seen->writer, syscall(SYS_gettid));
	while (!atomic_load(&seen->write))
		usleep(1000);
	anonymous(PAGE);
	return unused;
}

/*
 * The process whose lock is held. If @changed, its blocks have pages of a fork's to be put
 * in order, for which the thread needs the lock for read; else only writes are watched in
 * vain, and the thread needs it for write.
 */
static int victim(bool changed)
{
	int fd = open(SLOW_DISK, O_RDONLY);
	char *p[MAPPINGS];
	pthread_t thread;
	bool right = true;

	/* It is read anew in each try. */
	must(fd >= 0 && !ioctl(fd, BLKFLSBUF, 0));
	seen->disk = mmap(NULL, (WINDOWS + 1) * WINDOW, PROT_READ, MAP_SHARED, fd, 0);
	must(seen->disk != MAP_FAILED);
	for (unsigned int i = 0; i < MAPPINGS; i++)
		p[i] = filled(1, 'v');
	atomic_store(&seen->sibling, sleeping_child());
	for (unsigned int i = 0; changed && i < MAPPINGS; i++)
		change(p[i], 1);
	must(!pthread_create(&thread, NULL, write_lock, NULL));
	must(becomes(atomic_load(&seen->writer)));
	atomic_store(&seen->ready, true);
	must(!pthread_join(thread, NULL));
	/* It is the test that kills it. */
	wait_for(atomic_load(&seen->sibling));
	for (unsigned int i = 0; i < MAPPINGS; i++) {
		bool settled = false;

		/* Not looked at too often: that holds the lock, too. */
		for (unsigned int tries = 0; !settled && tries < 400; tries++) {
			settled = !vma_flag(p[i], BLOCK, " nr") && all_huge(p[i], BLOCK);
			if (!settled)
				usleep(300000);
		}
		right &= settled;
		right &= holds(p[i], 1, 'v', changed ? 'c' : 'v');
	}
	return !right;
}

/* Read a page in the middle of each window through /proc/PID/mem. */
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
	for (unsigned long n = 0; n < WINDOWS; n++) {
		off_t at = (uintptr_t)seen->disk + n * WINDOW + WINDOW / 2;

		must(pread(fd, &byte, 1, at) == 1);
		atomic_fetch_add(&seen->read, 1);
	}
	_exit(0);
}

/* A letter of /proc/PID/task/TID/stat. */
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

/* The reader waits for the disk, or has read all. */
static bool waits_or_has_ended(pid_t pid)
{
	char state = state_of(pid, pid);

	return state == 'D' || state == 'Z';
}

/* How often the thread has gone to sleep. */
static unsigned long thread_switches(void)
{
	char value[64];

	thread_field("status", "voluntary_ctxt_switches", value, sizeof(value));
	return strtoul(value, NULL, 10);
}

struct result {
	bool in_time, right, ended;
	double recovered_ms;
	unsigned long switches;
};

/* One try, with a process and a lock of its own. */
static struct result try_with(bool writer)
{
	struct result r = { 0 };
	pid_t pid, reader, sibling;
	unsigned long before;
	double start;
	char *p;

	memset(seen, 0, sizeof(*seen));
	pid = fork_now();
	if (!pid)
		_exit(victim(writer));
	must(becomes(atomic_load(&seen->ready)));
	reader = start_reading(pid);

	/* This is the other process. The reader came before its memory, and has no part in it. */
	p = filled(BLOCKS, 'o');
	sibling = sleeping_child();
	change(p, BLOCKS);

	atomic_store(&seen->start, true);
	/* The first window may come at once: a disk that was idle may burst. */
	must(becomes(atomic_load(&seen->read) && waits_or_has_ended(reader)));
	before = atomic_load(&seen->read);
	if (writer) {
		atomic_store(&seen->write, true);
		must(becomes(state_of(pid, atomic_load(&seen->writer)) == 'D' || atomic_load(&seen->read) > before));
	}
	start = now_ms();
	r.switches = thread_switches();
	must(!kill(atomic_load(&seen->sibling), SIGKILL));
	must(becomes(state_of(atomic_load(&seen->sibling), atomic_load(&seen->sibling)) == 'Z'));
	kill_child(sibling);
	must(becomes(all_huge(p, BLOCKS * BLOCK)));
	r.recovered_ms = now_ms() - start;
	usleep(1000000);
	r.switches = thread_switches() - r.switches;
	r.in_time = atomic_load(&seen->read) == before && before < WINDOWS;
	r.right = holds(p, BLOCKS, 'o', 'c');
	munmap(p, BLOCKS * BLOCK);

	kill_child(reader);
	atomic_store(&seen->write, true);
	r.ended = succeeded(wait_for(pid));
	return r;
}

static void held(bool writer)
{
	const char *by = writer ? "for read, and waited for" : "for read";
	struct result r = { 0 };
	unsigned int tries = 0;

	while (!r.in_time && tries++ < TRIES)
		r = try_with(writer);
	ok(r.in_time,
	   "%s: another process has its 2 MiB pages again after %.0f ms, a second before the lock is free (try %u)", by,
	   r.recovered_ms, tries);
	ok(r.switches <= SWITCHES, "%s: the thread goes to sleep %lu times meanwhile, at most %lu", by, r.switches,
	   SWITCHES);
	ok(r.right, "%s: the other process's bytes are right", by);
	ok(r.ended, "%s: when the lock is free the process gets its own, with the right bytes", by);
}

int main(void)
{
	unsigned long readahead = number_in("/sys/block/vdb/queue/", "read_ahead_kb");
	char text[24];

	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(seen != MAP_FAILED && !write_to(PARAMS "pool_mib", "0"));
	snprintf(text, sizeof(text), "%lu", WINDOW_KB);
	must(!write_to(SLOW_DISK_READAHEAD, text));
	held(true);
	held(false);
	snprintf(text, sizeof(text), "%lu", readahead);
	must(!write_to(SLOW_DISK_READAHEAD, text));
	ok(device_empty(), "nothing is left behind");
	return tap_done();
}
