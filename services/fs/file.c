// SPDX-License-Identifier: MPL-2.0
/**
 * Open files: their life, and the wrappers around their ops.
 *
 * Source: read(2), write(2), open(2).
 */
#include <vm_object.h>

#include "fs_impl.h"

static file_gone_fn *gone_hook;                     /* [boot] */
static struct atomic64 anonymous_ino;

void
file_gone_register(file_gone_fn *gone)
{
	gone_hook = gone;
}

/** What its opening took, beyond what the ops know of. */
static void
file_let_go(struct file *file)
{
	if ((file->mode & FILE_WRITER) != 0) {
		(void)atomic32_sub(&file->inode->writers, 1);
		(void)atomic32_sub(&file->inode->sb->writers, 1);
	}
	if ((file->mode & FILE_READER) != 0)
		(void)atomic32_sub(&file->inode->readers, 1);
	if (file->own_inode != nullptr)
		inode_put(file->own_inode);
	if (file->cred != nullptr)
		cred_put(file->cred);
	if (file->async != nullptr)
		file_async_end(file);
	if ((file->mode & FILE_ANONYMOUS) != 0)
		return;
	if (file->dentry != nullptr)
		dentry_unref(file->dentry);
	if (file->mount != nullptr)
		mount_unref(file->mount);
}

static void
file_release(struct file *file)
{
	if ((file->mode & FILE_OPENED) != 0) {
		if ((file->mode & FILE_NOTIFY) != 0)
			fs_notify(file->dentry, (file->mode & FILE_WRITE) != 0 ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
		if ((atomic32_load(&file->state) & FILE_WATCHED) != 0 && gone_hook != nullptr)
			gone_hook(file);
		file_locks_release(file);
		file_notices_flush(file, nullptr);
		if (file->ops->release != nullptr)
			file->ops->release(file);
	}
	file_let_go(file);
}
OBJECT_DEFINE_RELEASE(file);

/* --- anonymous files --- */

err_t
file_create(const struct file_ops *ops, struct object *private, u32 flags, u32 mode, enum file_kind kind, struct file **scoped out)
{
	struct file *file = file_alloc();
	if (file == nullptr)
		return ENOMEM;
	file->ops = ops;
	file->mode = mode | FILE_ANONYMOUS | FILE_OPENED;
	atomic32_store_relaxed(&file->flags, flags);
	file->dentry = kind_dentry(kind);
	file->cred = cred_current_get();
	file->ino = atomic64_add_relaxed(&anonymous_ino, 1) + 1;
	file->private = private;
	*out = file;
	return OK;
}

struct inode *
file_inode(struct file *file)
{
	if ((file->mode & FILE_ANONYMOUS) == 0)
		return file->inode;
	struct inode *inode = POINTER_LOAD(file->own_inode);
	if (inode != nullptr)
		return inode;
	inode = kind_inode_create(file);
	if (inode == nullptr)
		return nullptr;
	MUTEX_SCOPE(&file->position_lock);
	if (file->own_inode != nullptr) {
		inode_put(inode);
		return file->own_inode;
	}
	if (file->ops->inode_made != nullptr)
		file->ops->inode_made(file, inode);
	POINTER_PUBLISH(file->own_inode, inode);
	return inode;
}

/* --- reading and writing --- */

/** Ends a transfer: what was moved before an error counts as success. */
static inline err_t
transfer_end(const struct uio *scoped uio, u64 before, u64 *scoped moved, err_t err)
{
	*moved = before - uio->left;
	return *moved != 0 ? OK : err;
}

static inline err_t
read_op(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved)
{
	u64 before = uio->left;
	err_t err = file->ops->read(file, uio, off, flags);
	err = transfer_end(uio, before, moved, err);
	if (*moved != 0 && (file->mode & FILE_NOTIFY) != 0)
		fs_notify(file->dentry, IN_ACCESS);
	return err;
}

static inline err_t
read_allowed(const struct file *file)
{
	if ((file->mode & FILE_READ) == 0)
		return EBADF;
	if (__builtin_expect(file->ops->read != nullptr, 1))
		return OK;
	return file->inode != nullptr && inode_is(file->inode, S_IFDIR) ? EISDIR : EINVAL;
}

err_t
file_read_locked(struct file *file, bool exclusive, struct uio *scoped uio, u64 *scoped moved)
{
	*moved = 0;
	TRY(read_allowed(file));
	u32 flags = atomic32_load_relaxed(&file->flags);
	if ((file->mode & FILE_SEEKABLE) == 0)
		return read_op(file, uio, 0, flags, moved);
	if (exclusive) {
		err_t err = read_op(file, uio, file->position, flags, moved);
		file->position += *moved;
		return err;
	}
	MUTEX_SCOPE(&file->position_lock);
	err_t err = read_op(file, uio, file->position, flags, moved);
	file->position += *moved;
	return err;
}

err_t
file_read(struct file *file, struct uio *scoped uio, u64 *scoped moved)
{
	return file_read_locked(file, false, uio, moved);
}

err_t
file_read_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved)
{
	*moved = 0;
	TRY(read_allowed(file));
	return read_op(file, uio, off, atomic32_load_relaxed(&file->flags) | flags, moved);
}

void
signal_self(u32 number)
{
	struct signal_info info = { .number = number, .code = SI_USER, .pid = process_current()->pid, .uid = cred_current()->uid };
	(void)signal_send_thread(thread_current(), number, &info);
}

