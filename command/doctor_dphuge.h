/* SPDX-License-Identifier: MIT */
/* `dphuge doctor`: the library, jemalloc, the module and its device. */
#ifndef DPHUGE_COMMAND_DOCTOR_DPHUGE_H
#define DPHUGE_COMMAND_DOCTOR_DPHUGE_H

#include "finding.h"

#define DOCTOR_PROBE "--probe-jemalloc" /* the hidden option of the command that doctor_dphuge_library() runs */

/**
 * doctor_dphuge_probe() - print the version of jemalloc that runs in this process
 *
 * This is what `dphuge doctor DOCTOR_PROBE` does, with the library preloaded. The line is
 * empty if there is no jemalloc.
 *
 * Return: the exit status.
 */
int doctor_dphuge_probe(void);

/**
 * doctor_dphuge_library() - check that the library starts, with a jemalloc that is new enough
 * @finding:	the result
 */
void doctor_dphuge_library(struct finding *finding);

/**
 * doctor_dphuge_module() - check that the module is loaded and has memory left under its limit
 * @finding:	the result
 */
void doctor_dphuge_module(struct finding *finding);

/**
 * doctor_dphuge_device() - check that this user can map the device
 * @finding:	the result
 */
void doctor_dphuge_device(struct finding *finding);

#endif
