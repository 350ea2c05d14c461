// SPDX-License-Identifier: MIT
/* A process with much memory forks, and writes while the child lives, like a database that
 * saves in the background. */
#include "micro.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static struct micro_arg args[] = {{"size", 512 * MIB, HUGE_PAGE, 64 * GIB, "bytes of memory"},
				  {"writes", 4096, 0, 1 << 24, "random pages written while the child lives"},
				  {NULL, 0, 0, 0, NULL}};
static char *p;

static void setup(void)
{
	p = micro_require(malloc(args[0].value));
	micro_touch(p, args[0].value, PAGE);
}

static size_t run(void)
{
	uint64_t x = MICRO_SEED;
	static unsigned int n;
	static double sum;
	double start;
	int end[2];
	pid_t pid;
	char c;

	if (pipe(end))
		micro_die("pipe");
	start = micro_now();
	pid = fork();
	if (pid < 0)
		micro_die("fork");
	if (!pid) {
		close(end[1]);
		_exit(read(end[0], &c, 1) != 0);
	}
	for (size_t i = 0; i < args[1].value; i++)
		p[micro_random(&x) % (args[0].value / PAGE) * PAGE] = 2;
	sum += micro_now() - start;
	micro_report(sum / ++n);
	close(end[0]);
	close(end[1]);
	waitpid(pid, NULL, 0);
	return 1;
}

int main(int argc, char **argv)
{
	return micro_main(argc, argv,
			  &(struct micro){"fork, and writes while the child lives; an operation is both together.",
					  args, setup, run, 0, 5});
}
