/* SPDX-License-Identifier: MIT */
/* The exit statuses of the command. */
#ifndef DPHUGE_COMMAND_STATUS_H
#define DPHUGE_COMMAND_STATUS_H

/**
 * enum status - exit statuses
 * @STATUS_YES:		the answer is yes; all is well
 * @STATUS_NO:		the answer is no; something is not as it should be
 * @STATUS_USAGE:	an argument is wrong
 * @STATUS_CANT_PRELOAD: no library can be preloaded into the program
 * @STATUS_CANT_RUN:	the program was found, but cannot be executed
 * @STATUS_NOT_FOUND:	the program was not found
 *
 * `dphuge run` ends with the exit status of the program that it runs. The last three are
 * for programs that did not start, as with env(1) and timeout(1).
 */
enum status {
	STATUS_YES = 0,
	STATUS_NO = 1,
	STATUS_USAGE = 2,
	STATUS_CANT_PRELOAD = 125,
	STATUS_CANT_RUN = 126,
	STATUS_NOT_FOUND = 127,
};

#endif
