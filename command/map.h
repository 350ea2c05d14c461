/* SPDX-License-Identifier: MIT */
/* The subcommand `dphuge map`. */
#ifndef DPHUGE_COMMAND_MAP_H
#define DPHUGE_COMMAND_MAP_H

/**
 * map_main() - draw a process's large heap
 * @argc:	the number of words
 * @argv:	the words; the first is "dphuge map"
 *
 * A wrong argument ends the command with STATUS_USAGE.
 *
 * Return: the exit status, of enum status.
 */
int map_main(int argc, char **argv);

#endif
