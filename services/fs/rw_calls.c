// SPDX-License-Identifier: MPL-2.0
/**
 * read(2), write(2) and their kin.
 *
 * Source: read(2), readv(2), pread(2), lseek(2).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

enum : u32 { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4, RWF_NOWAIT = 8, RWF_APPEND = 16, RWF_NOAPPEND = 32, RWF_ALL = 31 };

/** Whether no other thread can use the file now: it was borrowed from a table of the thread's own, and no other descriptor names it. */
static inline bool
is_exclusive(const struct fd_hold *scoped hold)
{
	return !hold->counted && (atomic32_load_relaxed(&hold->file->state) & FILE_SHARED) == 0;
}

static inline err_t
read_held(const struct fd_hold *scoped hold, struct uio *scoped uio, u64 *scoped result)
{
	err_t err = file_read_locked(hold->file, is_exclusive(hold), uio, result);
	fd_return(hold);
	if (__builtin_expect(err != EBADF, 1))
		thread_count_read(*result);
	return restartable(err);
}

static inline err_t
write_held(const struct fd_hold *scoped hold, struct uio *scoped uio, u64 *scoped result)
{
	err_t err = file_write_locked(hold->file, is_exclusive(hold), uio, result);
	fd_return(hold);
	if (__builtin_expect(err != EBADF, 1))
		thread_count_written(*result);
	return restartable(err);
}

/** A buffer whose end is not a user address is EFAULT before anything happens. */
static inline bool
range_is_user(uaddr_t buf, u64 count)
{
	return !range_exceeds(buf.raw, count, USER_END);
}

err_t
sys_read(i32 fd, uaddr_t buf, u64 count, u64 *scoped result)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct uio uio = uio_user(buf, count);
	if (__builtin_expect(!range_is_user(buf, count), 0)) {
		err_t err = (hold.file->mode & FILE_READ) != 0 ? EFAULT : EBADF;
		fd_return(&hold);
		return err;
	}
	return read_held(&hold, &uio, result);
}

err_t
sys_write(i32 fd, uaddr_t buf, u64 count, u64 *scoped result)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct uio uio = uio_user(buf, count);
	if (__builtin_expect(!range_is_user(buf, count), 0)) {
		err_t err = (hold.file->mode & FILE_WRITE) != 0 ? EFAULT : EBADF;
		fd_return(&hold);
		return err;
	}
	return write_held(&hold, &uio, result);
}

/* --- at an offset --- */

static err_t
positioned(const struct file *file, u32 mode)
{
	if ((file->mode & FILE_POSITIONED) == 0)
		return ESPIPE;
	return (file->mode & mode) != 0 ? OK : EBADF;
}

static err_t
file_transfer_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, bool write, u64 *scoped result)
{
	err_t err = write ? file_write_at(file, uio, off, flags, result) : file_read_at(file, uio, off, flags, result);
	if (write)
		thread_count_written(*result);
	else
		thread_count_read(*result);
	return err;
}

static err_t
transfer_at(struct file *file, struct uio *scoped uio, u64 off, u32 flags, bool write, u64 *scoped result)
{
	TRY(positioned(file, write ? FILE_WRITE : FILE_READ));
	return restartable(file_transfer_at(file, uio, off, flags, write, result));
}

static err_t
transfer_one_at(i32 fd, uaddr_t buf, u64 count, i64 offset, bool write, u64 *scoped result)
{
	if (offset < 0)
		return EINVAL;
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct uio uio = uio_user(buf, count);
	err_t err = range_is_user(buf, count) ? transfer_at(hold.file, &uio, (u64)offset, 0, write, result) : EFAULT;
	fd_return(&hold);
	return err;
}

err_t
sys_pread64(i32 fd, uaddr_t buf, u64 count, i64 offset, u64 *scoped result)
{
	return transfer_one_at(fd, buf, count, offset, false, result);
}

err_t
sys_pwrite64(i32 fd, uaddr_t buf, u64 count, i64 offset, u64 *scoped result)
{
	return transfer_one_at(fd, buf, count, offset, true, result);
}

/* --- vectors --- */

static err_t
vector_transfer(i32 fd, uaddr_t vec, u64 count, bool write, u64 *scoped result)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct uio uio = {};
	err_t err = (hold.file->mode & (write ? FILE_WRITE : FILE_READ)) != 0 ? uio_vector(&uio, vec, count) : EBADF;
	if (err != OK) {
		fd_return(&hold);
		return err;
	}
	err = write ? write_held(&hold, &uio, result) : read_held(&hold, &uio, result);
	uio_fini(&uio);
	return err;
}

