// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/dphuge: mmap and the ioctls of include/uapi/dphuge.h. Any user may open
 * it, so nothing that comes in here is trusted.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "blocks.h"
#include "device.h"
#include "limit.h"
#include "param.h"
#include "region.h"
#include "stats.h"
#include "vma.h"
#include "vmas.h"
#include "include/uapi/dphuge.h"

static struct dph_param threshold = {
	DPHUGE_THRESHOLD, DPH_PERCENT_MAX, "percentage"
};
module_param_cb(threshold, &dph_param_ops, &threshold, 0644);
MODULE_PARM_DESC(threshold,
		 "percent of a 2 MiB block that must be touched before it becomes one 2 MiB page, 0 to 100; 0 = at first touch (default "
		 __stringify(DPHUGE_THRESHOLD) ")");

static bool adaptive = true;
module_param(adaptive, bool, 0644);
MODULE_PARM_DESC(adaptive,
		 "blocks next to densely used ones may become a 2 MiB page at their first touch (default Y)");

/*
 * The file's private_data is the threshold of mappings to come, with this bit
 * if they may guess; or DEVICE_DEFAULT: the parameters count.
 */
#define DEVICE_ADAPTIVE	0x100UL
#define DEVICE_DEFAULT	((void *)-1L)

unsigned int dph_device_threshold(void)
{
	return dph_param_get(&threshold);
}

static int device_open(struct inode *inode, struct file *file)
{
	file->private_data = DEVICE_DEFAULT;
	return nonseekable_open(inode, file);
}

/*
 * Where to map. With MAP_FIXED the core calls this before it unmaps what lies
 * there. So a request is refused here: what was mapped stays mapped.
 */
static unsigned long device_unmapped_area(struct file *file, unsigned long addr,
					  unsigned long len, unsigned long pgoff,
					  unsigned long flags)
{
	int err = dph_limit_room();

	if (!err && (pgoff || !(flags & MAP_SHARED)))
		err = -EINVAL;
	return err ?: thp_get_unmapped_area(file, addr, len, pgoff, flags);
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	void *set = READ_ONCE(file->private_data);

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff)
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EACCES;
	if (set == DEVICE_DEFAULT)
		return dph_vma_mmap(vma, dph_device_threshold(),
				    READ_ONCE(adaptive));
	return dph_vma_mmap(vma, (unsigned long)set & ~DEVICE_ADAPTIVE,
			    (unsigned long)set & DEVICE_ADAPTIVE);
}

/*
 * Copy in a structure that starts with its size; @ksize is the size that we
 * know. Returns 0 or the error for the caller.
 */
static int device_copy_sized(void *to, size_t ksize, const void __user *from)
{
	u32 usize;

	if (get_user(usize, (const u32 __user *)from))
		return -EFAULT;
	if (usize < ksize || usize > PAGE_SIZE)
		return -EINVAL;
	return copy_struct_from_user(to, ksize, from, usize);
}

/*
 * The address space of process @pid, to be given back by mmput(); 0 means the
 * caller's. Another process's is only for callers who may look into any
 * process, as ptrace_may_access(), which could tell them apart, isn't exported.
 */
static struct mm_struct *device_mm(u64 pid)
{
	struct task_struct *task;
	struct mm_struct *mm;
	struct pid *p;

	if (!pid) {
		mmget(current->mm);
		return current->mm;
	}
	if (!capable(CAP_SYS_PTRACE))
		return ERR_PTR(-EPERM);
	p = pid <= INT_MAX ? find_get_pid(pid) : NULL;
	task = get_pid_task(p, PIDTYPE_PID);
	put_pid(p);
	if (!task)
		return ERR_PTR(-ESRCH);
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm ?: ERR_PTR(-ESRCH);
}

/* Our VMA at @addr of @mm or NULL, with mmap_lock held for read. */
static struct vm_area_struct *device_vma_at(struct mm_struct *mm, u64 addr)
{
	struct vm_area_struct *vma = find_vma(mm, addr);

	return vma && vma->vm_start <= addr && dph_region_of(vma) ? vma : NULL;
}

static long device_set_threshold(struct file *file, const void __user *arg)
{
	struct dphuge_threshold t;
	struct vm_area_struct *vma;
	bool guess;
	int err = device_copy_sized(&t, sizeof(t), arg);

	if (err)
		return err;
	if (t.flags & ~DPHUGE_ADAPTIVE || t.reserved[0] || t.reserved[1] ||
	    t.percent > DPH_PERCENT_MAX)
		return -EINVAL;
	guess = t.flags & DPHUGE_ADAPTIVE;
	if (!t.addr) {
		WRITE_ONCE(file->private_data,
			   (void *)(t.percent | (guess ? DEVICE_ADAPTIVE : 0)));
		return 0;
	}
	mmap_read_lock(current->mm);
	vma = device_vma_at(current->mm, t.addr);
	if (vma) {
		struct dph_space *space = &dph_region_of(vma)->space;

		WRITE_ONCE(space->percent, t.percent);
		WRITE_ONCE(space->adaptive, guess);
	}
	mmap_read_unlock(current->mm);
	return vma ? 0 : -ENXIO;
}

