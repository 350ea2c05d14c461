// SPDX-License-Identifier: GPL-2.0
/* Random calls on random ranges from several threads and processes, against a
 * model that knows what each byte must be (fuzz_model.h).
 *
 * Usage: fuzz [SECONDS [SEED [inject]]]. "inject": allocations fail at random
 * in these processes and in the driver's thread (a kernel with fault injection;
 * Documentation/fault-injection/). Then a call that had no memory is made again,
 * and a child whose copy of a block was lost may end with SIGBUS.
 */
#include "fuzz_model.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>

#define KEPT 24		/* calls that are shown when something is wrong */
#define CHILDREN 2u	/* alive at a time, of each thread */
#define LOST 77		/* exit status: SIGBUS as memory ran out in a fork */

struct slice {
	unsigned int nr;
	uint64_t seed;
	unsigned int depth; /* forks since the first process */
	unsigned int children;
	pid_t child[CHILDREN];
	unsigned long calls;
	char kept[KEPT][96];
};

/* Shared by all processes. */
static struct {
	atomic_bool stop, failed;
	atomic_ulong calls, forks, checked, lost, again, values;
} *shared;

static struct slice slices[SLICES];
static pthread_rwlock_t fork_lock = PTHREAD_RWLOCK_INITIALIZER; /* held for write: all other threads rest */
static atomic_uint running; /* threads of the first process */
static bool injecting;
static bool knows_all = true; /* this process, of the window: not only of one slice */
static int uffd = -1, disk = -1;
static _Thread_local struct slice *me;

static uint32_t next(struct slice *s)
{
	s->seed = s->seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return s->seed >> 33;
}

static uint32_t below(struct slice *s, uint32_t n)
{
	return next(s) % n;
}

static bool once_in(struct slice *s, uint32_t n)
{
	return !below(s, n);
}

__attribute__((format(printf, 2, 3))) static void keep(struct slice *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->kept[s->calls++ % KEPT], sizeof(s->kept[0]), fmt, ap);
	va_end(ap);
	atomic_fetch_add(&shared->calls, 1);
}

__attribute__((format(printf, 2, 3), noreturn)) static void failed(struct slice *s, const char *fmt, ...)
{
	va_list ap;

	if (!atomic_exchange(&shared->failed, true)) {
		char text[256];

		va_start(ap, fmt);
		vsnprintf(text, sizeof(text), fmt, ap);
		va_end(ap);
		printf("# slice %u, depth %u, process %d: %s\n", s->nr, s->depth, getpid(), text);
		for (unsigned long i = s->calls < KEPT ? 0 : s->calls - KEPT; i < s->calls; i++)
			printf("#   %s\n", s->kept[i % KEPT]);
		fflush(stdout);
	}
	atomic_store(&shared->stop, true);
	_exit(1);
}

int main(int argc, char **argv);

static char *at(unsigned int v)
{
	return window + v * PAGE;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	if (sig == SIGBUS && injecting && me->depth) {
		atomic_fetch_add(&shared->lost, 1);
		_exit(LOST);
	}
	failed(me, "signal %d, code %d, at page %ld (%p), instruction at main%+lld", sig, info->si_code,
	       ((char *)info->si_addr - window) / (long)PAGE, info->si_addr,
	       uc->uc_mcontext.gregs[REG_RIP] - (long long)(uintptr_t)main);
}

/* Call again what found no memory, if allocations are made to fail. */
#define MANY 200
#define again_if(failed_for_memory) (injecting && (failed_for_memory) && atomic_fetch_add(&shared->again, 1) < ~0UL)
#define retried(call)                                                                              \
	({                                                                                         \
		long ret_;                                                                         \
		for (unsigned int try_ = 0;; try_++) {                                             \
			ret_ = (long)(call);                                                       \
			if (ret_ != -1 || try_ == MANY ||                                          \
			    !again_if(errno == ENOMEM || errno == EAGAIN || errno == EFAULT || errno == ENOBUFS)) \
				break;                                                             \
		}                                                                                  \
		ret_;                                                                              \
	})

static void check(struct slice *s, unsigned int v, const char *where)
{
	const volatile uint64_t *word = (uint64_t *)at(v);
	uint64_t want = model_value(v, *word);

	for (unsigned int i = 0; i < PAGE / sizeof(*word); i++) {
		uint64_t is = word[i];

		if (is != want)
			failed(s, "%s: page %u word %u is %#lx, must be %#lx (region %u offset %u)", where, v, i, is, want,
			       vpages[v].region, vpages[v].off);
	}
	atomic_fetch_add(&shared->checked, 1);
}