static inline err_t
write_op(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved)
{
	u64 before = uio->left;
	err_t err = file->ops->write(file, uio, off, flags);
	err = transfer_end(uio, before, moved, err);
	if (err == EPIPE && thread_current_or_null() != nullptr && !file->ops->no_sigpipe)
		signal_self(SIGPIPE);
	if (*moved != 0 && (file->mode & FILE_NOTIFY) != 0)
		fs_notify(file->dentry, IN_MODIFY);
	return err;
}

static inline err_t
write_allowed(const struct file *file)
{
	if ((file->mode & FILE_WRITE) == 0)
		return EBADF;
	return file->ops->write != nullptr ? OK : EINVAL;
}

/** A write at the file's position, which moves; with O_APPEND to the end of what was written. */
static inline err_t
write_at_position(struct file *file, struct uio *scoped uio, u32 flags, u64 *scoped moved)
{
	err_t err = write_op(file, uio, file->position, flags, moved);
	if (__builtin_expect((flags & O_APPEND) == 0 || *moved == 0, 1))
		file->position += *moved;
	return err;
}

err_t
file_write_locked(struct file *file, bool exclusive, struct uio *scoped uio, u64 *scoped moved)
{
	*moved = 0;
	TRY(write_allowed(file));
	u32 flags = atomic32_load_relaxed(&file->flags);
	if ((file->mode & FILE_SEEKABLE) == 0)
		return write_op(file, uio, 0, flags, moved);
	if (exclusive)
		return write_at_position(file, uio, flags, moved);
	MUTEX_SCOPE(&file->position_lock);
	return write_at_position(file, uio, flags, moved);
}

err_t
file_write(struct file *file, struct uio *scoped uio, u64 *scoped moved)
{
	return file_write_locked(file, false, uio, moved);
}

err_t
file_write_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, u64 *scoped moved)
{
	*moved = 0;
	TRY(write_allowed(file));
	return write_op(file, uio, off, atomic32_load_relaxed(&file->flags) | flags | FILE_WRITE_AT, moved);
}

/* --- the other ops --- */

err_t
file_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	return file->ops->ioctl != nullptr ? file->ops->ioctl(file, command, arg, result) : ENOTTY;
}

err_t
file_map(struct file *file, struct vm_request *scoped request)
{
	if (file->ops->map == nullptr)
		return ENODEV;
	TRY(file->ops->map(file, request));
	file_accessed(file);
	return OK;
}

err_t
file_readdir(struct file *file, struct dir_sink *scoped sink)
{
	if (file->ops->readdir == nullptr)
		return ENOTDIR;
	struct inode *inode = file->inode;
	MUTEX_SCOPE(&file->position_lock);
	RW_READ_SCOPE(&inode->lock);
	if ((atomic32_load(&inode->fs_flags) & INODE_DEAD) != 0)
		return ENOENT;
	err_t err = file->ops->readdir(file, sink);
	fs_notify(file->dentry, IN_ACCESS);
	file_accessed(file);
	return err;
}

/* --- positions --- */

/** Where `off` from `whence` is. => EINVAL */
err_t
seek_target(const struct file *file, i64 off, u32 whence, u64 size, u64 *scoped to)
{
	i64 base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (i64)file->position : (i64)size;
	i64 target;
	if (whence > SEEK_END || __builtin_add_overflow(base, off, &target))
		return EINVAL;
	if (target < 0 || (file->inode != nullptr && (u64)target > file->inode->sb->max_size))
		return EINVAL;
	*to = (u64)target;
	return OK;
}

err_t
file_seek_nowhere(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	(void)file, (void)off, (void)whence;
	*result = 0;
	return OK;
}

err_t
file_seek(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	if ((file->mode & FILE_SEEKABLE) == 0)
		return file->ops->seek == file_seek_nowhere ? file_seek_nowhere(file, off, whence, result) : ESPIPE;
	MUTEX_SCOPE(&file->position_lock);
	if (file->ops->seek != nullptr) {
		TRY(file->ops->seek(file, off, whence, result));
		file->position = *result;
		return OK;
	}
	u64 size = 0;
	if (whence == SEEK_END && file->inode != nullptr)
		size = file->inode->pages != nullptr ? vm_object_size(file->inode->pages) : atomic64_load(&file->inode->size);
	TRY(seek_target(file, off, whence, size, result));
	file->position = *result;
	return OK;
}

/* --- times --- */

void
inode_accessed(struct inode *inode, u32 flags)
{
	u64 atime = atomic64_load_relaxed(&inode->atime);
	if ((flags & (MS_NOATIME | MS_RDONLY | SB_NO_ATIME)) != 0 || (atomic32_load_relaxed(&inode->fs_flags) & INODE_NOATIME) != 0)
		return;
	if ((flags & MS_NODIRATIME) != 0 && inode_is(inode, S_IFDIR))
		return;
	u64 now = clock_realtime();
	bool stale = atime <= atomic64_load_relaxed(&inode->mtime) || atime <= atomic64_load_relaxed(&inode->ctime) ||
	             now - atime >= (u64)24 * 3600 * NS_PER_SEC;
	if (stale || (flags & MS_RELATIME) == 0)
		atomic64_store_relaxed(&inode->atime, now);
}

void
file_accessed(struct file *file)
{
	if (file->inode != nullptr && file->mount != nullptr && (atomic32_load_relaxed(&file->flags) & O_NOATIME) == 0)
		inode_accessed(file->inode, mount_flags(file->mount));
}

u32
file_mount_id(const struct file *file)
{
	return file->mount != nullptr ? file->mount->id : 0;
}
