// SPDX-License-Identifier: GPL-2.0
/*
 * A module parameter that is a whole number within bounds: a wrong value is
 * refused with a message in the kernel's log.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sysfs.h>

#include "param.h"

static int param_set(const char *val, const struct kernel_param *kp)
{
	struct dph_param *param = kp->arg;
	unsigned int value;
	int err = kstrtouint(val, 0, &value);

	if (err || value > param->max) {
		pr_err("%s must be a %s from 0 to %u\n", kp->name, param->unit,
		       param->max);
		return -EINVAL;
	}
	WRITE_ONCE(param->value, value);
	if (param->changed)
		param->changed();
	return 0;
}

static int param_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%u\n", dph_param_get(kp->arg));
}

const struct kernel_param_ops dph_param_ops = {
	.set = param_set,
	.get = param_get,
};