static uint64_t new_value(struct slice *s)
{
	return atomic_fetch_add(&shared->values, 1) << 16 | (s->depth << 8) | (s->nr + 1);
}

static void fill(uint64_t *to, uint64_t value)
{
	for (unsigned int i = 0; i < PAGE / sizeof(*to); i++)
		to[i] = value;
}

/* A range of the slice: mostly short, now and then whole blocks and more. */
static unsigned int range(struct slice *s, unsigned int *n)
{
	unsigned int v = s->nr * SLICE_PAGES + below(s, SLICE_PAGES);

	*n = 1 + below(s, once_in(s, 6) ? 1400 : once_in(s, 3) ? 200 : 12);
	if (once_in(s, 4)) /* one block, or its part in the slice */
		v &= ~(BLOCK_PAGES - 1), *n = BLOCK_PAGES;
	if (v < s->nr * SLICE_PAGES)
		v = s->nr * SLICE_PAGES;
	if (v + *n > (s->nr + 1) * SLICE_PAGES)
		*n = (s->nr + 1) * SLICE_PAGES - v;
	return v;
}

/* The same, cut to one stretch of one region; false if nothing is there. */
static bool stretch(struct slice *s, unsigned int *v, unsigned int *n, int prot)
{
	for (unsigned int try = 0; try < 8; try++) {
		*v = range(s, n);
		if (vpages[*v].region != NO_REGION && (vpages[*v].prot & prot) == prot) {
			*n = model_run(*v, *n);
			return true;
		}
	}
	return false;
}

