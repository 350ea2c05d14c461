/* SPDX-License-Identifier: MIT */
/* The subcommand `dphuge run`. */
#ifndef DPHUGE_COMMAND_RUN_H
#define DPHUGE_COMMAND_RUN_H

/**
 * run_main() - run a program with the library
 * @argc:	the number of words
 * @argv:	the words; the first is "dphuge run"
 *
 * A wrong argument ends the command with STATUS_USAGE.
 *
 * Return: the exit status, of the program, or of enum status if it was not started.
 */
int run_main(int argc, char **argv);

#endif