static void device_fill_info(struct dph_space *space, struct dphuge_info *info)
{
	struct dph_block *b;
	unsigned long idx;

	xa_for_each(&space->blocks, idx, b) {
		mutex_lock(&b->lock);
		info->populated += (u64)b->nr << PAGE_SHIFT;
		if (b->folio)
			info->held += PMD_SIZE;
		if (b->over)
			info->held += (u64)b->over->nr << PAGE_SHIFT;
		if (dph_block_full(b))
			info->huge += PMD_SIZE;
		mutex_unlock(&b->lock);
		cond_resched();
	}
	info->threshold = READ_ONCE(space->percent);
	info->faults = dph_count_of(&space->counts, DPH_FAULTS);
	info->promotions = dph_count_of(&space->counts, DPH_PROMOTIONS);
	info->fallbacks = dph_count_of(&space->counts, DPH_FALLBACKS);
	info->given = dph_count_of(&space->counts, DPH_GIVEN);
	info->copies = dph_count_of(&space->counts, DPH_COPIES);
}

static long device_get_info(void __user *arg)
{
	struct dphuge_info in, out = {};
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	int err = device_copy_sized(&in, sizeof(in), arg);

	if (err)
		return err;
	if (in.flags || memchr_inv(in.reserved, 0, sizeof(in.reserved)))
		return -EINVAL;
	mm = device_mm(in.pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	mmap_read_lock(mm);
	vma = device_vma_at(mm, in.addr);
	if (vma) {
		device_fill_info(&dph_region_of(vma)->space, &out);
		out.mapping = file_inode(vma->vm_file)->i_ino;
		out.end = vma->vm_end;
	}
	mmap_read_unlock(mm);
	mmput(mm);
	if (!vma)
		return -ENXIO;
	out.size = in.size;
	out.addr = in.addr;
	out.pid = in.pid;
	return copy_to_user(arg, &out, sizeof(out)) ? -EFAULT : 0;
}

static struct dphuge_block device_block_state(struct dph_space *space,
					      unsigned long idx)
{
	struct dph_block *b = dph_blocks_find(space, idx);
	struct dphuge_block state = {};

	if (!b)
		return state;
	mutex_lock(&b->lock);
	state.touched = b->nr;
	state.single = b->over ? b->over->nr : 0;
	if (b->folio)
		state.state |= DPHUGE_BLOCK_FOLIO;
	if (dph_block_huge(b))
		state.state |= DPHUGE_BLOCK_HUGE;
	if (dph_block_shared(b))
		state.state |= DPHUGE_BLOCK_SHARED;
	if (b->given)
		state.state |= DPHUGE_BLOCK_GIVEN;
	mutex_unlock(&b->lock);
	return state;
}

static long device_get_blocks(void __user *arg)
{
	struct dphuge_blocks req;
	struct dphuge_block *out;
	struct vm_area_struct *vma;
	struct mm_struct *mm;
	unsigned long idx, last, n = 0;
	int err = device_copy_sized(&req, sizeof(req), arg);

	if (err)
		return err;
	if (req.flags || req.reserved || !req.count ||
	    req.count > DPHUGE_BLOCKS_MAX)
		return -EINVAL;
	out = kvcalloc(req.count, sizeof(*out), GFP_KERNEL_ACCOUNT);
	if (!out)
		return -ENOMEM;
	mm = device_mm(req.pid);
	if (IS_ERR(mm)) {
		kvfree(out);
		return PTR_ERR(mm);
	}
	mmap_read_lock(mm);
	vma = device_vma_at(mm, req.addr);
	if (vma) {
		struct dph_space *space = &dph_region_of(vma)->space;

		idx = dph_view_offset_at(vma, req.addr) >>
		      DPH_BLOCK_SHIFT;
		last = dph_view_last(vma) >> DPH_BLOCK_SHIFT;
		for (; n < req.count && idx <= last; n++, idx++) {
			out[n] = device_block_state(space, idx);
			cond_resched();
		}
	}
	mmap_read_unlock(mm);
	mmput(mm);
	/* Not with mmap_lock held: the copy may fault. */
	if (!vma)
		err = -ENXIO;
	else if (copy_to_user(u64_to_user_ptr(req.blocks), out,
			      n * sizeof(*out)) ||
		 put_user((u32)n, &((struct dphuge_blocks __user *)arg)->count))
		err = -EFAULT;
	kvfree(out);
	return err;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (!current->mm)
		return -EINVAL;
	switch (cmd) {
	case DPHUGE_IOC_THRESHOLD:
		return device_set_threshold(file, (const void __user *)arg);
	case DPHUGE_IOC_INFO:
		return device_get_info((void __user *)arg);
	case DPHUGE_IOC_BLOCKS:
		return device_get_blocks((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.mmap = device_mmap,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.get_unmapped_area = device_unmapped_area,
	.llseek = noop_llseek,
};

static struct miscdevice device_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dphuge",
	.fops = &device_fops,
	.mode = 0666,
	.groups = dph_stats_groups,
};

int dph_device_init(void)
{
	return misc_register(&device_misc);
}

void dph_device_exit(void)
{
	misc_deregister(&device_misc);
}
