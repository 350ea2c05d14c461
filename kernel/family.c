// SPDX-License-Identifier: GPL-2.0
/*
 * The pseudo file behind a mapping.
 *
 * mmap replaces the device's file by one of our own, so that MADV_REMOVE finds
 * a regular file's fallocate, memory is in core dumps by default (link count 0
 * counts as anonymous shared memory, fs/coredump.c), the device's descriptor
 * can be closed, and i_size is large: since 6.12.59 the core maps by PMD only
 * folios whose index lies inside the file (finish_fault()).
 *
 * The file system is mounted while files are open, and its mount holds a
 * reference on the module: so the module stays until the last file's inode is
 * gone, and an idle module can be unloaded.
 */
#include <linux/dcache.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "dphuge.h"

#define DPH_FS_MAGIC	0x64706867	/* "dphg" */

static struct vfsmount *fs_mount;	/* guarded by simple_pin_fs()'s lock */
static int fs_pins;

static char *fs_dname(struct dentry *dentry, char *buffer, int len)
{
	static const char name[] = "/dev/dphuge";

	if (len < (int)sizeof(name))
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + len - sizeof(name), name, sizeof(name));
}

static const struct dentry_operations fs_dentry_ops = {
	.d_dname = fs_dname,
};

static int fs_init_context(struct fs_context *fc)
{
	struct pseudo_fs_context *ctx = init_pseudo(fc, DPH_FS_MAGIC);

	if (!ctx)
		return -ENOMEM;
	ctx->dops = &fs_dentry_ops;
	return 0;
}

static struct file_system_type fs_type = {
	.name = "dphuge",
	.owner = THIS_MODULE,
	.init_fs_context = fs_init_context,
	.kill_sb = kill_anon_super,
};

static long family_fallocate(struct file *file, int mode, loff_t offset,
			     loff_t len)
{
	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	/* Whole pages that lie in the range, as PUNCH_HOLE is defined. */
	return dph_region_discard(file_inode(file)->i_private,
				  DIV_ROUND_UP(offset, PAGE_SIZE),
				  (offset + len) >> PAGE_SHIFT);
}

/* /proc/PID/map_files would open the file anew, for another process. */
static int family_open(struct inode *inode, struct file *file)
{
	return -ENXIO;
}

static int family_release(struct inode *inode, struct file *file)
{
	struct dph_family *family = inode->i_private;

	WARN_ON_ONCE(!list_empty(&family->regions));
	inode->i_private = NULL;
	kfree(family);
	simple_release_fs(&fs_mount, &fs_pins);
	return 0;
}

static const struct file_operations family_fops = {
	.owner = THIS_MODULE,
	.open = family_open,
	.release = family_release,
	.fallocate = family_fallocate,
	.get_unmapped_area = thp_get_unmapped_area,
	.llseek = noop_llseek,
};

struct file *dph_family_file(void)
{
	struct dph_family *family;
	struct inode *inode;
	struct file *file;
	int err;

	family = kzalloc(sizeof(*family), GFP_KERNEL_ACCOUNT);
	if (!family)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&family->lock);
	INIT_LIST_HEAD(&family->regions);

	err = simple_pin_fs(&fs_type, &fs_mount, &fs_pins);
	if (err)
		goto free_family;

	inode = new_inode(fs_mount->mnt_sb);
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
	inode->i_private = family;
	i_size_write(inode, MAX_LFS_FILESIZE);
	clear_nlink(inode);

	file = alloc_file_pseudo(inode, fs_mount, "dphuge", O_RDWR,
				 &family_fops);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		goto put_inode;
	}
	family->file = file;
	family->mapping = file->f_mapping;
	/* __fput() drops the reference that open() would have taken. */
	__module_get(THIS_MODULE);
	return file;

put_inode:
	iput(inode);
release_fs:
	simple_release_fs(&fs_mount, &fs_pins);
free_family:
	kfree(family);
	return ERR_PTR(err);
}
