/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pseudo files that stand behind mappings.
 */
#ifndef DPH_PSEUDOFS_H
#define DPH_PSEUDOFS_H

#include <linux/fs.h>

/**
 * dph_pseudofs_file() - make a pseudo file
 * @fops:	its operations. Their release must end with
 *		dph_pseudofs_release()
 * @aops:	its mapping's operations
 * @data:	becomes the inode's i_private
 *
 * Return: the file with a reference, or an error (ENOMEM, ENFILE), for which
 * release is not called
 */
struct file *dph_pseudofs_file(const struct file_operations *fops,
			       const struct address_space_operations *aops,
			       void *data);

/**
 * dph_pseudofs_release() - a file has gone
 *
 * The file system is unmounted with its last file.
 */
void dph_pseudofs_release(void);

/**
 * dph_pseudofs_ours() - is this a file that dph_pseudofs_file() made?
 * @file:	any file
 *
 * Return: true if it is
 */
bool dph_pseudofs_ours(const struct file *file);

#endif /* DPH_PSEUDOFS_H */
