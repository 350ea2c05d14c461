/* SPDX-License-Identifier: MIT */
/*
 * System calls without the functions of libc, which are cancellation points. malloc() and
 * free() must not be any (pthreads(7)): a thread that is cancelled in the middle of one
 * would leave a lock behind.
 *
 * All return what the functions of libc do: -1 with errno set if the call fails.
 */
#ifndef DPHUGE_SYS_H
#define DPHUGE_SYS_H

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/**
 * sys_open() - open(2) of a file that exists
 * @path: its path
 * @flags: O_RDONLY, O_CLOEXEC and so on
 *
 * Return: a descriptor, or -1.
 */
static inline int sys_open(const char *path, int flags)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags);
}

/**
 * sys_close() - close(2)
 * @fd: a descriptor
 *
 * Return: 0, or -1.
 */
static inline int sys_close(int fd)
{
	return (int)syscall(SYS_close, fd);
}

/**
 * sys_read() - read(2)
 * @fd: a descriptor
 * @to: where the bytes go
 * @len: how many at most
 *
 * Return: how many were read, 0 at the end of the file, or -1.
 */
static inline ssize_t sys_read(int fd, void *to, size_t len)
{
	return syscall(SYS_read, fd, to, len);
}

/**
 * sys_pread() - pread(2)
 * @fd: a descriptor
 * @to: where the bytes go
 * @len: how many at most
 * @at: where in the file
 *
 * Return: how many were read, 0 at the end of the file, or -1.
 */
static inline ssize_t sys_pread(int fd, void *to, size_t len, off_t at)
{
	return syscall(SYS_pread64, fd, to, len, at);
}

/**
 * sys_write() - write(2)
 * @fd: a descriptor
 * @from: the bytes
 * @len: how many
 *
 * Return: how many were written, or -1.
 */
static inline ssize_t sys_write(int fd, const void *from, size_t len)
{
	return syscall(SYS_write, fd, from, len);
}

#endif /* DPHUGE_SYS_H */
