// SPDX-License-Identifier: MPL-2.0
/**
 * Names: making and removing them.
 *
 * Source: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2), readlink(2), path_resolution(7), proc(5) (protected_hardlinks).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

/* --- making --- */

/** What is made. */
struct make { enum : u32 { MAKE_DIR, MAKE_NODE, MAKE_LINK, MAKE_HARD } kind; u32 mode, major, minor; };

static err_t
make_op(struct inode *dir, struct dentry *dentry, const struct make *scoped make, struct cbytes text, struct inode *target)
{
	const struct inode_ops *ops = dir->ops;
	switch (make->kind) {
	case MAKE_DIR:
		return ops->mkdir != nullptr ? ops->mkdir(dir, dentry, make->mode) : EPERM;
	case MAKE_LINK:
		return ops->symlink != nullptr ? ops->symlink(dir, dentry, text) : EPERM;
	case MAKE_HARD:
		return ops->link != nullptr ? ops->link(dir, dentry, target) : EPERM;
	default:
		if ((make->mode & S_IFMT) == S_IFREG)
			return ops->create != nullptr ? ops->create(dir, dentry, make->mode) : EACCES;
		return ops->mknod != nullptr ? ops->mknod(dir, dentry, make->mode, make->major, make->minor) : EPERM;
	}
}

/** A link to what has none, but for O_TMPFILE's, would bring it back from the dead. */
static err_t
may_link(const struct inode *target)
{
	u32 flags = atomic32_load(&target->fs_flags);
	if (inode_is(target, S_IFDIR) || (flags & (INODE_APPEND | INODE_IMMUTABLE)) != 0)
		return EPERM;
	return atomic32_load(&target->nlink) == 0 && (flags & INODE_LINKABLE) == 0 ? ENOENT : OK;
}

static err_t
make_locked(const struct walk_last *scoped last, struct dentry *dentry, const struct make *scoped make, struct cbytes text, struct inode *target)
{
	struct inode *dir = last->parent.dentry->inode;
	if (dentry->inode != nullptr)
		return EEXIST;
	if (last->slash && make->kind != MAKE_DIR)
		return ENOENT;
	TRY(mount_want_write(last->parent.mount));
	TRY(may_create(dir));
	if (target != nullptr)
		TRY(may_link(target));
	TRY(make_op(dir, dentry, make, text, target));
	fs_notify(dentry, make->kind == MAKE_DIR ? IN_CREATE | IN_ISDIR : IN_CREATE);
	return OK;
}

/** Makes the last component; *out (null: not wanted) has a reference. */
static err_t
make_last(const struct walk_last *scoped last, const struct make *scoped make, struct cbytes text, struct inode *target, struct dentry **scoped out)
{
	struct dentry *dentry = nullptr;
	struct inode *dir = last->parent.dentry->inode;
	if (last->dots)
		return EEXIST;
	if (!inode_is(dir, S_IFDIR))
		return ENOTDIR;
	RW_WRITE_SCOPE(&dir->lock);
	TRY(dentry_lookup_locked(last->parent.dentry, cbytes_sub(CBYTES_OF(last->name), 0, last->len), &dentry));
	err_t err = make_locked(last, dentry, make, text, target);
	if (err == OK && out != nullptr)
		*out = dentry;
	else
		dentry_unref(dentry);
	return err;
}

static err_t
make_at(i32 dirfd, struct cbytes path, const struct make *scoped make, struct cbytes text)
{
	struct walk_last last = {};
	TRY(path_parent(dirfd, path, 0, &last));
	err_t err = make_last(&last, make, text, nullptr, nullptr);
	path_put(&last.parent);
	return err;
}

err_t
sys_mkdirat(i32 dirfd, uaddr_t name, u32 mode)
{
	PATH_ARG(path, name);
	struct make make = { .kind = MAKE_DIR, .mode = mode & 01777 & ~fs_umask() };
	return make_at(dirfd, path, &make, TEXT(""));
}

