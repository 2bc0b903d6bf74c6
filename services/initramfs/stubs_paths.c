// SPDX-License-Identifier: MPL-2.0
// Stand-ins until services/fs lands its calls that make and remove names: delete this file then.
#include <fs_impl.h>

/** Finds the place for a new name; the parent is locked by the caller's `make`. */
static err_t
place_find(struct cbytes name, struct walk_last *scoped last)
{
	TRY(path_parent(AT_FDCWD, name, 0, last));
	if (!last->dots && last->len != 0)
		return OK;
	path_put(&last->parent);
	return EEXIST;
}

static err_t
make_locked(struct walk_last *scoped last, u32 mode, u32 major, u32 minor, struct cbytes target, struct inode *linked)
{
	struct inode *dir = last->parent.dentry->inode;
	struct dentry *dentry = nullptr;
	RW_WRITE_SCOPE(&dir->lock);
	TRY(dentry_lookup_locked(last->parent.dentry, cbytes_sub(CBYTES_OF(last->name), 0, last->len), &dentry));
	err_t err = EPERM;
	if (dentry->inode != nullptr)
		err = EEXIST;
	else if (linked != nullptr && dir->ops->link != nullptr)
		err = dir->ops->link(dir, dentry, linked);
	else if ((mode & S_IFMT) == S_IFDIR && dir->ops->mkdir != nullptr)
		err = dir->ops->mkdir(dir, dentry, mode);
	else if ((mode & S_IFMT) == S_IFLNK && dir->ops->symlink != nullptr)
		err = dir->ops->symlink(dir, dentry, target);
	else if (dir->ops->mknod != nullptr)
		err = dir->ops->mknod(dir, dentry, mode, major, minor);
	dentry_unref(dentry);
	return err;
}

static err_t
make(struct cbytes name, u32 mode, u32 major, u32 minor, struct cbytes target, struct inode *linked)
{
	struct walk_last last = {};
	TRY(place_find(name, &last));
	err_t err = make_locked(&last, mode, major, minor, target, linked);
	path_put(&last.parent);
	return err;
}

err_t path_mkdir(struct cbytes name, u32 mode) { return make(name, S_IFDIR | mode, 0, 0, TEXT(""), nullptr); }
err_t path_mknod(struct cbytes name, u32 mode, u32 major, u32 minor) { return make(name, mode, major, minor, TEXT(""), nullptr); }
err_t path_symlink(struct cbytes name, struct cbytes target) { return make(name, S_IFLNK, 0, 0, target, nullptr); }

err_t
path_link(struct cbytes old, struct cbytes name)
{
	struct path path = {};
	TRY(path_lookup(old, 0, &path));
	err_t err = make(name, 0, 0, 0, TEXT(""), path.dentry->inode);
	path_put(&path);
	return err;
}

static err_t
remove_locked(struct walk_last *scoped last, bool directory)
{
	struct inode *dir = last->parent.dentry->inode;
	struct dentry *dentry = nullptr;
	RW_WRITE_SCOPE(&dir->lock);
	TRY(dentry_lookup_locked(last->parent.dentry, cbytes_sub(CBYTES_OF(last->name), 0, last->len), &dentry));
	err_t err = dentry->inode == nullptr ? ENOENT : directory ? dir->ops->rmdir(dir, dentry) : dir->ops->unlink(dir, dentry);
	if (err == OK)
		dentry_remove(dentry);
	dentry_unref(dentry);
	return err;
}

err_t
path_remove(struct cbytes name, bool directory)
{
	struct walk_last last = {};
	TRY(place_find(name, &last));
	err_t err = remove_locked(&last, directory);
	path_put(&last.parent);
	return err;
}
