// SPDX-License-Identifier: MIT
/* A program that uses dphuge-malloc.h, and prints what the header's functions return. */
#include <dphuge-malloc.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void print_result(const char *what, int result)
{
	printf("%s: %s\n", what, result ? strerrorname_np(errno) : "0");
}

int main(void)
{
	struct dphuge_info info = {.size = sizeof(info)};
	int fd = open(DPHUGE_DEVICE, O_RDWR | O_CLOEXEC), local;
	const char *backend = dphuge_backend();
	void *p;

	printf("backend: %s\n", backend ? backend : "none");
	print_result("not ours", dphuge_set_promote(&local, 50));
	if (fd < 0)
		return 0;
	p = mmap(NULL, DPHUGE_BLOCK, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return 1;
	print_result("101", dphuge_set_promote(p, 101));
	print_result("25", dphuge_set_promote(p, 25));
	info.addr = (uintptr_t)p;
	if (!ioctl(fd, DPHUGE_IOC_INFO, &info))
		printf("threshold: %u\n", info.threshold);
	return 0;
}
