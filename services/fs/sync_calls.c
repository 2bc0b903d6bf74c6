// SPDX-License-Identifier: MPL-2.0
/**
 * fsync(2), fallocate(2), posix_fadvise(2), copy_file_range(2) and their kin: the store behind a file.
 *
 * Source: the pages of these names.
 */
#include <vm_object.h>
#include <syscall_handlers.h>

#include "fs_impl.h"

static err_t
file_sync(struct file *file, u64 start, u64 end, bool data_only)
{
	return file->ops->sync != nullptr ? file->ops->sync(file, start, end, data_only) : EINVAL;
}

static err_t
sync_fd(i32 fd, bool data_only)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	err_t err = file_sync(hold.file, 0, ~(u64)0, data_only);
	fd_return(&hold);
	return err;
}

err_t
sys_fsync(i32 fd)
{
	return sync_fd(fd, false);
}

err_t
sys_fdatasync(i32 fd)
{
	return sync_fd(fd, true);
}

err_t
sys_sync(void)
{
	MUTEX_SCOPE(&mount_mutex);
	LIST_FOR(mount_list, mount, &mount_all) {
		if (mount->sb->ops->sync != nullptr)
			(void)mount->sb->ops->sync(mount->sb);
	}
	return OK;
}

err_t
sys_syncfs(i32 fd)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct superblock *sb = hold.file->dentry->sb;
	err_t err = sb->ops->sync != nullptr ? sb->ops->sync(sb) : OK;
	fd_return(&hold);
	return err;
}

/** What can be synced by ranges: not pipes and sockets (ESPIPE). */
static err_t
range_file(struct file *file)
{
	if ((file->mode & FILE_ANONYMOUS) != 0)
		return ESPIPE;
	u32 type = POINTER_LOAD(file->inode->mode) & S_IFMT;
	return type == S_IFREG || type == S_IFDIR || type == S_IFLNK || type == S_IFBLK ? OK : ESPIPE;
}

err_t
sys_sync_file_range(i32 fd, i64 offset, i64 nbytes, u32 flags)
{
	i64 end;
	if ((flags & ~(u32)7) != 0 || offset < 0 || nbytes < 0 || __builtin_add_overflow(offset, nbytes, &end))
		return EINVAL;
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	err_t err = range_file(hold.file);
	if (err == OK && flags != 0 && hold.file->ops->sync != nullptr)
		err = hold.file->ops->sync(hold.file, (u64)offset, nbytes != 0 ? (u64)end : ~(u64)0, true);
	fd_return(&hold);
	return err;
}

err_t
sys_readahead(i32 fd, i64 offset, u64 count)
{
	(void)offset, (void)count;
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct file *file = hold.file;
	err_t err = (file->mode & FILE_READ) == 0 ? EBADF : (file->mode & FILE_ANONYMOUS) != 0 || file->inode->pages == nullptr ? EINVAL : OK;
	fd_return(&hold);
	return err;
}

err_t
sys_fadvise64(i32 fd, i64 offset, u64 len, i32 advice)
{
	(void)offset;
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	bool pipe = (hold.file->mode & FILE_ANONYMOUS) != 0 ? kind_mode(hold.file) >> 12 == S_IFIFO >> 12 : inode_is(hold.file->inode, S_IFIFO);
	err_t err = pipe ? ESPIPE : (i64)len < 0 || advice < 0 || advice > 5 ? EINVAL : OK;
	fd_return(&hold);
	return err;
}

static err_t
fallocate_file(struct file *file, u32 mode, i64 offset, i64 len)
{
	enum : u32 { KNOWN = 0x7b };
	i64 end;
	if (offset < 0 || len <= 0)
		return EINVAL;
	if ((mode & ~(u32)KNOWN) != 0 || ((mode & FALLOC_PUNCH_HOLE) != 0 && (mode & FALLOC_KEEP_SIZE) == 0))
		return EOPNOTSUPP;
	if ((file->mode & FILE_WRITE) == 0)
		return EBADF;
	if ((file->mode & FILE_ANONYMOUS) != 0)
		return kind_mode(file) >> 12 == S_IFIFO >> 12 ? ESPIPE : ENODEV;
	struct inode *inode = file->inode;
	u32 fs_flags = atomic32_load(&inode->fs_flags);
	if (((fs_flags & INODE_APPEND) != 0 && (mode & ~(u32)FALLOC_KEEP_SIZE) != 0) || (fs_flags & INODE_IMMUTABLE) != 0)
		return EPERM;
	if (inode_is(inode, S_IFIFO))
		return ESPIPE;
	if (inode_is(inode, S_IFDIR))
		return EISDIR;
	if (!inode_is(inode, S_IFREG))
		return ENODEV;
	if (__builtin_add_overflow(offset, len, &end) || (u64)end > inode->sb->max_size)
		return EFBIG;
	if (file->ops->allocate == nullptr)
		return EOPNOTSUPP;
	TRY(file->ops->allocate(file, mode, (u64)offset, (u64)len));
	fs_notify(file->dentry, IN_MODIFY);
	return OK;
}

