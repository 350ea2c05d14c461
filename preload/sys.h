/* SPDX-License-Identifier: MIT */
/*
 * System calls that libc would make cancellation points. malloc and free are none
 * (pthreads(7)), and a thread that were cancelled in the middle would leave a lock
 * behind.
 */
#ifndef DPHUGE_SYS_H
#define DPHUGE_SYS_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int sys_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags);
}

static inline int sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

static inline ssize_t sys_read(int fd, void *to, size_t len)
{
	return syscall(SYS_read, fd, to, len);
}

static inline ssize_t sys_pread(int fd, void *to, size_t len, off_t at)
{
	return syscall(SYS_pread64, fd, to, len, at);
}

static inline ssize_t sys_write(int fd, const void *from, size_t len)
{
	return syscall(SYS_write, fd, from, len);
}

#endif /* DPHUGE_SYS_H */
