/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The contract between /dev/dphuge and user space.
 *
 * A process opens /dev/dphuge (O_RDWR) and maps it:
 *
 *   p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
 *
 * The memory is private to the process although it is mapped MAP_SHARED: a
 * fork gives the child a copy-on-write copy. It is zero until it is written.
 * The descriptor may be closed right after mmap. Errors of mmap:
 *
 *   EINVAL  MAP_PRIVATE, or an offset other than 0
 *   EACCES  PROT_EXEC (a later mprotect(PROT_EXEC) fails with it as well), or
 *           a descriptor not opened for reading and writing
 *   ENOMEM  the device-wide limit or the user's (module parameters limit_mib,
 *           user_limit_mib) leaves no room, or the kernel has no memory for its own
 *           tables
 *
 * With MAP_FIXED, what was mapped there before stays if mmap fails with EINVAL,
 * or with ENOMEM because of a limit.
 *
 * Calls that work on a mapping:
 *
 *   madvise(MADV_REMOVE)   gives memory back; it reads as zero afterwards
 *   munmap, mremap, mprotect, mlock, fork, O_DIRECT, process_vm_readv, ptrace
 *
 * mremap moves memory together with its place in the mapping's file, as for any
 * shared mapping. So if a part of a mapping has been moved away, the mapping must
 * not be grown over that part's place by mremap: the part would appear a second
 * time. Make a new mapping for what is to be added.
 *
 * madvise(MADV_DONTNEED) removes page-table entries only: the bytes stay, as in
 * any shared mapping.
 *
 * If a page that is touched can't be had because one of these limits is reached,
 * the touch raises SIGBUS, as on tmpfs and hugetlbfs. So does a child's touch of a
 * block for which memory ran out while the fork copied pages in which I/O was in
 * flight.
 *
 * Every structure starts with its own size. The kernel accepts a longer one if
 * the part that it does not know is zero (E2BIG otherwise) and refuses a shorter
 * one with EINVAL; reserved fields and unknown flags must be zero (EINVAL).
 */
#ifndef _UAPI_DPHUGE_H
#define _UAPI_DPHUGE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DPHUGE_DEVICE	"/dev/dphuge"
#define DPHUGE_BLOCK	(2UL << 20)	/* bytes in a block, aligned to itself */

#define DPHUGE_ADAPTIVE		1ULL	/* a flag in struct dphuge_threshold */

/**
 * struct dphuge_threshold - when a block gets its 2 MiB page
 * @size:	sizeof(struct dphuge_threshold)
 * @percent:	0..100: the percentage of a block's 512 pages that must be touched
 *		before the block becomes one 2 MiB page; 0: at the first touch
 * @addr:	an address inside a mapping of /dev/dphuge in the calling
 *		process; the setting applies to the whole mapping. 0: to mappings
 *		made later through this descriptor
 * @flags:	DPHUGE_ADAPTIVE or 0
 * @reserved:	must be 0
 *
 * DPHUGE_ADAPTIVE: a block next to densely used ones may become a 2 MiB page at
 * its first touch as long as memory is plentiful. Without it, the threshold is
 * exact. Mappings for which nothing is set follow the module parameters
 * threshold and adaptive.
 *
 * DPHUGE_IOC_THRESHOLD fails with EINVAL (a field has a bad value), E2BIG
 * (unknown fields are set), ENXIO (no memory of the driver is mapped at @addr) or
 * EFAULT. Blocks that are already 2 MiB pages stay so.
 */
struct dphuge_threshold {
	__u32 size;
	__u32 percent;
	__u64 addr;
	__u64 flags;
	__u64 reserved[2];
};

/**
 * struct dphuge_info - what a mapping holds, and what has happened to it
 * @size:	sizeof(struct dphuge_info)
 * @threshold:	out: percent, as above
 * @addr:	in: an address inside a mapping of the process
 * @flags:	must be 0
 * @populated:	out: bytes touched (a 2 MiB page counts as a whole)
 * @held:	out: bytes of memory that back them; more than @populated
 *		where a 2 MiB folio is reserved and not yet full. Memory
 *		shared with a forked relative is counted in both processes
 * @huge:	out: bytes in blocks that are one 2 MiB page
 * @faults:	out: page faults that the driver answered
 * @promotions:	out: blocks that became a 2 MiB page
 * @fallbacks:	out: times that no 2 MiB folio was available
 * @copies:	out: 4 KiB pages copied on write
 * @mapping:	out: a number that identifies the mapping; the parts into which
 *		mprotect or munmap cut it have the same number and counters
 * @end:	out: the first address after the part that @addr lies in
 * @given:	out: blocks that began as a 2 MiB page, see DPHUGE_ADAPTIVE
 * @pid:	in: the process, by its number in the caller's PID namespace; 0:
 *		the caller itself
 * @reserved:	must be 0
 *
 * DPHUGE_IOC_INFO fails as DPHUGE_IOC_THRESHOLD does, with EPERM if @pid is set
 * by a caller without CAP_SYS_PTRACE, and with ESRCH if there is no such process
 * or it has no memory. The counters are those of the mapping in this process,
 * since it was made or forked.
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
 * @touched:	how many of its 512 pages hold data; 512: it may be one page
 * @single:	pages that are allocated singly, not part of a 2 MiB folio
 * @state:	DPHUGE_BLOCK_*
 */
struct dphuge_block {
	__u16 touched;
	__u16 single;
	__u32 state;
};

#define DPHUGE_BLOCK_FOLIO	1u	/* has a 2 MiB folio, full or reserved */
#define DPHUGE_BLOCK_HUGE	2u	/* is a 2 MiB page, or will be at its next touch */
#define DPHUGE_BLOCK_SHARED	4u	/* shared with a relative since a fork */
#define DPHUGE_BLOCK_GIVEN	8u	/* began as a 2 MiB page, see DPHUGE_ADAPTIVE */

/**
 * struct dphuge_blocks - the state of each block in a range
 * @size:	sizeof(struct dphuge_blocks)
 * @count:	in: entries at @blocks, 1..DPHUGE_BLOCKS_MAX; out: entries written;
 *		fewer if the part of the mapping that @addr lies in ends before
 * @addr:	in: an address in the first block
 * @blocks:	in: the address of an array of struct dphuge_block
 * @flags:	must be 0
 * @pid:	in: as in struct dphuge_info
 * @reserved:	must be 0
 *
 * DPHUGE_IOC_BLOCKS fails as DPHUGE_IOC_INFO does, and with ENOMEM. It is for
 * tests and tools: the states of blocks may change while they are read.
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
