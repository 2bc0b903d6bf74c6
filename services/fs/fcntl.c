// SPDX-License-Identifier: MPL-2.0
/**
 * fcntl(2) and the ioctls that every file has.
 *
 * Source: fcntl(2), ioctl_fioclex(2) and its kin, memfd_create(2) (seals).
 */
#include <session.h>
#include <vm_object.h>
#include <syscall_handlers.h>

#include "fd.h"
#include "fs_impl.h"

enum : u32 {
	F_DUPFD = 0, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG,
	F_SETOWN_EX = 15, F_GETOWN_EX, F_GETOWNER_UIDS, F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE = 1024, F_GETLEASE, F_NOTIFY,
	F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS, F_GET_RW_HINT, F_SET_RW_HINT, F_GET_FILE_RW_HINT, F_SET_FILE_RW_HINT,
	FD_CLOEXEC = 1, SETFL_MASK = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME,
	OWNER_THREAD = 0, OWNER_PROCESS = 1, OWNER_GROUP = 2,
};

/** struct f_owner_ex. Plain data. */
struct owner_ex { i32 type, pid; };

/* --- descriptors --- */

static err_t
dup_from(struct file *file, u64 min, bool cloexec, u64 *scoped result)
{
	i32 fd = -1;
	if (min >= MIN(rlimit_current(RLIMIT_NOFILE), (u64)FD_MAX))
		return EINVAL;
	TRY(fd_install(file, (u32)min, cloexec, &fd));
	*result = (u64)fd;
	return OK;
}

static err_t
cloexec_set(i32 fd, bool on)
{
	fd_table_set_cloexec(files_current(), (u32)fd, on);
	return OK;
}

/* --- flags --- */

static err_t
flags_allowed(struct file *file, u32 old, u32 new)
{
	struct inode *inode = file->inode;
	if (inode == nullptr)
		return OK;
	if ((old & O_APPEND) != 0 && (new & O_APPEND) == 0 && (atomic32_load(&inode->fs_flags) & INODE_APPEND) != 0)
		return EPERM;
	if ((new & O_NOATIME) != 0 && (old & O_NOATIME) == 0 && cred_current()->fsuid != POINTER_LOAD(inode->uid) && !capable(CAP_FOWNER))
		return EPERM;
	return OK;
}

static err_t
flags_set(struct file *file, i32 fd, u32 flags)
{
	u32 old = atomic32_load(&file->flags), new = (old & ~(u32)SETFL_MASK) | (flags & SETFL_MASK);
	TRY(flags_allowed(file, old, new));
	if (file->ops->set_flags != nullptr)
		TRY(file->ops->set_flags(file, new));
	if (((old ^ new) & O_ASYNC) != 0)
		TRY(file_async_set(file, fd, (new & O_ASYNC) != 0));
	do
		new = (old & ~(u32)SETFL_MASK) | (flags & SETFL_MASK);
	while (!atomic32_cas(&file->flags, &old, new));
	return OK;
}

/* --- owners --- */

static err_t
owner_set(struct file *file, u32 kind, u32 id)
{
	bool found = id == 0;
	if (kind == OWNER_GROUP && !found) {
		REF_SCOPE(process_group, group);
		group = process_group_find(id);
		found = group != nullptr;
	} else if (kind == OWNER_THREAD && !found) {
		REF_SCOPE(thread, thread);
		thread = thread_find(id);
		found = thread != nullptr;
	} else if (!found) {
		REF_SCOPE(process, process);
		process = process_find(id);
		found = process != nullptr;
	}
	if (!found)
		return ESRCH;
	atomic32_store(&file->owner_kind, kind);
	atomic32_store(&file->owner_pid, id);
	return OK;
}

err_t
file_owner_default(struct file *file)
{
	return atomic32_load(&file->owner_pid) != 0 ? OK : owner_set(file, OWNER_PROCESS, process_current()->pid);
}

static err_t
owner_set_plain(struct file *file, i32 who)
{
	if (who == (i32)0x80000000)
		return EINVAL;
	return who < 0 ? owner_set(file, OWNER_GROUP, (u32)-who) : owner_set(file, OWNER_PROCESS, (u32)who);
}

