// SPDX-License-Identifier: MPL-2.0
/**
 * Changing what inodes are: modes, owners, sizes, times.
 *
 * Source: chmod(2), chown(2), truncate(2), utimensat(2), inode(7).
 */
#include <vm_object.h>

#include "fs_impl.h"

err_t
may_create(struct inode *dir)
{
	if ((atomic32_load(&dir->fs_flags) & INODE_DEAD) != 0)
		return ENOENT;
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

/** What a change of contents or owner takes from the mode. */
static u32
mode_without_suid(u32 mode)
{
	if ((mode & S_IFMT) == S_IFDIR)
		return mode;
	u32 drop = S_ISUID | ((mode & S_IXGRP) != 0 ? S_ISGID : 0);
	return mode & ~drop;
}

void
inode_kill_suid(struct inode *inode)
{
	if (mode_without_suid(POINTER_LOAD(inode->mode)) != POINTER_LOAD(inode->mode) && !capable(CAP_FSETID))
		POINTER_PUBLISH(inode->mode, mode_without_suid(POINTER_LOAD(inode->mode)));
}

/** The size of a regular file in the page cache. Its lock is held. */
static err_t
resize_locked(struct inode *inode, u64 size)
{
	if (inode->pages == nullptr)
		return EINVAL;
	u64 old = vm_object_size(inode->pages);
	u32 seals = atomic32_load(&inode->seals);
	if ((size < old && (seals & F_SEAL_SHRINK) != 0) || (size > old && (seals & F_SEAL_GROW) != 0))
		return EPERM;
	if (size > inode->sb->max_size)
		return EFBIG;
	if (size != old)
		vm_object_resize(inode->pages, size);
	return OK;
}

static err_t
change_locked(struct inode *inode, const struct attr_change *scoped change)
{
	u32 valid = change->valid;
	if (inode->ops->setattr != nullptr)
		return inode->ops->setattr(inode, change);
	if ((valid & ATTR_SIZE) != 0)
		TRY(resize_locked(inode, change->size));
	if ((valid & ATTR_MODE) != 0)
		POINTER_PUBLISH(inode->mode, (POINTER_LOAD(inode->mode) & S_IFMT) | (change->mode & 07777));
	if ((valid & ATTR_UID) != 0)
		POINTER_PUBLISH(inode->uid, change->uid);
	if ((valid & ATTR_GID) != 0)
		POINTER_PUBLISH(inode->gid, change->gid);
	if ((valid & ATTR_KILL_SUID) != 0)
		POINTER_PUBLISH(inode->mode, mode_without_suid(POINTER_LOAD(inode->mode)));
	if ((valid & ATTR_ATIME) != 0)
		atomic64_store(&inode->atime, change->atime);
	if ((valid & ATTR_MTIME) != 0)
		atomic64_store(&inode->mtime, change->mtime);
	inode_touch(inode, (valid & ATTR_SIZE) != 0 && (valid & ATTR_MTIME) == 0);
	return OK;
}

err_t
inode_change(struct inode *inode, const struct attr_change *scoped change)
{
	RW_WRITE_SCOPE(&inode->lock);
	return change_locked(inode, change);
}

err_t
inode_truncate(struct inode *inode, u64 size)
{
	struct attr_change change = { .valid = ATTR_SIZE, .size = size };
	RW_WRITE_SCOPE(&inode->lock);
	if (!capable(CAP_FSETID))
		change.valid |= ATTR_KILL_SUID;
	return change_locked(inode, &change);
}

err_t
inode_readlink(struct inode *inode, struct bytes text, size_t *scoped len)
{
	if (inode->link != nullptr) {
		struct cbytes link = bytes_const(byte_array_bytes(inode->link));
		*len = cbytes_len(link);
		bytes_copy(text, cbytes_sub(link, 0, MIN(*len, bytes_len(text))));
		return OK;
	}
	return inode->ops->readlink != nullptr ? inode->ops->readlink(inode, text, len) : EINVAL;
}

bool
path_is_noexec(const struct path *scoped path)
{
	return path->mount != nullptr && (mount_flags(path->mount) & MS_NOEXEC) != 0;
}

bool
path_is_nosuid(const struct path *scoped path)
{
	return path->mount != nullptr && (mount_flags(path->mount) & MS_NOSUID) != 0;
}

bool
file_is_noexec(struct file *file)
{
	return file->mount != nullptr && (mount_flags(file->mount) & MS_NOEXEC) != 0;
}

bool
file_is_nosuid(struct file *file)
{
	return file->mount != nullptr && (mount_flags(file->mount) & MS_NOSUID) != 0;
}
