/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/dphuge.
 */
#ifndef DPH_DEVICE_H
#define DPH_DEVICE_H

/**
 * dph_device_init() - register the device: from here on there are mappings
 *
 * Return: 0 or the error of misc_register()
 */
int dph_device_init(void);

/**
 * dph_device_exit() - take the device away
 *
 * Called when the module isn't used any more, so that all mappings are gone.
 */
void dph_device_exit(void);

/**
 * dph_device_threshold() - the threshold of mappings that ask for none
 *
 * Return: percent, 0 to 100
 */
unsigned int dph_device_threshold(void);

#endif /* DPH_DEVICE_H */
