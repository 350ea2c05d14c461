/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A module parameter that is a whole number within bounds.
 */
#ifndef DPH_PARAM_H
#define DPH_PARAM_H

#include <linux/compiler.h>
#include <linux/moduleparam.h>

/**
 * struct dph_param - a module parameter from 0 to a maximum
 * @value:	read and written whole
 * @max:	the largest value that is accepted
 * @unit:	what the number is, for the error message ("percentage")
 * @changed:	called after each change, or NULL. The first call may come
 *		before the module's init function, as parameters are set first
 */
struct dph_param {
	unsigned int value;
	unsigned int max;
	const char *unit;
	void (*changed)(void);
};

/* For module_param_cb(); its argument is the struct dph_param. */
extern const struct kernel_param_ops dph_param_ops;

/**
 * dph_param_get() - the parameter's value now
 * @param:	the parameter; it may change at any time
 *
 * Return: 0 to @param->max
 */
static inline unsigned int dph_param_get(const struct dph_param *param)
{
	return READ_ONCE(param->value);
}

#endif /* DPH_PARAM_H */
