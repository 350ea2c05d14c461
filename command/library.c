// SPDX-License-Identifier: MIT
/* Where libdphuge.so lies: in the build folder of this command if it lies in one, else
 * where it is installed. */
#include "library.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *library_path(void)
{
	static char path[PATH_MAX + 64];
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n > 0) {
		self[n] = 0;
		snprintf(path, sizeof(path), "%s/../preload/libdphuge.so", dirname(self));
		if (!access(path, R_OK)) {
			char *real = realpath(path, NULL);

			if (real && strlen(real) < sizeof(path))
				strcpy(path, real);
			free(real);
			return path;
		}
	}
	return DPHUGE_LIBDIR "/libdphuge.so";
}
