// SPDX-License-Identifier: MIT
/* Files of one line, as /proc and /sys have many. */
#include "line.h"

#include <stdio.h>
#include <string.h>

char *line_first(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");
	char *line = f ? fgets(text, (int)size, f) : NULL;

	if (f)
		fclose(f);
	if (line)
		line[strcspn(line, "\n")] = 0;
	return line;
}
