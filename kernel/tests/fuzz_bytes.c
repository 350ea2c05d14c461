// SPDX-License-Identifier: GPL-2.0
/*
 * Operations on bytes: the process reads and writes its memory itself, and has
 * the kernel do it, through get_user_pages() and through pipes.
 */
#include "fuzz.h"

#include <sys/uio.h>

#define DISK_PAGES 32u	/* written and read at a time */
#define DISK_PLACES 100u /* of so many pages, for each slice */

static int disk = -1;

static bool do_write(struct slice *s)
{
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "write %u+%u", v, n);
	for (unsigned int i = 0; i < n; i++) {
		if (once_in(s, 16))
			check_page(s, v + i, "before a write");
		write_page(s, v + i);
	}
	kin_peek(s, v, n);
	return true;
}

static bool do_read(struct slice *s)
{
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, PROT_READ))
		return false;
	record_call(s, "read %u+%u", v, n);
	for (; n; n--, v++)
		check_page(s, v, "read");
	return true;
}

static bool do_process_vm(struct slice *s)
{
	static _Thread_local uint64_t buffer[PAGE / 8];
	struct iovec local = { buffer, PAGE }, remote;
	unsigned int v, n;

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	n = n > 16 ? 16 : n;
	record_call(s, "process_vm %u+%u", v, n);
	for (; n; n--, v++) {
		uint64_t value = new_value(s);

		remote = (struct iovec){ page_at(v), PAGE };
		if (retried(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)) != PAGE)
			fail_test(s, "process_vm_readv of page %u: errno %d", v, errno);
		if (buffer[0] != model_value(v, buffer[0]) || buffer[PAGE / 8 - 1] != buffer[0])
			fail_test(s, "process_vm_readv: page %u is %#lx", v, buffer[0]);
		fill_page(buffer, value);
		if (retried(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)) != PAGE)
			fail_test(s, "process_vm_writev of page %u: errno %d", v, errno);
		model_write(v, value);
		check_page(s, v, "after process_vm_writev");
	}
	return true;
}

static void open_disk(void)
{
	if (getenv("DPHUGE_GUEST")) /* elsewhere this is no scratch disk */
		disk = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
}

/* A place on the disk that nobody else uses: a thread's, locked by its process until that ends. */
static off_t disk_place(struct slice *s)
{
	unsigned int place = below(s, DISK_PLACES) * SLICES + s->nr;
	struct flock lock = { .l_type = F_WRLCK, .l_start = place, .l_len = 1 };

	return retried(fcntl(disk, F_SETLK, &lock)) ? -1 : (off_t)(place * PAGE * DISK_PAGES);
}

/* Memory is written to a disk and read back to other pages. */
static bool do_direct_io(struct slice *s)
{
	uint64_t values[DISK_PAGES];
	unsigned int v, w, n, m;
	off_t place;

	if (disk < 0 || !random_stretch(s, &v, &n, PROT_READ) ||
	    !random_stretch(s, &w, &m, PROT_READ | PROT_WRITE))
		return false;
	place = disk_place(s);
	if (place < 0)
		return false;
	n = n > m ? m : n;
	n = n > DISK_PAGES ? DISK_PAGES : n;
	record_call(s, "O_DIRECT %u+%u to %u", v, n, w);
	if (retried(pwrite(disk, page_at(v), n * PAGE, place)) != (long)(n * PAGE))
		fail_test(s, "O_DIRECT write from page %u: errno %d", v, errno);
	/* Now, as the ranges may overlap. */
	for (unsigned int i = 0; i < n; i++)
		values[i] = model_value(v + i, first_word(v + i));
	if (retried(pread(disk, page_at(w), n * PAGE, place)) != (long)(n * PAGE))
		fail_test(s, "O_DIRECT read to page %u: errno %d", w, errno);
	for (unsigned int i = 0; i < n; i++)
		model_write(w + i, values[i]);
	for (unsigned int i = 0; i < n; i++)
		check_page(s, w + i, "after O_DIRECT");
	kin_peek(s, w, n);
	return true;
}

/* What a pipe has got stays as it was, whatever happens to the page. */
static bool do_vmsplice(struct slice *s)
{
	static _Thread_local uint64_t buffer[PAGE / 8];
	unsigned int v, n;
	uint64_t value;
	bool spliced;
	int fd[2];

	if (!random_stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return false;
	record_call(s, "vmsplice %u", v);
	value = model_value(v, first_word(v));
	if (pipe2(fd, O_CLOEXEC))
		return false;
	spliced = retried(vmsplice(fd[1], &(struct iovec){ page_at(v), PAGE }, 1, 0)) == PAGE;
	if (spliced) {
		if (once_in(s, 2)) {
			retried(madvise(page_at(v), PAGE, MADV_DONTNEED));
			check_page(s, v, "after DONTNEED of a page in a pipe");
		}
		must(retried(read(fd[0], buffer, PAGE)) == PAGE);
		if (buffer[0] != value || buffer[PAGE / 8 - 1] != value)
			fail_test(s, "from the pipe: page %u is %#lx, must be %#lx", v, buffer[0], value);
	}
	close(fd[0]);
	close(fd[1]);
	return spliced;
}

const struct op byte_ops[] = {
	{ .name = "write", .weight = 24, .run = do_write },
	{ .name = "read", .weight = 10, .run = do_read },
	{ .name = "process_vm", .weight = 4, .run = do_process_vm },
	{ .name = "O_DIRECT", .weight = 3, .run = do_direct_io, .prepare = open_disk },
	{ .name = "vmsplice", .weight = 3, .run = do_vmsplice },
	{ .name = NULL },
};
