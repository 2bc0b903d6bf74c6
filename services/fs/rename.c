// SPDX-License-Identifier: MPL-2.0
/**
 * rename(2): moving and exchanging names.
 *
 * Two directories are locked under rename_mutex, the one that lies above the other first: so the tree between them cannot change, and no two renames
 * make a circle together.
 *
 * Source: rename(2).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

/** Slashes behind names are for directories. */
static err_t
slashes_check(const struct walk_last *scoped from, const struct walk_last *scoped to, const struct dentry *old, const struct dentry *new, u32 flags)
{
	bool exchange = (flags & RENAME_EXCHANGE) != 0;
	if (exchange && to->slash && !inode_is(new->inode, S_IFDIR))
		return ENOTDIR;
	if (!inode_is(old->inode, S_IFDIR) && (from->slash || (!exchange && to->slash)))
		return ENOTDIR;
	return OK;
}

static err_t
rename_exists(const struct dentry *old, const struct dentry *new, u32 flags)
{
	if (old->inode == nullptr)
		return ENOENT;
	if ((flags & RENAME_NOREPLACE) != 0 && new->inode != nullptr)
		return EEXIST;
	return (flags & RENAME_EXCHANGE) != 0 && new->inode == nullptr ? ENOENT : OK;
}

static err_t
rename_allowed(struct inode *dir, const struct dentry *old, struct inode *new_dir, const struct dentry *new, u32 flags)
{
	bool is_dir = inode_is(old->inode, S_IFDIR), exchange = (flags & RENAME_EXCHANGE) != 0;
	TRY(may_remove(dir, old, is_dir));
	if (new->inode == nullptr)
		TRY(may_create(new_dir));
	else
		TRY(may_remove(new_dir, new, exchange ? inode_is(new->inode, S_IFDIR) : is_dir));
	if (dir == new_dir)
		return OK;
	/* Its ".." changes. */
	if (is_dir)
		TRY(inode_permission(old->inode, MAY_WRITE));
	return exchange && inode_is(new->inode, S_IFDIR) ? inode_permission(new->inode, MAY_WRITE) : OK;
}

static err_t
rename_op(struct inode *dir, struct dentry *old, struct inode *new_dir, struct dentry *new, u32 flags)
{
	if (dir->ops->rename == nullptr)
		return EPERM;
	struct inode *target = new->inode;
	if (target == nullptr || (flags & RENAME_EXCHANGE) != 0 || !inode_is(target, S_IFDIR))
		return dir->ops->rename(dir, old, new_dir, new, flags);
	RW_WRITE_SCOPE(&target->lock);
	TRY(dir->ops->rename(dir, old, new_dir, new, flags));
	(void)atomic32_or(&target->fs_flags, INODE_DEAD);
	return OK;
}

/** Both directories are locked, and both dentries looked up. */
static err_t
rename_locked(const struct walk_last *scoped from, const struct walk_last *scoped to, struct dentry *old, struct dentry *new, u32 flags)
{
	struct inode *dir = from->parent.dentry->inode, *new_dir = to->parent.dentry->inode;
	TRY(rename_exists(old, new, flags));
	TRY(slashes_check(from, to, old, new, flags));
	if (dentry_below(to->parent.dentry, old))
		return EINVAL;
	if (new->inode != nullptr && dentry_below(from->parent.dentry, new))
		return (flags & RENAME_EXCHANGE) != 0 ? EINVAL : ENOTEMPTY;
	if (old->inode == new->inode)
		return OK;
	TRY(rename_allowed(dir, old, new_dir, new, flags));
	if (dentry_is_busy_mountpoint(old) || dentry_is_busy_mountpoint(new))
		return EBUSY;
	TRY(rename_op(dir, old, new_dir, new, flags));
	fs_notify_move(old, new, flags);
	dentry_move(old, new, (flags & RENAME_EXCHANGE) != 0);
	fs_notify_moved(old, new, flags);
	return OK;
}

static err_t
rename_entries(const struct walk_last *scoped from, const struct walk_last *scoped to, u32 flags)
{
	struct dentry *old = nullptr, *new = nullptr;
	TRY(dentry_lookup_locked(from->parent.dentry, cbytes_sub(CBYTES_OF(from->name), 0, from->len), &old));
	err_t err = dentry_lookup_locked(to->parent.dentry, cbytes_sub(CBYTES_OF(to->name), 0, to->len), &new);
	if (err == OK) {
		err = rename_locked(from, to, old, new, flags);
		dentry_unref(new);
	}
	dentry_unref(old);
	return err;
}

static err_t
rename_across(const struct walk_last *scoped from, const struct walk_last *scoped to, u32 flags)
{
	struct dentry *a = from->parent.dentry, *b = to->parent.dentry;
	MUTEX_SCOPE(&rename_mutex);
	bool a_first = dentry_below(b, a) || (!dentry_below(a, b) && a->inode->ino < b->inode->ino);
	struct inode *first = a_first ? a->inode : b->inode, *second = a_first ? b->inode : a->inode;
	RW_WRITE_SCOPE(&first->lock);
	RW_WRITE_SCOPE(&second->lock);
	return rename_entries(from, to, flags);
}

static err_t
rename_parents(const struct walk_last *scoped from, const struct walk_last *scoped to, u32 flags)
{
	if (from->parent.mount != to->parent.mount)
		return EXDEV;
	if (from->dots)
		return EBUSY;
	if (to->dots)
		return (flags & RENAME_NOREPLACE) != 0 ? EEXIST : EBUSY;
	struct inode *dir = from->parent.dentry->inode;
	if (!inode_is(dir, S_IFDIR) || !inode_is(to->parent.dentry->inode, S_IFDIR))
		return ENOTDIR;
	TRY(mount_want_write(from->parent.mount));
	if (from->parent.dentry != to->parent.dentry)
		return rename_across(from, to, flags);
	RW_WRITE_SCOPE(&dir->lock);
	return rename_entries(from, to, flags);
}

static err_t
rename_to(const struct walk_last *scoped from, i32 dirfd, uaddr_t name, u32 flags)
{
	PATH_ARG(path, name);
	struct walk_last to = {};
	TRY(path_parent(dirfd, path, 0, &to));
	err_t err = rename_parents(from, &to, flags);
	path_put(&to.parent);
	return err;
}

err_t
sys_renameat2(i32 olddirfd, uaddr_t oldpath, i32 newdirfd, uaddr_t newpath, u32 flags)
{
	/* RENAME_WHITEOUT is for file systems that can be a layer of another: none can here. */
	if ((flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return EINVAL;
	PATH_ARG(path, oldpath);
	struct walk_last from = {};
	TRY(path_parent(olddirfd, path, 0, &from));
	err_t err = rename_to(&from, newdirfd, newpath, flags);
	path_put(&from.parent);
	return err;
}

err_t
sys_renameat(i32 olddirfd, uaddr_t oldpath, i32 newdirfd, uaddr_t newpath)
{
	return sys_renameat2(olddirfd, oldpath, newdirfd, newpath, 0);
}

err_t
sys_rename(uaddr_t oldpath, uaddr_t newpath)
{
	return sys_renameat2(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}
