/* SPDX-License-Identifier: MIT */
/* The subcommand `dphuge doctor`. */
#ifndef DPHUGE_COMMAND_DOCTOR_H
#define DPHUGE_COMMAND_DOCTOR_H

/**
 * doctor_main() - check whether this machine is set up well
 * @argc:	the number of words
 * @argv:	the words; the first is "dphuge doctor"
 *
 * A wrong argument ends the command with STATUS_USAGE.
 *
 * Return: the exit status, of enum status.
 */
int doctor_main(int argc, char **argv);

#endif
