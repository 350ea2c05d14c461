/* SPDX-License-Identifier: MIT */
/* The subcommand `dphuge check`. */
#ifndef DPHUGE_COMMAND_CHECK_H
#define DPHUGE_COMMAND_CHECK_H

/**
 * check_main() - say whether the library is active in a process, and if not, why
 * @argc:	the number of words
 * @argv:	the words; the first is "dphuge check"
 *
 * A wrong argument ends the command with STATUS_USAGE.
 *
 * Return: the exit status, of enum status.
 */
int check_main(int argc, char **argv);

#endif
