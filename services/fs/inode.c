// SPDX-License-Identifier: MPL-2.0
/**
 * Inodes: making them, who may do what with them, what stat(2) says of them.
 *
 * Source: inode(7), path_resolution(7), capabilities(7).
 */
#include <vm_object.h>

#include "fs_impl.h"

static void
inode_release(struct inode *inode)
{
	if (inode->ops->evict != nullptr && (atomic32_or(&inode->fs_flags, INODE_EVICTED) & INODE_EVICTED) == 0)
		inode->ops->evict(inode);
	if (inode->pages != nullptr)
		vm_object_put(inode->pages);
	if (inode->link != nullptr)
		byte_array_put(inode->link);
	if (inode->watches != nullptr)
		inode_watches_end(inode);
	if (inode->locks != nullptr)
		inode_locks_end(inode);
	if (inode->xattrs != nullptr)
		xattr_list_end(inode->xattrs);
}
OBJECT_DEFINE_RELEASE(inode);

struct inode *
inode_create(struct superblock *sb, const struct inode_ops *ops, const struct file_ops *file_ops, u32 mode)
{
	struct inode *inode = inode_alloc();
	if (inode == nullptr)
		return nullptr;
	const struct cred *cred = cred_current();
	u64 now = clock_realtime();
	inode->ops = ops;
	inode->file_ops = file_ops;
	inode->sb = sb;
	inode->ino = atomic64_add_relaxed(&sb->next_ino, 1) + 1;
	inode->mode = mode;
	inode->uid = cred->fsuid;
	inode->gid = cred->fsgid;
	atomic32_store_relaxed(&inode->nlink, 1);
	atomic64_store_relaxed(&inode->atime, now);
	atomic64_store_relaxed(&inode->mtime, now);
	atomic64_store_relaxed(&inode->ctime, now);
	inode->btime = now;
	return inode;
}

void
inode_init_owner(struct inode *inode, struct inode *dir)
{
	if ((POINTER_LOAD(dir->mode) & S_ISGID) == 0)
		return;
	inode->gid = POINTER_LOAD(dir->gid);
	if (inode_is(inode, S_IFDIR))
		inode->mode |= S_ISGID;
	else if ((inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !cred_in_group(cred_current(), inode->gid) && !capable(CAP_FSETID))
		inode->mode &= ~(u32)S_ISGID;
}

void
inode_touch(struct inode *inode, bool mtime)
{
	u64 now = clock_realtime();
	if (mtime)
		atomic64_store_relaxed(&inode->mtime, now);
	atomic64_store_relaxed(&inode->ctime, now);
}

/** What the capabilities allow that the mode does not. */
static err_t
permission_override(struct inode *inode, u32 mask)
{
	bool directory = inode_is(inode, S_IFDIR);
	if ((directory ? (mask & MAY_WRITE) == 0 : mask == MAY_READ) && capable(CAP_DAC_READ_SEARCH))
		return OK;
	if ((directory || (mask & MAY_EXEC) == 0 || (POINTER_LOAD(inode->mode) & 0111) != 0) && capable(CAP_DAC_OVERRIDE))
		return OK;
	return EACCES;
}

static err_t
permission_by_mode(struct inode *inode, u32 mask)
{
	u32 mode = POINTER_LOAD(inode->mode);
	/* What all have, without a look at who asks. */
	if ((mode & (mask << 6)) == mask << 6 && (mode & (mask << 3)) == mask << 3 && (mode & mask) == mask)
		return OK;
	const struct cred *cred = cred_current();
	if (cred->fsuid == POINTER_LOAD(inode->uid))
		mode >>= 6;
	else if (cred_in_group(cred, POINTER_LOAD(inode->gid)))
		mode >>= 3;
	return (mode & mask) == mask ? OK : permission_override(inode, mask);
}

err_t
inode_permission(struct inode *inode, u32 mask)
{
	if ((mask & MAY_WRITE) != 0) {
		u32 type = POINTER_LOAD(inode->mode) & S_IFMT;
		if ((inode->sb->flags & SB_RDONLY) != 0 && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
			return EROFS;
		if ((atomic32_load_relaxed(&inode->fs_flags) & INODE_IMMUTABLE) != 0)
			return EPERM;
	}
	if (inode->ops->permission != nullptr)
		return inode->ops->permission(inode, mask);
	return permission_by_mode(inode, mask);
}

void
inode_attr(struct inode *inode, struct inode_attr *scoped attr)
{
	attr->ino = inode->ino;
	attr->dev_major = inode->sb->dev_major;
	attr->dev_minor = inode->sb->dev_minor;
	attr->rdev_major = inode->rdev_major;
	attr->rdev_minor = inode->rdev_minor;
	attr->mode = POINTER_LOAD(inode->mode);
	attr->uid = POINTER_LOAD(inode->uid);
	attr->gid = POINTER_LOAD(inode->gid);
	attr->nlink = atomic32_load_relaxed(&inode->nlink);
	attr->blksize = (u32)PAGE_SIZE;
	attr->atime = atomic64_load_relaxed(&inode->atime);
	attr->mtime = atomic64_load_relaxed(&inode->mtime);
	attr->ctime = atomic64_load_relaxed(&inode->ctime);
	attr->btime = inode->btime;
	attr->size = inode->pages != nullptr ? vm_object_size(inode->pages) : atomic64_load_relaxed(&inode->size);
	attr->blocks = inode->pages != nullptr ? vm_object_pages(inode->pages) * (PAGE_SIZE / 512) : 0;
	if (inode->ops->getattr != nullptr)
		inode->ops->getattr(inode, attr);
}

err_t
inode_deny_write(struct inode *inode)
{
	u32 writers = atomic32_load_relaxed(&inode->writers);
	do {
		if ((i32)writers > 0)
			return ETXTBSY;
	} while (!atomic32_cas(&inode->writers, &writers, writers - 1));
	return OK;
}

void
inode_allow_write(struct inode *inode)
{
	(void)atomic32_add(&inode->writers, 1);
}