static void do_write(struct slice *s)
{
	unsigned int v, n;

	if (!stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return;
	keep(s, "write %u+%u", v, n);
	for (; n; n--, v++) {
		uint64_t value = new_value(s);

		if (once_in(s, 16))
			check(s, v, "before a write");
		fill((uint64_t *)at(v), value);
		content_of(v)->value = value;
		content_of(v)->stale = false;
	}
}

static void do_read(struct slice *s)
{
	unsigned int v, n;

	if (!stretch(s, &v, &n, PROT_READ))
		return;
	keep(s, "read %u+%u", v, n);
	for (; n; n--, v++)
		check(s, v, "read");
}

/* Written and read by the kernel, through get_user_pages(). */
static void do_process_vm(struct slice *s)
{
	static _Thread_local uint64_t buffer[PAGE / 8];
	struct iovec local = { buffer, PAGE }, remote;
	unsigned int v, n;

	if (!stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return;
	n = n > 16 ? 16 : n;
	keep(s, "process_vm %u+%u", v, n);
	for (; n; n--, v++) {
		uint64_t value = new_value(s);

		remote = (struct iovec){ at(v), PAGE };
		if (retried(process_vm_readv(getpid(), &local, 1, &remote, 1, 0)) != PAGE)
			failed(s, "process_vm_readv of page %u: errno %d", v, errno);
		if (buffer[0] != model_value(v, buffer[0]) || buffer[PAGE / 8 - 1] != buffer[0])
			failed(s, "process_vm_readv: page %u is %#lx", v, buffer[0]);
		fill(buffer, value);
		if (retried(process_vm_writev(getpid(), &local, 1, &remote, 1, 0)) != PAGE)
			failed(s, "process_vm_writev of page %u: errno %d", v, errno);
		content_of(v)->value = value;
		check(s, v, "after process_vm_writev");
	}
}

static void do_direct_io(struct slice *s)
{
	off_t place = (s->nr + SLICES * s->depth) * PAGE * 32;
	unsigned int v, w, n, m;

	if (disk < 0 || s->depth || !stretch(s, &v, &n, PROT_READ) || !stretch(s, &w, &m, PROT_READ | PROT_WRITE))
		return;
	n = n > m ? m : n;
	n = n > 32 ? 32 : n;
	keep(s, "O_DIRECT %u+%u to %u", v, n, w);
	if (retried(pwrite(disk, at(v), n * PAGE, place)) != (long)(n * PAGE))
		failed(s, "O_DIRECT write from page %u: errno %d", v, errno);
	/* The ranges may overlap. */
	uint64_t values[32];

	for (unsigned int i = 0; i < n; i++)
		values[i] = model_value(v + i, *(volatile uint64_t *)at(v + i));
	if (retried(pread(disk, at(w), n * PAGE, place)) != (long)(n * PAGE))
		failed(s, "O_DIRECT read to page %u: errno %d", w, errno);
	for (unsigned int i = 0; i < n; i++)
		content_of(w + i)->value = values[i];
	for (unsigned int i = 0; i < n; i++)
		check(s, w + i, "after O_DIRECT");
}

/* What a pipe has got stays as it was, whatever happens to the page. */
static void do_vmsplice(struct slice *s)
{
	static _Thread_local uint64_t buffer[PAGE / 8];
	unsigned int v, n;
	uint64_t value;
	int fd[2];

	if (!stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return;
	keep(s, "vmsplice %u", v);
	value = model_value(v, *(volatile uint64_t *)at(v));
	if (pipe2(fd, O_CLOEXEC))
		return;
	if (retried(vmsplice(fd[1], &(struct iovec){ at(v), PAGE }, 1, 0)) == PAGE) {
		if (once_in(s, 2) && !(retried(madvise(at(v), PAGE, MADV_DONTNEED)), 0))
			check(s, v, "after DONTNEED of a page in a pipe");
		must(retried(read(fd[0], buffer, PAGE)) == PAGE);
		if (buffer[0] != value || buffer[PAGE / 8 - 1] != value)
			failed(s, "from the pipe: page %u is %#lx, must be %#lx", v, buffer[0], value);
	}
	close(fd[0]);
	close(fd[1]);
}

static void placeholder(struct slice *s, unsigned int v, unsigned int n)
{
	if (retried(mmap(at(v), n * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			 0)) == -1)
		failed(s, "placeholder: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		model_drop(v + i);
}

static void do_unmap(struct slice *s)
{
	unsigned int n, v = range(s, &n);

	keep(s, "unmap %u+%u", v, n);
	if (once_in(s, 2)) {
		/* Others' mmap must not settle in the hole. */
		pthread_rwlock_unlock(&fork_lock);
		pthread_rwlock_wrlock(&fork_lock);
		if (retried(munmap(at(v), n * PAGE)))
			failed(s, "munmap: errno %d", errno);
	}
	placeholder(s, v, n);
}

static void do_map(struct slice *s)
{
	unsigned int n, v = range(s, &n), region = model_free_region(s->nr);
	struct dphuge_threshold t = { .size = sizeof(t), .percent = below(s, 101), .flags = below(s, 2) };
	int fd;

	if (region == NO_REGION)
		return;
	keep(s, "map %u+%u region %u, %u %%%s", v, n, region, t.percent, t.flags ? " adaptive" : "");
	fd = retried(open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC));
	if (fd < 0)
		failed(s, "open: errno %d", errno);
	if (once_in(s, 2) && ioctl(fd, DPHUGE_IOC_THRESHOLD, &t))
		failed(s, "threshold: errno %d", errno);
	if (retried(mmap(at(v), n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0)) == -1)
		failed(s, "mmap: errno %d", errno);
	memset(own_regions[region - 1], 0, sizeof(own_regions[0]));
	for (unsigned int i = 0; i < n; i++)
		model_set(v + i, (struct vpage){ .region = region, .prot = PROT_READ | PROT_WRITE, .off = i });
	close(fd);
}

static void do_protect(struct slice *s)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };
	int prot = prots[below(s, 4)];
	unsigned int v, n;

	if (!stretch(s, &v, &n, 0))
		return;
	keep(s, "mprotect %u+%u %d", v, n, prot);
	if (retried(mprotect(at(v), n * PAGE, prot)))
		failed(s, "mprotect: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		vpages[v + i].prot = prot;
}

/* Move, shrink or grow. What mremap refuses, it leaves; but the target is gone. */
static void do_mremap(struct slice *s)
{
	unsigned int v, n, m, to;
	struct vpage moved[1500];
	void *p;

	if (!stretch(s, &v, &n, 0))
		return;
	to = range(s, &m);
	if (once_in(s, 2))
		m = n;
	if (once_in(s, 2)) /* congruent modulo 2 MiB: tables are moved, not entries */
		to = to - to % BLOCK_PAGES + v % BLOCK_PAGES;
	if (to < s->nr * SLICE_PAGES || to + m > (s->nr + 1) * SLICE_PAGES || (to < v + n && v < to + m))
		return;
	for (unsigned int i = n; i < m; i++)
		if (!offset_allowed(s->nr, vpages[v].region, vpages[v].off + i))
			return;
	keep(s, "mremap %u+%u to %u+%u", v, n, to, m);
	for (unsigned int i = 0; i < n || i < m; i++) {
		/* Since 6.17 a move may take several VMAs along; one that grows is one VMA. */
		const struct vpage *from = &vpages[i < n ? v + i : v];

		moved[i] = (struct vpage){ from->region, from->prot, from->dontfork, vpages[v].off + i };
	}
	pthread_rwlock_unlock(&fork_lock);
	pthread_rwlock_wrlock(&fork_lock);
	p = (void *)retried(mremap(at(v), n * PAGE, m * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, at(to)));
	if (p == MAP_FAILED && errno != EFAULT && errno != EAGAIN && errno != EINVAL)
		failed(s, "mremap: errno %d", errno);
	if (p == MAP_FAILED) { /* several VMAs: flags differ; or locked, and too much */
		if (m < n) /* what shrinking cuts off may be gone */
			placeholder(s, v + m, n - m);
		placeholder(s, to, m);
		if (m == n) /* some of several VMAs may have moved */
			placeholder(s, v, n);
		return;
	}
	for (unsigned int i = 0; i < m; i++) /* the target goes first, all of it */
		model_drop(to + i);
	for (unsigned int i = 0; i < m; i++)
		model_set(to + i, moved[i]);
	placeholder(s, v, n);
}

/* A second view of the same pages. */
static void do_alias(struct slice *s)
{
	uint64_t value = new_value(s);
	unsigned int v, n;
	char *p;

	if (!stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return;
	keep(s, "alias of %u+%u", v, n);
	p = (void *)retried(mremap(at(v), 0, n * PAGE, MREMAP_MAYMOVE));
	if (p == MAP_FAILED)
		return; /* from a locked VMA: EAGAIN */
	for (unsigned int i = 0; i < n; i++)
		if (content_of(v + i)->value &&
		    *(uint64_t *)(p + i * PAGE) != model_value(v + i, *(uint64_t *)(p + i * PAGE)))
			failed(s, "alias of page %u shows %#lx", v + i, *(uint64_t *)(p + i * PAGE));
	fill((uint64_t *)(p + (n - 1) * PAGE), value);
	content_of(v + n - 1)->value = value;
	content_of(v + n - 1)->stale = false;
	check(s, v + n - 1, "written through an alias");
	retried(munmap(p, n * PAGE));
}

static void do_remove(struct slice *s)
{
	unsigned int v, n;

	if (!stretch(s, &v, &n, PROT_READ | PROT_WRITE))
		return;
	keep(s, "MADV_REMOVE %u+%u", v, n);
	retried(munlock(at(v), n * PAGE));
	if (retried(madvise(at(v), n * PAGE, MADV_REMOVE)))
		failed(s, "MADV_REMOVE: errno %d", errno);
	for (unsigned int i = 0; i < n; i++) {
		content_of(v + i)->value = 0;
		content_of(v + i)->stale = false;
	}
	if (once_in(s, 3))
		check(s, v + below(s, n), "after MADV_REMOVE");
}

static void do_advise(struct slice *s)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_DONTNEED, MADV_FREE,
		MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD, MADV_PAGEOUT, 22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */,
		25 /* COLLAPSE */, MADV_DONTDUMP, MADV_DODUMP, MADV_MERGEABLE, MADV_WIPEONFORK, 24 /* DONTNEED_LOCKED */,
		12345,
	};
	int advice = advices[below(s, sizeof(advices) / sizeof(*advices))];
	unsigned int v, n;

	if (!stretch(s, &v, &n, 0))
		return;
	keep(s, "madvise %u+%u %d", v, n, advice);
	madvise(at(v), n * PAGE, advice);
}

static void do_dontfork(struct slice *s)
{
	bool dont = once_in(s, 3);
	unsigned int v, n;

	if (!stretch(s, &v, &n, 0))
		return;
	keep(s, "%s %u+%u", dont ? "DONTFORK" : "DOFORK", v, n);
	if (retried(madvise(at(v), n * PAGE, dont ? MADV_DONTFORK : MADV_DOFORK)))
		failed(s, "DONTFORK: errno %d", errno);
	for (unsigned int i = 0; i < n; i++)
		vpages[v + i].dontfork = dont;
}

static void do_lock(struct slice *s)
{
	unsigned int v, n;

	if (!stretch(s, &v, &n, 0))
		return;
	keep(s, "mlock %u+%u", v, n);
	if (once_in(s, 3))
		syscall(SYS_mlock2, at(v), n * PAGE, 1 /* MLOCK_ONFAULT */);
	else if (once_in(s, 2))
		mlock(at(v), n * PAGE);
	else
		munlock(at(v), n * PAGE);
}

/*
 * Marks in the page tables that promotion has to respect. Not UNREGISTER: for
 * mappings that are neither anonymous nor shmem nor hugetlb, which WP_ASYNC
 * admits, 6.12's has a BUG_ON() that can come true (fs/userfaultfd.c,
 * userfaultfd_unregister(): after a merge the same VMA comes by again).
 */
static void do_uffd(struct slice *s)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	unsigned int v, n;

	if (uffd < 0 || s->depth || !stretch(s, &v, &n, 0))
		return;
	keep(s, "userfaultfd %u+%u", v, n);
	reg.range = wp.range = (struct uffdio_range){ (uintptr_t)at(v), n * PAGE };
	if (once_in(s, 3))
		wp.mode = 0;
	else
		ioctl(uffd, UFFDIO_REGISTER, &reg);
	ioctl(uffd, UFFDIO_WRITEPROTECT, &wp);
}

