// SPDX-License-Identifier: MIT
/* A program that uses the installed header: prints the backend of its heap, or "none". */
#include <dphuge-malloc.h>

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	const char *backend;

	free(malloc(1 << 20));
	backend = dphuge_backend();
	puts(backend ? backend : "none");
	return 0;
}