static u64
owner_get_plain(const struct file *file)
{
	i64 id = atomic32_load(&file->owner_pid);
	return (u64)(atomic32_load(&file->owner_kind) == OWNER_GROUP ? -id : id);
}

static err_t
owner_set_ex(struct file *file, uaddr_t arg)
{
	struct owner_ex owner = {};
	TRY(copy_in_value(owner, arg));
	return owner.type >= 0 && owner.type <= (i32)OWNER_GROUP && owner.pid >= 0 ? owner_set(file, (u32)owner.type, (u32)owner.pid) : EINVAL;
}

static err_t
owner_get_ex(const struct file *file, uaddr_t arg)
{
	struct owner_ex owner = { (i32)atomic32_load(&file->owner_kind), (i32)atomic32_load(&file->owner_pid) };
	if (owner.pid == 0)
		owner.type = OWNER_THREAD;
	return copy_out_value(arg, owner);
}

static err_t
signal_set(struct file *file, u64 number)
{
	if (number > SIGNAL_MAX)
		return EINVAL;
	atomic32_store(&file->owner_signal, (u32)number);
	return OK;
}

/* --- seals --- */

static err_t
seals_add(struct file *file, u32 seals)
{
	struct inode *inode = file->inode;
	if ((file->mode & FILE_WRITE) == 0)
		return EPERM;
	if (inode == nullptr || inode->pages == nullptr || (seals & ~(u32)F_SEAL_ALL) != 0)
		return EINVAL;
	RW_WRITE_SCOPE(&inode->lock);
	u32 old = atomic32_load(&inode->seals);
	if ((old & F_SEAL_SEAL) != 0)
		return EPERM;
	if ((seals & F_SEAL_WRITE) != 0 && (old & F_SEAL_WRITE) == 0 && vm_object_writable_mappings(inode->pages) != 0)
		return EBUSY;
	if ((seals & F_SEAL_EXEC) != 0 && (POINTER_LOAD(inode->mode) & 0111) != 0)
		seals |= F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	(void)atomic32_or(&inode->seals, seals);
	return OK;
}

static err_t
seals_get(const struct file *file, u64 *scoped result)
{
	if (file->inode == nullptr || file->inode->pages == nullptr)
		return EINVAL;
	*result = atomic32_load(&file->inode->seals);
	return OK;
}

/* --- fcntl(2) --- */

/** What only fs itself can say no to, or what kinds of files serve. */
static err_t
control_other(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	if (file->ops->control != nullptr)
		return file->ops->control(file, command, arg, result);
	return command == F_SETPIPE_SZ || command == F_GETPIPE_SZ ? EBADF : EINVAL;
}

static err_t
control_descriptor(i32 fd, struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return (i32)arg < 0 ? EINVAL : dup_from(file, (u32)arg, command == F_DUPFD_CLOEXEC, result);
	case F_GETFD:
		*result = fd_table_cloexec(files_current(), (u32)fd) ? FD_CLOEXEC : 0;
		return OK;
	case F_SETFD:
		return cloexec_set(fd, (arg & FD_CLOEXEC) != 0);
	case F_GETFL:
		*result = atomic32_load(&file->flags) | ((file->mode & FILE_PATH) != 0 ? O_PATH : 0);
		return OK;
	default:
		return ENOSYS;
	}
}

static err_t
control_owner(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	switch (command) {
	case F_SETOWN:
		return owner_set_plain(file, (i32)arg);
	case F_GETOWN:
		*result = owner_get_plain(file);
		return OK;
	case F_SETSIG:
		return signal_set(file, arg);
	case F_GETSIG:
		*result = atomic32_load(&file->owner_signal);
		return OK;
	case F_SETOWN_EX:
		return owner_set_ex(file, UADDR(arg));
	case F_GETOWN_EX:
		return owner_get_ex(file, UADDR(arg));
	default:
		return ENOSYS;
	}
}