/* The ioctls, right and wrong: garbage may be refused, nothing else. */
static void do_ioctl(struct slice *s)
{
	union {
		struct dphuge_threshold t;
		struct dphuge_info i;
		struct dphuge_blocks b;
		uint64_t words[64];
	} arg;
	static _Thread_local struct dphuge_block out[64];
	unsigned int n, v = range(s, &n), which = below(s, 4);
	unsigned long addr = (uintptr_t)at(v);
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	keep(s, "ioctl %u at %u", which, v);
	memset(&arg, 0, sizeof(arg));
	if (which == 0)
		arg.t = (struct dphuge_threshold){ sizeof(arg.t), below(s, 101), addr, below(s, 2), { 0 } };
	else if (which == 1)
		arg.i = (struct dphuge_info){ .size = sizeof(arg.i), .addr = addr };
	else
		arg.b = (struct dphuge_blocks){ .size = sizeof(arg.b), .count = 1 + below(s, 64), .addr = addr,
						.blocks = (uintptr_t)out };
	if (once_in(s, 2)) /* a wrong word */
		arg.words[below(s, 12)] = once_in(s, 2) ? next(s) : (uint64_t)next(s) << 40 | next(s);
	switch (which) {
	case 0: ioctl(fd, DPHUGE_IOC_THRESHOLD, &arg); break;
	case 1: ioctl(fd, DPHUGE_IOC_INFO, &arg); break;
	case 2:
		/* The kernel writes as many entries as it is told: not anywhere. */
		arg.b.blocks = once_in(s, 8) ? 0xfff : (uintptr_t)out;
		arg.b.count = arg.b.count > 64 ? DPHUGE_BLOCKS_MAX + 1 : arg.b.count;
		ioctl(fd, DPHUGE_IOC_BLOCKS, &arg);
		break;
	default: ioctl(fd, next(s), once_in(s, 2) ? (void *)(uintptr_t)next(s) : &arg);
	}
	if (once_in(s, 4)) {
		void *p = mmap(NULL, (1 + below(s, 64)) * PAGE, below(s, 8), once_in(s, 2) ? MAP_PRIVATE : MAP_SHARED, fd,
			       once_in(s, 2) ? 0 : below(s, 9) * PAGE);

		if (p != MAP_FAILED)
			munmap(p, PAGE); /* the rest goes at exit */
	}
	close(fd);
}