err_t
sys_mkdir(uaddr_t path, u32 mode)
{
	return sys_mkdirat(AT_FDCWD, path, mode);
}

/** => EPERM, EINVAL */
static err_t
node_allowed(u32 type)
{
	if (type == S_IFREG || type == S_IFIFO || type == S_IFSOCK || type == 0)
		return OK;
	if (type == S_IFCHR || type == S_IFBLK)
		return capable(CAP_MKNOD) ? OK : EPERM;
	return type == S_IFDIR ? EPERM : EINVAL;
}

err_t
sys_mknodat(i32 dirfd, uaddr_t name, u32 mode, u32 dev)
{
	TRY(node_allowed(mode & S_IFMT));
	PATH_ARG(path, name);
	u32 type = (mode & S_IFMT) != 0 ? mode & S_IFMT : S_IFREG;
	struct make make = { .kind = MAKE_NODE, .mode = type | (mode & 07777 & ~fs_umask()) };
	if (type == S_IFCHR || type == S_IFBLK) {
		make.major = dev >> 8 & 0xfff;
		make.minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
	}
	return make_at(dirfd, path, &make, TEXT(""));
}

err_t
sys_mknod(uaddr_t path, u32 mode, u32 dev)
{
	return sys_mknodat(AT_FDCWD, path, mode, dev);
}

err_t
sys_symlinkat(uaddr_t target, i32 newdirfd, uaddr_t linkpath)
{
	PATH_ARG(text, target);
	if (cbytes_len(text) == 0)
		return ENOENT;
	PATH_ARG(path, linkpath);
	struct make make = { .kind = MAKE_LINK };
	return make_at(newdirfd, path, &make, text);
}

err_t
sys_symlink(uaddr_t target, uaddr_t linkpath)
{
	return sys_symlinkat(target, AT_FDCWD, linkpath);
}

/** fs.protected_hardlinks: of what is not one's own only regular files without privileges that one may read and write. */
static err_t
hard_link_allowed(struct inode *inode)
{
	if (cred_current()->fsuid == POINTER_LOAD(inode->uid) || capable(CAP_FOWNER))
		return OK;
	u32 mode = POINTER_LOAD(inode->mode);
	bool plain = (mode & S_IFMT) == S_IFREG && (mode & S_ISUID) == 0 && (mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP);
	return plain && inode_permission(inode, MAY_READ | MAY_WRITE) == OK ? OK : EPERM;
}

static err_t
link_to(const struct path *scoped old, i32 dirfd, struct cbytes path)
{
	struct walk_last last = {};
	struct make make = { .kind = MAKE_HARD };
	TRY(path_parent(dirfd, path, 0, &last));
	err_t err = last.parent.mount != old->mount || old->mount == nullptr ? EXDEV : hard_link_allowed(old->dentry->inode);
	if (err == OK)
		err = make_last(&last, &make, TEXT(""), old->dentry->inode, nullptr);
	if (err == OK)
		fs_notify_self(old->dentry->inode, IN_ATTRIB);
	path_put(&last.parent);
	return err;
}