err_t
sys_readv(i32 fd, uaddr_t iov, u64 iovcnt, u64 *scoped result)
{
	return vector_transfer(fd, iov, iovcnt, false, result);
}

err_t
sys_writev(i32 fd, uaddr_t iov, u64 iovcnt, u64 *scoped result)
{
	return vector_transfer(fd, iov, iovcnt, true, result);
}

/** What RWF_ flags mean for one transfer, as open flags. => EOPNOTSUPP, EINVAL */
static err_t
rwf_flags(const struct file *file, u32 rwf, bool write, u32 *scoped flags)
{
	if ((rwf & ~(u32)RWF_ALL) != 0)
		return EOPNOTSUPP;
	/* Nothing here polls for completion, and contents in memory are never waited for. */
	if ((rwf & RWF_NOWAIT) != 0 && file->inode != nullptr && inode_is(file->inode, S_IFREG) && file->inode->pages == nullptr)
		return EOPNOTSUPP;
	*flags = ((rwf & RWF_NOWAIT) != 0 ? O_NONBLOCK : 0) | (write && (rwf & RWF_APPEND) != 0 ? O_APPEND : 0) |
	         ((rwf & RWF_DSYNC) != 0 ? O_DSYNC : 0) | ((rwf & RWF_SYNC) != 0 ? O_SYNC : 0);
	return OK;
}

static err_t
vector_at_position(struct file *file, struct uio *scoped uio, u32 flags, bool write, u64 *scoped result)
{
	if ((file->mode & FILE_SEEKABLE) == 0)
		return file_transfer_at(file, uio, 0, flags, write, result);
	MUTEX_SCOPE(&file->position_lock);
	err_t err = file_transfer_at(file, uio, file->position, flags, write, result);
	file->position += *result;
	return err;
}

static err_t
vector_transfer_at(i32 fd, uaddr_t vec, u64 count, i64 offset, u32 rwf, bool write, u64 *scoped result)
{
	struct fd_hold hold = {};
	if (offset < -1)
		return EINVAL;
	TRY(fd_borrow(fd, &hold));
	struct uio uio = {};
	u32 flags = 0;
	err_t err = offset >= 0 ? positioned(hold.file, write ? FILE_WRITE : FILE_READ) : (hold.file->mode & (write ? FILE_WRITE : FILE_READ)) != 0 ? OK : EBADF;
	if (err == OK)
		err = rwf_flags(hold.file, rwf, write, &flags);
	if (err == OK)
		err = uio_vector(&uio, vec, count);
	if (err == OK) {
		err = offset >= 0 ? transfer_at(hold.file, &uio, (u64)offset, flags, write, result) :
		                    restartable(vector_at_position(hold.file, &uio, flags, write, result));
		uio_fini(&uio);
	}
	fd_return(&hold);
	return err;
}

err_t
sys_preadv(i32 fd, uaddr_t iov, u64 iovcnt, u64 pos_l, u64 pos_h, u64 *scoped result)
{
	(void)pos_h;
	return (i64)pos_l < 0 ? EINVAL : vector_transfer_at(fd, iov, iovcnt, (i64)pos_l, 0, false, result);
}

err_t
sys_pwritev(i32 fd, uaddr_t iov, u64 iovcnt, u64 pos_l, u64 pos_h, u64 *scoped result)
{
	(void)pos_h;
	return (i64)pos_l < 0 ? EINVAL : vector_transfer_at(fd, iov, iovcnt, (i64)pos_l, 0, true, result);
}

err_t
sys_preadv2(i32 fd, uaddr_t iov, u64 iovcnt, u64 pos_l, u64 pos_h, u32 flags, u64 *scoped result)
{
	(void)pos_h;
	return vector_transfer_at(fd, iov, iovcnt, (i64)pos_l, flags, false, result);
}

err_t
sys_pwritev2(i32 fd, uaddr_t iov, u64 iovcnt, u64 pos_l, u64 pos_h, u32 flags, u64 *scoped result)
{
	(void)pos_h;
	return vector_transfer_at(fd, iov, iovcnt, (i64)pos_l, flags, true, result);
}

err_t
sys_lseek(i32 fd, i64 offset, u32 whence, u64 *scoped result)
{
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	err_t err = whence <= SEEK_HOLE ? file_seek(hold.file, offset, whence, result) : EINVAL;
	fd_return(&hold);
	return err;
}