/* Wrong system calls on the file behind a mapping, and what looks at it. */
static void do_look(struct slice *s)
{
	unsigned char core[64];
	char buffer[4096];
	unsigned int n, v = range(s, &n);
	int fd;

	keep(s, "look at %u", v);
	n = n > 64 ? 64 : n;
	mincore(at(v), n * PAGE, core);
	msync(at(v), n * PAGE, MS_SYNC);
	fd = open(once_in(s, 2) ? "/proc/self/smaps" : "/proc/self/numa_maps", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		while (read(fd, buffer, sizeof(buffer)) > 0)
			;
		close(fd);
	}
	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!pread(fd, buffer, n * 8, (uintptr_t)at(v) / PAGE * 8);
		close(fd);
	}
}

/* Reclaim, and settings that change while memory is in use. */
static void do_system(struct slice *s)
{
	char text[16];

	keep(s, "system");
	switch (below(s, 4)) {
	case 0: write_to("/proc/sys/vm/drop_caches", "2"); break;
	case 1:
		snprintf(text, sizeof(text), "%u", below(s, 101));
		write_to(PARAMS "threshold", text);
		break;
	case 2: write_to(PARAMS "adaptive", once_in(s, 2) ? "Y" : "N"); break;
	case 3: write_to("/proc/sys/vm/compact_memory", "1"); break;
	}
}

