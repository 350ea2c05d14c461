/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The background thread.
 */
#ifndef DPH_WORKER_H
#define DPH_WORKER_H

/**
 * dph_worker_init() - start the thread
 *
 * Return: 0 or the error of kthread_run()
 */
int dph_worker_init(void);

/**
 * dph_worker_exit() - stop the thread and wait for its end
 *
 * All mappings are gone.
 */
void dph_worker_exit(void);

#endif /* DPH_WORKER_H */
