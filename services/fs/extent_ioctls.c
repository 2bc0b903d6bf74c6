// SPDX-License-Identifier: MPL-2.0
/**
 * The ioctls about a file's blocks, which every file answers: mapping, sharing and freezing them.
 *
 * Files live in memory: none has blocks with addresses, shares them or can be frozen, so what is left is each command's checks, in Linux' order.
 *
 * Source: ioctl_ficlonerange(2), ioctl_fideduperange(2), ioctl_fsfreeze of fsfreeze(8), Documentation/filesystems/fiemap.rst.
 */
#include <cred.h>

#include "fd.h"
#include "fs_impl.h"

/** struct file_clone_range. Plain data. */
struct clone_range { i64 source_fd; u64 source_offset, source_length, offset; };

/** struct file_dedupe_range, without its destinations. Plain data. */
struct dedupe_range { u64 source_offset, source_length; u16 count, reserved; u32 reserved_more; };

enum : u64 { DEDUPE_DESTINATION_SIZE = 32 };

static bool
is_regular(const struct file *file)
{
	return (file->mode & FILE_ANONYMOUS) == 0 && inode_is(file->inode, S_IFREG);
}

static bool
is_directory(const struct file *file)
{
	return (file->mode & FILE_ANONYMOUS) == 0 && inode_is(file->inode, S_IFDIR);
}

/** FIBMAP, of a regular file. */
static err_t
block_number(uaddr_t arg)
{
	i32 block = 0;
	if (!capable(CAP_SYS_RAWIO))
		return EPERM;
	TRY(copy_in_value(block, arg));
	if (block < 0)
		return EINVAL;
	block = 0;
	TRY(copy_out_value(arg, block));
	return EINVAL;
}

static bool
is_same_fs(const struct file *a, const struct file *b)
{
	if (((a->mode | b->mode) & FILE_ANONYMOUS) == 0)
		return a->inode->sb == b->inode->sb;
	return (a->mode & b->mode & FILE_ANONYMOUS) != 0 && kind_mode(a) == kind_mode(b);
}

static err_t
blocks_share(struct file *file, i32 source_fd)
{
	REF_SCOPE(file, source);
	TRY(fd_get(source_fd, &source));
	if (!is_same_fs(source, file))
		return EXDEV;
	if (is_directory(source) || is_directory(file))
		return EISDIR;
	if (!is_regular(source) || !is_regular(file))
		return EINVAL;
	if ((source->mode & FILE_READ) == 0 || (file->mode & FILE_WRITE) == 0 || (atomic32_load(&file->flags) & O_APPEND) != 0)
		return EBADF;
	return EOPNOTSUPP;
}

static err_t
range_share(struct file *file, uaddr_t arg)
{
	struct clone_range range = {};
	TRY(copy_in_value(range, arg));
	return blocks_share(file, (i32)range.source_fd);
}

static err_t
blocks_merge(struct file *file, uaddr_t arg)
{
	struct dedupe_range range = {};
	u8 last = 0;
	TRY(copy_in_value(range, arg));
	u64 size = sizeof(range) + range.count * DEDUPE_DESTINATION_SIZE;
	if (size > PAGE_SIZE)
		return ENOMEM;
	TRY(copy_in_value(last, UADDR(arg.raw + size - 1)));   /* at most two pages: all of it can be read */
	if ((file->mode & FILE_READ) == 0 || range.reserved != 0 || range.reserved_more != 0)
		return EINVAL;
	if (is_directory(file))
		return EISDIR;
	return is_regular(file) ? EOPNOTSUPP : EINVAL;
}

err_t
extent_ioctl(struct file *file, u32 command, u64 arg)
{
	switch (command) {
	case FIBMAP:
		return block_number(UADDR(arg));
	case FICLONE:
		return blocks_share(file, (i32)arg);
	case FICLONERANGE:
		return range_share(file, UADDR(arg));
	case FIDEDUPERANGE:
		return blocks_merge(file, UADDR(arg));
	case FIFREEZE:
		return capable(CAP_SYS_ADMIN) ? EOPNOTSUPP : EPERM;
	case FITHAW:
		return capable(CAP_SYS_ADMIN) ? EINVAL : EPERM;
	default:
		return EOPNOTSUPP;   /* FS_IOC_FIEMAP */
	}
}
