/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The contract between /dev/dphuge and user space.
 *
 * A process opens /dev/dphuge (O_RDWR) and maps it:
 *
 *   p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
 *
 * The memory is private to the process in spite of MAP_SHARED: a fork gives
 * the child a copy-on-write copy. It is zero-filled. The descriptor may be
 * closed at once. Errors of mmap:
 *
 *   EINVAL  MAP_PRIVATE, or an offset other than 0
 *   EACCES  PROT_EXEC (a later mprotect(PROT_EXEC) fails so too), or a
 *           descriptor not opened for reading and writing
 *   ENOMEM  the device-wide limit or the user's (module parameters limit_mib,
 *           user_limit_mib) leaves no room, or the kernel has no memory for its own
 *           tables
 *
 * With MAP_FIXED, EINVAL and ENOMEM by a limit leave what was mapped there.
 *
 * Calls that work on a mapping:
 *
 *   madvise(MADV_REMOVE)   gives memory back; it reads as zero afterwards
 *   munmap, mremap, mprotect, mlock, fork, O_DIRECT, process_vm_readv, ptrace
 *
 * mremap moves memory with its place in the mapping's file, as for any shared
 * mapping. So a mapping of which a part has been moved away must not be grown over
 * that part's place by mremap: it would show the part a second time. Map what is
 * to be added anew.
 *
 * madvise(MADV_DONTNEED) drops page-table entries only: the bytes stay, as in
 * any shared mapping.
 *
 * A touch that can't be served because one of these limits is reached
 * raises SIGBUS, as tmpfs and hugetlbfs do.
 *
 * Every structure starts with its own size. The kernel accepts a longer one
 * when what it does not know is zero (E2BIG otherwise) and refuses a shorter
 * one with EINVAL; reserved fields and flags must be zero (EINVAL).
 */
#ifndef _UAPI_DPHUGE_H
#define _UAPI_DPHUGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DPHUGE_DEVICE	"/dev/dphuge"
#define DPHUGE_BLOCK	(2UL << 20)	/* bytes in a block, aligned to itself */

#define DPHUGE_ADAPTIVE		1ULL	/* a flag of struct dphuge_threshold */

/**
 * struct dphuge_threshold - when a block gets its 2 MiB page
 * @size:	sizeof(struct dphuge_threshold)
 * @percent:	0..100: the share of a block's 512 pages which, once touched,
 *		turns the block into one 2 MiB page; 0 means at first touch
 * @addr:	an address inside a mapping of /dev/dphuge in the calling
 *		process: the whole mapping is set. 0: mappings made later
 *		through this descriptor
 * @flags:	DPHUGE_ADAPTIVE or 0
 * @reserved:	must be 0
 *
 * DPHUGE_ADAPTIVE: a block next to densely used ones may become a 2 MiB page at
 * its first touch while memory is plenty. Without it, the threshold is exact.
 * What mappings have for which nothing is set says the module parameter
 * adaptive.
 *
 * DPHUGE_IOC_THRESHOLD fails with EINVAL (bad field), E2BIG (unknown fields
 * set), ENXIO (nothing of ours mapped at @addr), EFAULT. Blocks that are
 * 2 MiB pages already stay so.
 */
struct dphuge_threshold {
	__u32 size;
	__u32 percent;
	__u64 addr;
	__u64 flags;
	__u64 reserved[2];
};

/**
 * struct dphuge_info - what a mapping holds, and what happened to it
 * @size:	sizeof(struct dphuge_info)
 * @threshold:	out: percent, as above
 * @addr:	in: an address inside a mapping of the process
 * @flags:	must be 0
 * @populated:	out: bytes touched (a 2 MiB page counts whole)
 * @held:	out: bytes of memory that back them; more than @populated
 *		where a 2 MiB folio is reserved and not yet full. Memory
 *		shared with a forked relative counts in both
 * @huge:	out: bytes in blocks that are one 2 MiB page
 * @faults:	out: page faults the driver answered
 * @promotions:	out: blocks that became a 2 MiB page
 * @fallbacks:	out: times no 2 MiB folio could be had
 * @copies:	out: 4 KiB pages copied for copy-on-write
 * @mapping:	out: a number that names the mapping: parts into which mprotect
 *		or munmap cut it have the same number and the same counters
 * @end:	out: the first address behind the part that @addr lies in
 * @given:	out: blocks that began as a 2 MiB page, see DPHUGE_ADAPTIVE
 * @pid:	in: the process, by its number in the caller's namespace; 0: the
 *		caller's own
 * @reserved:	must be 0
 *
 * DPHUGE_IOC_INFO fails as DPHUGE_IOC_THRESHOLD does, with EPERM if @pid is set
 * by a caller without CAP_SYS_PTRACE, and with ESRCH if there is no such process
 * with memory. Counters cover the mapping in this process since it was made or
 * forked.
 */
struct dphuge_info {
	__u32 size;
	__u32 threshold;
	__u64 addr;
	__u64 flags;
	__u64 populated;
	__u64 held;
	__u64 huge;
	__u64 faults;
	__u64 promotions;
	__u64 fallbacks;
	__u64 copies;
	__u64 mapping;
	__u64 end;
	__u64 given;
	__u64 pid;
	__u64 reserved[2];
};

/**
 * struct dphuge_block - the state of one 2 MiB block
 * @touched:	of its 512 pages, how many hold data; 512: it may be one page
 * @single:	pages that lie on their own, not in a 2 MiB folio
 * @state:	DPHUGE_BLOCK_*
 */
struct dphuge_block {
	__u16 touched;
	__u16 single;
	__u32 state;
};

#define DPHUGE_BLOCK_FOLIO	1u	/* has a 2 MiB folio, full or reserved */
#define DPHUGE_BLOCK_HUGE	2u	/* is a 2 MiB page, or is at its next touch */
#define DPHUGE_BLOCK_SHARED	4u	/* with a relative, since a fork */
#define DPHUGE_BLOCK_GIVEN	8u	/* began as a 2 MiB page, DPHUGE_ADAPTIVE */

/**
 * struct dphuge_blocks - the state of each block in a range
 * @size:	sizeof(struct dphuge_blocks)
 * @count:	in: entries at @blocks, 1..DPHUGE_BLOCKS_MAX; out: entries written,
 *		fewer where the part of the mapping that @addr lies in ends
 * @addr:	in: an address in the first block
 * @blocks:	in: address of an array of struct dphuge_block
 * @flags:	must be 0
 * @pid:	in: as in struct dphuge_info
 * @reserved:	must be 0
 *
 * DPHUGE_IOC_BLOCKS fails as DPHUGE_IOC_INFO does, and with ENOMEM.
 * It is for tests and tools: block states may change while it looks.
 */
struct dphuge_blocks {
	__u32 size;
	__u32 count;
	__u64 addr;
	__u64 blocks;
	__u64 flags;
	__u64 pid;
	__u64 reserved;
};

#define DPHUGE_BLOCKS_MAX	4096u

#define DPHUGE_IOC_MAGIC	0xd9
#define DPHUGE_IOC_THRESHOLD	_IOW(DPHUGE_IOC_MAGIC, 1, struct dphuge_threshold)
#define DPHUGE_IOC_INFO		_IOWR(DPHUGE_IOC_MAGIC, 2, struct dphuge_info)

#define DPHUGE_IOC_BLOCKS	_IOWR(DPHUGE_IOC_MAGIC, 3, struct dphuge_blocks)

#endif /* _UAPI_DPHUGE_H */
