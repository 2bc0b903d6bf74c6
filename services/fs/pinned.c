// SPDX-License-Identifier: MPL-2.0
/**
 * Directories of file systems that live in the dentry cache alone: counts and times, and listing by cookie.
 *
 * An entry's cookie is its position in the listing. It grows with each entry made, so a listing that goes on finds neither an entry twice nor
 * misses one that was there all the time, whatever is made or removed meanwhile.
 *
 * Source: readdir(3), rename(2).
 */
#include "fs_impl.h"

enum : u64 { COOKIE_DOT = 0, COOKIE_DOTS = 1, COOKIE_FIRST = 2 };

static inline bool
dentry_is_dir(const struct dentry *dentry)
{
	return inode_is(dentry->inode, S_IFDIR);
}

err_t
pinned_link(struct inode *dir, struct dentry *dentry, struct inode *target)
{
	(void)atomic32_add(&target->nlink, 1);
	inode_touch(target, false);
	inode_touch(dir, true);
	inode_get(target);
	dentry_fill(dentry, target);
	return OK;
}

err_t
pinned_unlink(struct inode *dir, struct dentry *dentry)
{
	(void)atomic32_sub(&dentry->inode->nlink, 1);
	inode_touch(dentry->inode, false);
	inode_touch(dir, true);
	return OK;
}

err_t
pinned_rmdir(struct inode *dir, struct dentry *dentry)
{
	struct inode *inode = dentry->inode;
	if (!dentry_tree_empty(&inode->entries))
		return ENOTEMPTY;
	atomic32_store(&inode->nlink, 0);
	(void)atomic32_sub(&dir->nlink, 1);
	inode_touch(inode, false);
	inode_touch(dir, true);
	return OK;
}

/** The counts of a rename that replaces an entry. */
static err_t
pinned_replace(struct inode *new_dir, struct dentry *replaced)
{
	return dentry_is_dir(replaced) ? pinned_rmdir(new_dir, replaced) : pinned_unlink(new_dir, replaced);
}

err_t
pinned_rename(struct inode *dir, struct dentry *dentry, struct inode *new_dir, struct dentry *new_dentry, u32 flags)
{
	bool exchange = (flags & RENAME_EXCHANGE) != 0;
	if (!exchange && new_dentry->inode != nullptr)
		TRY(pinned_replace(new_dir, new_dentry));
	u32 moved = dentry_is_dir(dentry) ? 1 : 0, back = exchange && dentry_is_dir(new_dentry) ? 1 : 0;
	(void)atomic32_add(&dir->nlink, back - moved);
	(void)atomic32_add(&new_dir->nlink, moved - back);
	inode_touch(dir, true);
	inode_touch(new_dir, true);
	inode_touch(dentry->inode, false);
	if (new_dentry->inode != nullptr)
		inode_touch(new_dentry->inode, false);
	return OK;
}

static inline u8
dirent_type(const struct inode *inode)
{
	return (u8)(POINTER_LOAD(inode->mode) >> 12 & 15);
}

bool
dir_emit_dots(struct file *file, struct dir_sink *scoped sink)
{
	struct dentry *dentry = file->dentry;
	if (file->position == COOKIE_DOT) {
		if (!dir_emit(sink, TEXT("."), dentry->inode->ino, S_IFDIR >> 12, COOKIE_DOTS))
			return false;
		file->position = COOKIE_DOTS;
	}
	if (file->position == COOKIE_DOTS) {
		u64 ino;
		{
			RCU_SCOPE();
			ino = POINTER_LOAD(dentry->parent)->inode->ino;
		}
		if (!dir_emit(sink, TEXT(".."), ino, S_IFDIR >> 12, COOKIE_FIRST))
			return false;
		file->position = COOKIE_FIRST;
	}
	return true;
}

err_t
pinned_readdir(struct file *file, struct dir_sink *scoped sink)
{
	struct inode *inode = file->inode;
	if (!dir_emit_dots(file, sink))
		return OK;
	struct dentry from = { .cookie = file->position };
	for (struct dentry *entry = dentry_tree_ceiling(&inode->entries, &from); entry != nullptr; entry = dentry_tree_next(entry)) {
		if (!dir_emit(sink, dentry_text(entry), entry->inode->ino, dirent_type(entry->inode), entry->cookie + 1))
			return OK;
		file->position = entry->cookie + 1;
	}
	return OK;
}

void
pinned_drop(struct dentry *dir)
{
	/* Depth first, without recursion: down to a directory without entries, which then goes itself. */
	struct dentry *at = dir;
	for (;;) {
		struct dentry *child = dentry_tree_first(&at->inode->entries);
		if (child == nullptr) {
			if (at == dir)
				return;
			struct dentry *parent = at->parent;
			dentry_drop(at);
			at = parent;
		} else if (inode_is(child->inode, S_IFDIR)) {
			at = child;
		} else {
			dentry_drop(child);
		}
	}
}

/** Directories seek to a cookie, or back to the start. */
static err_t
pinned_seek(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	i64 base = whence == SEEK_CUR ? (i64)file->position : 0;
	if (whence > SEEK_CUR || __builtin_add_overflow(base, off, &off) || off < 0)
		return EINVAL;
	*result = (u64)off;
	return OK;
}

static err_t
pinned_sync(struct file *file, u64 start, u64 end, bool data_only)
{
	(void)file, (void)start, (void)end, (void)data_only;
	return OK;
}

const struct file_ops pinned_dir_ops = { .readdir = pinned_readdir, .seek = pinned_seek, .sync = pinned_sync };