/* Not while the harness itself must not fail. */
static void inject(bool on)
{
	if (injecting)
		while (write_to("/proc/thread-self/make-it-fail", on ? "1" : "0"))
			;
}

static void reap(struct slice *s, unsigned int i, bool kill_it)
{
	int status;

	inject(false);
	if (kill_it)
		kill(s->child[i], SIGKILL);
	while (waitpid(s->child[i], &status, 0) < 0)
		must(errno == EINTR);
	if (!(kill_it && WIFSIGNALED(status)) &&
	    !(WIFEXITED(status) && (!WEXITSTATUS(status) || (injecting && WEXITSTATUS(status) == LOST))))
		failed(s, "a child ended with status %#x", status);
	s->child[i] = s->child[--s->children];
	inject(true);
}

static void live(struct slice *s, unsigned long steps);

/*
 * With all other threads at rest the child knows the whole window; else only
 * its parent's slice, while others write theirs.
 */
static void do_fork(struct slice *s)
{
	bool all = knows_all && once_in(s, 2);
	unsigned long steps = below(s, 400);
	pid_t pid;

	if (s->depth == 2)
		return;
	if (s->children == CHILDREN)
		reap(s, below(s, s->children), once_in(s, 3));
	keep(s, "fork%s", all ? ", all at rest" : "");
	if (all) {
		pthread_rwlock_unlock(&fork_lock);
		pthread_rwlock_wrlock(&fork_lock);
	}
	fflush(stdout);
	if (once_in(s, 2)) /* else it hardly ever succeeds */
		inject(false);
	/* Not glibc's fork(): it would take locks that others hold. */
	pid = syscall(SYS_fork);
	inject(true);
	if (pid < 0) {
		if (!injecting)
			failed(s, "fork: errno %d", errno);
		return;
	}
	if (pid) {
		s->child[s->children++] = pid;
		atomic_fetch_add(&shared->forks, 1);
		return;
	}
	fork_lock = (pthread_rwlock_t)PTHREAD_RWLOCK_INITIALIZER;
	knows_all = all;
	model_fork();
	for (unsigned int i = 0; i < SLICES; i++) {
		slices[i].children = 0;
		slices[i].depth = s->depth + 1;
		slices[i].seed += 1 + steps;
	}
	for (unsigned int v = 0; v < WINDOW_PAGES; v++)
		if ((all || v / SLICE_PAGES == s->nr) && vpages[v].region != NO_REGION && (vpages[v].prot & PROT_READ) &&
		    content_of(v)->value)
			check(s, v, "in a child");
	if (steps < 20) {
		inject(false); /* its loader isn't ready for that */
		execl("/bin/true", "true", NULL);
		_exit(injecting ? 0 : 2);
	}
	live(s, steps);
	while (s->children)
		reap(s, 0, once_in(s, 2));
	_exit(0);
}

static const struct {
	unsigned int weight;
	void (*call)(struct slice *s);
} ops[] = {
	{ 24, do_write },  { 10, do_read },    { 4, do_process_vm }, { 3, do_direct_io }, { 3, do_vmsplice },
	{ 4, do_unmap },   { 6, do_map },      { 4, do_protect },    { 5, do_mremap },	  { 2, do_alias },
	{ 8, do_remove },  { 8, do_advise },   { 2, do_dontfork },   { 3, do_lock },	  { 3, do_uffd },
	{ 4, do_ioctl },   { 1, do_look },     { 2, do_system },     { 4, do_fork },
};