err_t
sys_linkat(i32 olddirfd, uaddr_t oldpath, i32 newdirfd, uaddr_t newpath, u32 flags)
{
	if ((flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	if ((flags & AT_EMPTY_PATH) != 0 && !capable(CAP_DAC_READ_SEARCH))
		return ENOENT;
	struct path old = {};
	TRY(path_lookup_user(olddirfd, oldpath, ((flags & AT_SYMLINK_FOLLOW) != 0 ? WALK_FOLLOW : 0) | ((flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0), &old));
	u8 small[PATH_SMALL];
	REF_SCOPE(byte_array, large);
	size_t len = 0;
	err_t err = path_copy_in(newpath, BYTES_OF(small), &large, &len);
	if (err == OK)
		err = link_to(&old, newdirfd, cbytes_sub(large != nullptr ? bytes_const(byte_array_bytes(large)) : CBYTES_OF(small), 0, len));
	path_put(&old);
	return err;
}

err_t
sys_link(uaddr_t oldpath, uaddr_t newpath)
{
	return sys_linkat(AT_FDCWD, oldpath, AT_FDCWD, newpath, 0);
}

/* --- removing --- */

err_t
may_remove(struct inode *dir, const struct dentry *dentry, bool directory)
{
	const struct inode *inode = dentry->inode;
	if (inode == nullptr)
		return ENOENT;
	TRY(inode_permission(dir, MAY_WRITE | MAY_EXEC));
	if ((atomic32_load(&dir->fs_flags) & INODE_APPEND) != 0)
		return EPERM;
	u32 self = cred_current()->fsuid;
	if ((POINTER_LOAD(dir->mode) & S_ISVTX) != 0 && POINTER_LOAD(inode->uid) != self && POINTER_LOAD(dir->uid) != self &&
	    !capable(CAP_FOWNER))
		return EPERM;
	if ((atomic32_load(&inode->fs_flags) & (INODE_APPEND | INODE_IMMUTABLE)) != 0)
		return EPERM;
	bool is_directory = inode_is(inode, S_IFDIR);
	return directory == is_directory ? OK : directory ? ENOTDIR : EISDIR;
}

static err_t
remove_op(struct inode *dir, struct dentry *dentry, bool directory)
{
	struct inode *inode = dentry->inode;
	const struct inode_ops *ops = dir->ops;
	if (!directory)
		return ops->unlink != nullptr ? ops->unlink(dir, dentry) : EPERM;
	if (ops->rmdir == nullptr)
		return EPERM;
	RW_WRITE_SCOPE(&inode->lock);
	TRY(ops->rmdir(dir, dentry));
	(void)atomic32_or(&inode->fs_flags, INODE_DEAD);
	return OK;
}

static err_t
remove_locked(const struct walk_last *scoped last, struct dentry *dentry, bool directory)
{
	struct inode *dir = last->parent.dentry->inode;
	if (dentry->inode == nullptr)
		return ENOENT;
	if (last->slash && !directory)
		return inode_is(dentry->inode, S_IFDIR) ? EISDIR : ENOTDIR;
	TRY(may_remove(dir, dentry, directory));
	if (dentry_is_busy_mountpoint(dentry))
		return EBUSY;
	TRY(remove_op(dir, dentry, directory));
	fs_notify(dentry, directory ? IN_DELETE | IN_ISDIR : IN_DELETE);
	if (!directory)
		fs_notify_self(dentry->inode, IN_ATTRIB);
	dentry_remove(dentry);
	return OK;
}

/** What the last component must not be. */
static err_t
remove_dots(const struct walk_last *scoped last, bool directory)
{
	if (!last->dots)
		return OK;
	if (!directory)
		return EISDIR;
	return last->len == 0 ? EBUSY : last->len == 1 ? EINVAL : ENOTEMPTY;
}

static err_t
remove_last(const struct walk_last *scoped last, bool directory)
{
	struct inode *dir = last->parent.dentry->inode;
	struct dentry *dentry = nullptr;
	TRY(remove_dots(last, directory));
	if (!inode_is(dir, S_IFDIR))
		return ENOTDIR;
	TRY(mount_want_write(last->parent.mount));
	err_t err;
	{
		RW_WRITE_SCOPE(&dir->lock);
		TRY(dentry_lookup_locked(last->parent.dentry, cbytes_sub(CBYTES_OF(last->name), 0, last->len), &dentry));
		err = remove_locked(last, dentry, directory);
	}
	/* The contents go here, without the directory's lock. */
	dentry_unref(dentry);
	return err;
}

static err_t
remove_at(i32 dirfd, struct cbytes path, bool directory)
{
	struct walk_last last = {};
	TRY(path_parent(dirfd, path, 0, &last));
	err_t err = remove_last(&last, directory);
	path_put(&last.parent);
	return err;
}

err_t
sys_unlinkat(i32 dirfd, uaddr_t name, u32 flags)
{
	if ((flags & ~(u32)AT_REMOVEDIR) != 0)
		return EINVAL;
	PATH_ARG(path, name);
	return remove_at(dirfd, path, (flags & AT_REMOVEDIR) != 0);
}

err_t
sys_unlink(uaddr_t path)
{
	return sys_unlinkat(AT_FDCWD, path, 0);
}

err_t
sys_rmdir(uaddr_t path)
{
	return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* --- reading links --- */

static err_t
readlink_at(const struct path *scoped place, bool empty, uaddr_t buf, u64 size, u64 *scoped result)
{
	struct inode *inode = place->dentry->inode;
	if (!inode_is(inode, S_IFLNK))
		return empty ? ENOENT : EINVAL;
	REF_SCOPE(byte_array, text);
	text = byte_array_alloc(PATH_MAX);
	if (text == nullptr)
		return ENOMEM;
	size_t len = 0;
	TRY(inode_readlink(inode, byte_array_bytes(text), &len));
	len = MIN(MIN(len, size), (size_t)PATH_MAX);
	if (place->mount != nullptr)
		inode_accessed(inode, mount_flags(place->mount));
	*result = len;
	return copy_out(buf, cbytes_sub(bytes_const(byte_array_bytes(text)), 0, len));
}

err_t
sys_readlinkat(i32 dirfd, uaddr_t name, uaddr_t buf, i32 size, u64 *scoped result)
{
	if (size <= 0)
		return EINVAL;
	PATH_ARG(path, name);
	struct path place = {};
	TRY(path_lookup_at(dirfd, path, dirfd != AT_FDCWD ? WALK_EMPTY : 0, &place));
	err_t err = readlink_at(&place, cbytes_len(path) == 0, buf, (u64)size, result);
	path_put(&place);
	return err;
}

err_t
sys_readlink(uaddr_t path, uaddr_t buf, i32 size, u64 *scoped result)
{
	return sys_readlinkat(AT_FDCWD, path, buf, size, result);
}

/* --- from within the kernel --- */

err_t
path_mkdir(struct cbytes name, u32 mode)
{
	struct make make = { .kind = MAKE_DIR, .mode = mode & 07777 };
	return make_at(AT_FDCWD, name, &make, TEXT(""));
}

err_t
path_mknod(struct cbytes name, u32 mode, u32 major, u32 minor)
{
	struct make make = { .kind = MAKE_NODE, .mode = mode, .major = major, .minor = minor };
	return make_at(AT_FDCWD, name, &make, TEXT(""));
}

err_t
path_symlink(struct cbytes name, struct cbytes target)
{
	struct make make = { .kind = MAKE_LINK };
	return make_at(AT_FDCWD, name, &make, target);
}

err_t
path_link(struct cbytes old, struct cbytes name)
{
	struct path place = {};
	TRY(path_lookup(old, 0, &place));
	err_t err = link_to(&place, AT_FDCWD, name);
	path_put(&place);
	return err;
}

err_t
path_remove(struct cbytes name, bool directory)
{
	return remove_at(AT_FDCWD, name, directory);
}

err_t
path_bind_socket(struct cbytes name, u32 mode, struct path *scoped out)
{
	struct make make = { .kind = MAKE_NODE, .mode = S_IFSOCK | (mode & 07777 & ~fs_umask()) };
	struct walk_last last = {};
	TRY(path_parent(AT_FDCWD, name, 0, &last));
	struct dentry *dentry = nullptr;
	err_t err = make_last(&last, &make, TEXT(""), nullptr, &dentry);
	if (err == OK) {
		mount_ref(last.parent.mount);
		*out = (struct path){ last.parent.mount, dentry };
	}
	path_put(&last.parent);
	return err == EEXIST ? EADDRINUSE : err;
}