err_t
sys_fallocate(i32 fd, u32 mode, i64 offset, i64 len)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	err_t err = fallocate_file(hold.file, mode, offset, len);
	fd_return(&hold);
	return err;
}

/* --- copy_file_range(2) --- */

enum : u32 { COPY_CHUNK = 65536 };

static err_t
copy_allowed(struct file *in, struct file *out, u64 from, u64 to, u64 *scoped len)
{
	if ((in->mode & FILE_READ) == 0 || (out->mode & FILE_WRITE) == 0 || (atomic32_load(&out->flags) & O_APPEND) != 0)
		return EBADF;
	if ((in->mode & FILE_ANONYMOUS) != 0 || (out->mode & FILE_ANONYMOUS) != 0)
		return EINVAL;
	if (inode_is(in->inode, S_IFDIR) || inode_is(out->inode, S_IFDIR))
		return EISDIR;
	if (!inode_is(in->inode, S_IFREG) || !inode_is(out->inode, S_IFREG))
		return EINVAL;
	if ((i64)(from + *len) < (i64)from || (i64)(to + *len) < (i64)to)
		return EOVERFLOW;
	*len = MIN(*len, (u64)UIO_MAX);
	bool overlaps = in->inode == out->inode && from < to + *len && to < from + *len;
	return overlaps ? EINVAL : OK;
}

/** Copies up to a buffer's worth. => *done 0: the end */
static err_t
copy_chunk(struct file *in, struct file *out, struct byte_array *buffer, u64 from, u64 to, u64 len, u64 *scoped done)
{
	u64 got = 0;
	struct uio read = uio_kernel(buffer, 0, MIN(len, (u64)COPY_CHUNK));
	*done = 0;
	TRY(file_read_at(in, &read, from, 0, &got));
	if (got == 0)
		return OK;
	struct uio write = uio_kernel(buffer, 0, got);
	return file_write_at(out, &write, to, 0, done);
}

static err_t
copy_range(struct file *in, struct file *out, u64 from, u64 to, u64 len, u64 *scoped copied)
{
	REF_SCOPE(byte_array, buffer);
	TRY(copy_allowed(in, out, from, to, &len));
	buffer = byte_array_alloc(COPY_CHUNK);
	if (buffer == nullptr)
		return ENOMEM;
	err_t err = OK;
	for (u64 done = 1; err == OK && done != 0 && *copied < len && !signal_pending(); *copied += done)
		err = copy_chunk(in, out, buffer, from + *copied, to + *copied, len - *copied, &done);
	return *copied != 0 ? OK : err;
}

static err_t
copy_files(struct file *in, uaddr_t off_in, struct file *out, uaddr_t off_out, u64 len, u64 *scoped result)
{
	u64 from = in->position, to = out->position;
	if (off_in.raw != 0)
		TRY(copy_in_value(from, off_in));
	if (off_out.raw != 0)
		TRY(copy_in_value(to, off_out));
	if ((i64)from < 0 || (i64)to < 0)
		return EINVAL;
	TRY(copy_range(in, out, from, to, len, result));
	from += *result;
	to += *result;
	if (off_in.raw == 0)
		in->position = from;
	else
		TRY(copy_out_value(off_in, from));
	if (off_out.raw == 0)
		out->position = to;
	else
		TRY(copy_out_value(off_out, to));
	return OK;
}

err_t
sys_copy_file_range(i32 fd_in, uaddr_t off_in, i32 fd_out, uaddr_t off_out, u64 len, u32 flags, u64 *scoped result)
{
	REF_SCOPE(file, in);
	REF_SCOPE(file, out);
	if (flags != 0)
		return EINVAL;
	TRY(fd_get(fd_in, &in));
	TRY(fd_get(fd_out, &out));
	err_t err = copy_files(in, off_in, out, off_out, len, result);
	thread_count_read(*result);
	thread_count_written(*result);
	return err;
}