static err_t
control(i32 fd, struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	err_t err = control_descriptor(fd, file, command, arg, result);
	if (err != ENOSYS)
		return err;
	if ((file->mode & FILE_PATH) != 0)
		return EBADF;
	err = control_owner(file, command, arg, result);
	if (err != ENOSYS)
		return err;
	if ((command >= F_GETLK && command <= F_SETLKW) || (command >= F_OFD_GETLK && command <= F_OFD_SETLKW))
		return file_lock_control(fd, file, command, UADDR(arg));
	switch (command) {
	case F_SETFL:
		return flags_set(file, fd, (u32)arg);
	case F_NOTIFY:
		return file_notify_set(file, fd, (u32)arg);
	case F_ADD_SEALS:
		return seals_add(file, (u32)arg);
	case F_GET_SEALS:
		return seals_get(file, result);
	case F_SETLEASE:
		return file_lease_set(file, fd, arg);
	case F_GETLEASE:
		*result = file_lease_get(file);
		return OK;
	default:
		return control_other(file, command, arg, result);
	}
}

err_t
sys_fcntl(i32 fd, u32 cmd, u64 arg, u64 *scoped result)
{
	struct fd_hold hold = {};
	TRY(fd_borrow_any(fd, &hold));
	err_t err = control(fd, hold.file, cmd, arg, result);
	fd_return(&hold);
	return err;
}

/* --- ioctl(2) --- */

enum : u32 { FIONREAD = 0x541b, FIONBIO = 0x5421, FIONCLEX = 0x5450, FIOCLEX = 0x5451, FIOASYNC = 0x5452, FIOQSIZE = 0x5460, FIGETBSZ = 2 };

static err_t
flag_set_by_user(struct file *file, i32 fd, uaddr_t arg, u32 flag)
{
	i32 on = 0;
	TRY(copy_in_value(on, arg));
	u32 flags = atomic32_load(&file->flags);
	return flags_set(file, fd, on != 0 ? flags | flag : flags & ~flag);
}

static err_t
readable_out(struct file *file, uaddr_t arg)
{
	u64 bytes = 0;
	TRY(file->ops->readable(file, &bytes));
	i32 count = (i32)MIN(bytes, (u64)0x7fffffff);
	return copy_out_value(arg, count);
}

static err_t
size_out(struct file *file, uaddr_t arg)
{
	struct inode_attr attr = {};
	if ((file->mode & FILE_ANONYMOUS) != 0)
		return ENOTTY;
	file_attr(file, &attr);
	u32 type = attr.mode & S_IFMT;
	if (type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
		return ENOTTY;
	return copy_out_value(arg, attr.size);
}

static err_t
block_size_out(struct file *file, uaddr_t arg)
{
	i32 size = (i32)PAGE_SIZE;
	if ((file->mode & FILE_ANONYMOUS) != 0)
		return EINVAL;
	return copy_out_value(arg, size);
}

static err_t
ioctl_file(struct file *file, i32 fd, u32 command, u64 arg, u64 *scoped result)
{
	switch (command) {
	case FIOCLEX:
	case FIONCLEX:
		return cloexec_set(fd, command == FIOCLEX);
	case FIONBIO:
		return flag_set_by_user(file, fd, UADDR(arg), O_NONBLOCK);
	case FIOASYNC:
		return flag_set_by_user(file, fd, UADDR(arg), O_ASYNC);
	case FIOQSIZE:
		return size_out(file, UADDR(arg));
	case FIGETBSZ:
		return block_size_out(file, UADDR(arg));
	case FIONREAD:
		if (file->ops->readable != nullptr)
			return readable_out(file, UADDR(arg));
		return file_ioctl(file, command, arg, result);
	case FIBMAP:
		if ((file->mode & FILE_ANONYMOUS) == 0 && inode_is(file->inode, S_IFREG))
			return extent_ioctl(file, command, arg);
		return file_ioctl(file, command, arg, result);
	case FICLONE:
	case FICLONERANGE:
	case FIDEDUPERANGE:
	case FIFREEZE:
	case FITHAW:
	case FS_IOC_FIEMAP:
		return extent_ioctl(file, command, arg);
	default:
		return file_ioctl(file, command, arg, result);
	}
}

err_t
sys_ioctl(i32 fd, u32 cmd, u64 arg, u64 *scoped result)
{
	struct file *file = nullptr;
	TRY(fd_get(fd, &file));
	err_t err = ioctl_file(file, fd, cmd, arg, result);
	file_put(file);
	return restartable(err);
}