static void live(struct slice *s, unsigned long steps)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		total += ops[i].weight;
	for (; steps && !atomic_load(&shared->stop); steps--) {
		struct slice *where = s->depth && knows_all ? &slices[below(s, SLICES)] : s;
		unsigned int pick = below(where, total), i = 0;

		me = where;
		while (pick >= ops[i].weight)
			pick -= ops[i++].weight;
		/* A child keeps account of its own children in one place. */
		if (ops[i].call == do_fork)
			where = s;
		pthread_rwlock_rdlock(&fork_lock);
		ops[i].call(where);
		pthread_rwlock_unlock(&fork_lock);
	}
	me = s;
}

static void *thread(void *arg)
{
	struct slice *s = arg;

	me = s;
	inject(true);
	live(s, ~0UL);
	while (s->children)
		reap(s, 0, false);
	inject(false);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* Failures only where a process asks for them; the driver's thread is asked too. */
static void start_injection(void)
{
	static const char *const set[][2] = {
		{ "failslab/task-filter", "Y" },	{ "failslab/probability", "1" },
		{ "failslab/times", "-1" },		{ "failslab/verbose", "0" },
		{ "failslab/ignore-gfp-wait", "N" },	{ "fail_page_alloc/task-filter", "Y" },
		{ "fail_page_alloc/probability", "1" }, { "fail_page_alloc/times", "-1" },
		{ "fail_page_alloc/verbose", "0" },	{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" }, { "fail_page_alloc/ignore-gfp-highmem", "N" },
	};

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL); /* unless it is */
	for (unsigned int i = 0; i < sizeof(set) / sizeof(*set); i++) {
		char path[128];

		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", set[i][0]);
		must(!write_to(path, set[i][1]));
	}
	must(!system("for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" = dphuge ] && echo 1 > $p/make-it-fail; done; :"));
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 1 ? atoi(argv[1]) : 20;
	unsigned long seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	struct uffdio_api api = { .api = UFFD_API, .features = 1 << 15 /* UFFD_FEATURE_WP_ASYNC, 6.7 */ };
	pthread_t t;
	int fd = device();

	injecting = argc > 3 && !strcmp(argv[3], "inject");
	/* The kernel writes to a thread's rseq area; where that finds no memory it sends SIGSEGV. */
	if (injecting && !getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
		execv("/proc/self/exe", argv);
	}
	printf("# %u s, seed %lu%s\n", seconds, seed, injecting ? ", allocations fail" : "");
	sigaction(SIGBUS, &act, NULL);
	sigaction(SIGSEGV, &act, NULL);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(shared != MAP_FAILED);
	window = mmap(NULL, WINDOW_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(window != MAP_FAILED);
	close(fd);
	if (getenv("DPHUGE_GUEST")) /* elsewhere it is no scratch disk */
		disk = open("/dev/vda", O_RDWR | O_DIRECT | O_CLOEXEC);
	uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (uffd >= 0 && ioctl(uffd, UFFDIO_API, &api)) {
		close(uffd);
		uffd = -1;
	}
	for (unsigned int v = 0; v < WINDOW_PAGES; v++) {
		vpages[v].region = NO_REGION;
		model_set(v, (struct vpage){ .prot = PROT_READ | PROT_WRITE, .off = v });
	}
	if (injecting)
		start_injection();
	for (unsigned int i = 0; i < SLICES; i++) {
		slices[i].nr = i;
		slices[i].seed = seed * 1000 + i;
		atomic_fetch_add(&running, 1);
		must(!pthread_create(&t, NULL, thread, &slices[i]));
		pthread_detach(t);
	}
	for (unsigned int i = 0; i < seconds && !atomic_load(&shared->stop); i++)
		sleep(1);
	atomic_store(&shared->stop, true);
	while (atomic_load(&running)) /* pthread_join() trusts a write by the kernel that may fail */
		usleep(50000);
	ok(!shared->failed, "every byte is what it must be");
	ok(shared->calls && shared->checked && shared->forks, "%lu calls, %lu forks, %lu pages compared", shared->calls,
	   shared->forks, shared->checked);
	if (injecting)
		printf("# %lu calls found no memory and were made again, %lu children lost a block\n", shared->again,
		       shared->lost);
	for (unsigned int v = 0; v < WINDOW_PAGES; v++)
		if (vpages[v].region != NO_REGION && (vpages[v].prot & PROT_READ) && content_of(v)->value)
			check(&slices[v / SLICE_PAGES], v, "in the end");
	munmap(window, WINDOW_PAGES * PAGE);
	ok(!shared->failed, "and in the end");
	return t_done();
}
