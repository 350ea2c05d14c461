/* SPDX-License-Identifier: MIT */
/* The subcommand `dphuge stat`. */
#ifndef DPHUGE_COMMAND_STAT_H
#define DPHUGE_COMMAND_STAT_H

/**
 * stat_main() - show how much of which large heap is in 2 MiB pages
 * @argc:	the number of words
 * @argv:	the words; the first is "dphuge stat"
 *
 * A wrong argument ends the command with STATUS_USAGE.
 *
 * Return: the exit status, of enum status, or of the program that was run.
 */
int stat_main(int argc, char **argv);

#endif
