// SPDX-License-Identifier: GPL-2.0
/*
 * The pseudo files that stand behind mappings.
 *
 * mmap replaces the device's file by one of our own. There are four reasons:
 * MADV_REMOVE finds a regular file's fallocate; memory is in core dumps by
 * default (a link count of 0 counts as anonymous shared memory,
 * fs/coredump.c); the device's descriptor can be closed; and memory has a name
 * by its file and its offset there, which futexes need.
 *
 * The file system is mounted while files are open, and its mount holds a
 * reference on the module: so the module stays until the last file's inode is
 * gone, and an idle module can be unloaded.
 */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>

#include "compat_lru.h"
#include "compat_pagetable.h"
#include "pseudofs.h"

#define PSEUDOFS_MAGIC	0x64706867	/* "dphg" */

static struct vfsmount *pseudofs_mount;	/* guarded by simple_pin_fs()'s lock */
static int pseudofs_pins;

static char *pseudofs_dname(struct dentry *dentry, char *buffer, int len)
{
	static const char name[] = "/dev/dphuge";

	if (len < (int)sizeof(name))
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + len - sizeof(name), name, sizeof(name));
}

static const struct dentry_operations pseudofs_dentry_ops = {
	.d_dname = pseudofs_dname,
};

static int pseudofs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, PSEUDOFS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->dops = &pseudofs_dentry_ops;
	return 0;
}

static struct file_system_type pseudofs_type = {
	.name = "dphuge",
	.owner = THIS_MODULE,
	.init_fs_context = pseudofs_init_context,
	.kill_sb = kill_anon_super,
};

struct file *dph_pseudofs_file(const struct file_operations *fops,
			       const struct address_space_operations *aops,
			       void *data)
{
	struct inode *inode;
	struct file *file;
	int err;

	err = simple_pin_fs(&pseudofs_type, &pseudofs_mount, &pseudofs_pins);
	if (err)
		return ERR_PTR(err);

	inode = new_inode(pseudofs_mount->mnt_sb);
	if (!inode) {
		err = -ENOMEM;
		goto release_fs;
	}
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFREG | 0600;
	inode->i_uid = current_fsuid();
	inode->i_gid = current_fsgid();
	/* No times to update, nothing for security modules to label. */
	inode->i_flags |= S_NOATIME | S_NOCMTIME | S_PRIVATE;
	inode->i_private = data;
	i_size_write(inode, DPH_COMPAT_FILE_SIZE);
	inode->i_mapping->a_ops = aops;
	/* The kernel doesn't reclaim what has a place in it. */
	mapping_set_unevictable(inode->i_mapping);
	dph_compat_allow_large_folios(inode->i_mapping);
	clear_nlink(inode);

	file = alloc_file_pseudo(inode, pseudofs_mount, "dphuge", O_RDWR, fops);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto put_inode;
	}
	/* __fput() drops the reference that open() would have taken. */
	__module_get(THIS_MODULE);
	return file;

put_inode:
	iput(inode);
release_fs:
	dph_pseudofs_release();
	return ERR_PTR(err);
}

void dph_pseudofs_release(void)
{
	simple_release_fs(&pseudofs_mount, &pseudofs_pins);
}

bool dph_pseudofs_ours(const struct file *file)
{
	return file_inode(file)->i_sb->s_type == &pseudofs_type;
}
