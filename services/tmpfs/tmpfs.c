// SPDX-License-Identifier: MPL-2.0
/**
 * tmpfs: inodes, limits and options.
 *
 * An instance counts pages and inodes against its limits as they are made; what is over a limit is ENOSPC.
 *
 * Source: tmpfs(5), Documentation/filesystems/tmpfs (options and what they mean).
 */
#include <cadre/frame.h>
#include <cadre/log.h>

#include <vm_object.h>

#include "tmpfs.h"

enum : u64 { ENTRY_SIZE = 20 /* what a directory's size grows by with each entry */, LINK_MAX = 4095 };

struct tmpfs {
	struct atomic64 max_pages, max_inodes;  /* 0: no limit */
	struct atomic64 pages, inodes;          /* in use */
	u32 mode, uid, gid;                     /* [const] as mounted, for /proc/mounts */
};
OBJECT_DECLARE(tmpfs);
OBJECT_DEFINE(tmpfs);

static const struct inode_ops dir_ops, file_ops, link_ops, special_ops;
static const struct fs_type tmpfs_type;

static struct tmpfs *
tmpfs_of(struct superblock *sb)
{
	return tmpfs_from(sb->private);
}

/* --- limits --- */

/** Takes `n` of what `used` counts. => ENOSPC */
static err_t
limit_take(struct atomic64 *used, struct atomic64 *max, u64 n)
{
	u64 limit = atomic64_load_relaxed(max);
	if (atomic64_add_relaxed(used, n) + n <= limit || limit == 0)
		return OK;
	(void)atomic64_sub(used, n);
	return ENOSPC;
}

static err_t
pages_charge(struct vm_object *object, u64 n)
{
	struct tmpfs *fs = tmpfs_from(vm_object_owner(object));
	return limit_take(&fs->pages, &fs->max_pages, n);
}

static void
pages_uncharge(struct vm_object *object, u64 n)
{
	(void)atomic64_sub(&tmpfs_from(vm_object_owner(object))->pages, n);
}

static void
pages_gone(struct vm_object *object)
{
	tmpfs_put(tmpfs_from(vm_object_owner(object)));
}

static const struct vm_object_ops page_ops = { .charge = pages_charge, .uncharge = pages_uncharge, .gone = pages_gone };

/* --- inodes --- */

/** => ENOSPC, ENOMEM */
static err_t
inode_make(struct superblock *sb, struct inode *dir, const struct inode_ops *ops, const struct file_ops *fops, u32 mode, struct inode **scoped out)
{
	struct tmpfs *fs = tmpfs_of(sb);
	TRY(limit_take(&fs->inodes, &fs->max_inodes, 1));
	struct inode *inode = inode_create(sb, ops, fops, mode);
	if (inode == nullptr) {
		(void)atomic64_sub(&fs->inodes, 1);
		return ENOMEM;
	}
	tmpfs_get(fs);
	inode->private = tmpfs_object(fs);
	if (dir != nullptr)
		inode_init_owner(inode, dir);
	*out = inode;
	return OK;
}

/** A file's pages may stay for longer (some lie behind its end, where resizing leaves them), and are counted: they have the inode's reference to `fs`. */
static void
tmpfs_evict(struct inode *inode)
{
	struct tmpfs *fs = tmpfs_from(inode->private);
	(void)atomic64_sub(&fs->inodes, 1);
	if (inode->pages != nullptr)
		vm_object_resize(inode->pages, 0);
	else
		tmpfs_put(fs);
}

static err_t
file_make(struct superblock *sb, struct inode *dir, u32 mode, struct inode **scoped out)
{
	TRY(inode_make(sb, dir, &file_ops, &page_file_ops, mode, out));
	/* F_SEAL_SEAL: a file with a name cannot be sealed. */
	atomic32_store(&(*out)->seals, 1);
	(*out)->pages = vm_object_create(&page_ops, sb->private);
	if ((*out)->pages != nullptr)
		return OK;
	inode_put(*out);
	return ENOMEM;
}

/** An entry more (or fewer) in the directory. */
static void
dir_resize(struct inode *dir, bool more)
{
	if (more)
		(void)atomic64_add(&dir->size, ENTRY_SIZE);
	else
		(void)atomic64_sub(&dir->size, ENTRY_SIZE);
}

/** The new inode becomes the entry. */
static err_t
entry_make(struct inode *dir, struct dentry *dentry, struct inode *inode)
{
	dentry_fill(dentry, inode);
	dir_resize(dir, true);
	inode_touch(dir, true);
	return OK;
}

static err_t
dir_create(struct inode *dir, struct dentry *dentry, u32 mode)
{
	struct inode *inode = nullptr;
	TRY(file_make(dir->sb, dir, mode, &inode));
	return entry_make(dir, dentry, inode);
}

static err_t
dir_mkdir(struct inode *dir, struct dentry *dentry, u32 mode)
{
	struct inode *inode = nullptr;
	TRY(inode_make(dir->sb, dir, &dir_ops, &pinned_dir_ops, mode | S_IFDIR, &inode));
	atomic32_store(&inode->nlink, 2);
	atomic64_store(&inode->size, 2 * ENTRY_SIZE);
	(void)atomic32_add(&dir->nlink, 1);
	return entry_make(dir, dentry, inode);
}

static err_t
dir_mknod(struct inode *dir, struct dentry *dentry, u32 mode, u32 major, u32 minor)
{
	static const struct file_ops no_ops = {};
	if ((mode & S_IFMT) == S_IFREG)
		return dir_create(dir, dentry, mode);
	struct inode *inode = nullptr;
	TRY(inode_make(dir->sb, dir, &special_ops, &no_ops, mode, &inode));
	inode->rdev_major = major;
	inode->rdev_minor = minor;
	return entry_make(dir, dentry, inode);
}

static err_t
dir_symlink(struct inode *dir, struct dentry *dentry, struct cbytes target)
{
	static const struct file_ops no_ops = {};
	if (cbytes_len(target) > LINK_MAX)
		return ENAMETOOLONG;
	struct inode *inode = nullptr;
	TRY(inode_make(dir->sb, dir, &link_ops, &no_ops, S_IFLNK | 0777, &inode));
	inode->link = byte_array_alloc((u32)cbytes_len(target));
	if (inode->link == nullptr) {
		inode_put(inode);
		return ENOMEM;
	}
	bytes_copy(byte_array_bytes(inode->link), target);
	atomic64_store(&inode->size, cbytes_len(target));
	return entry_make(dir, dentry, inode);
}

static err_t
dir_link(struct inode *dir, struct dentry *dentry, struct inode *target)
{
	struct tmpfs *fs = tmpfs_of(dir->sb);
	/* Each link counts as an inode; the first one of O_TMPFILE's has been counted. */
	if (atomic32_load(&target->nlink) != 0)
		TRY(limit_take(&fs->inodes, &fs->max_inodes, 1));
	dir_resize(dir, true);
	return pinned_link(dir, dentry, target);
}

static err_t
dir_unlink(struct inode *dir, struct dentry *dentry)
{
	/* A link that is not the last gives back what dir_link took. */
	if (atomic32_load(&dentry->inode->nlink) > 1)
		(void)atomic64_sub(&tmpfs_of(dir->sb)->inodes, 1);
	dir_resize(dir, false);
	return pinned_unlink(dir, dentry);
}

static err_t
dir_rmdir(struct inode *dir, struct dentry *dentry)
{
	TRY(pinned_rmdir(dir, dentry));
	dir_resize(dir, false);
	return OK;
}

static err_t
dir_rename(struct inode *dir, struct dentry *dentry, struct inode *new_dir, struct dentry *new_dentry, u32 flags)
{
	bool replaces = new_dentry->inode != nullptr && (flags & 2) == 0;
	bool last = !replaces || atomic32_load(&new_dentry->inode->nlink) <= 1 || inode_is(new_dentry->inode, S_IFDIR);
	TRY(pinned_rename(dir, dentry, new_dir, new_dentry, flags));
	if (!last)
		(void)atomic64_sub(&tmpfs_of(dir->sb)->inodes, 1);
	if ((flags & 2) != 0)
		return OK;
	dir_resize(dir, false);
	if (!replaces)
		dir_resize(new_dir, true);
	return OK;
}

static err_t
dir_tmpfile(struct inode *dir, u32 mode, struct inode **scoped out)
{
	TRY(file_make(dir->sb, dir, mode, out));
	atomic32_store(&(*out)->nlink, 0);
	return OK;
}

#define TMPFS_XATTR                                                                                                    \
	.getxattr = simple_getxattr, .setxattr = simple_setxattr, .removexattr = simple_removexattr, .listxattr = simple_listxattr

static const struct inode_ops dir_ops = {
	.create = dir_create, .mkdir = dir_mkdir, .mknod = dir_mknod, .symlink = dir_symlink, .link = dir_link, .unlink = dir_unlink,
	.rmdir = dir_rmdir, .rename = dir_rename, .tmpfile = dir_tmpfile, .evict = tmpfs_evict, TMPFS_XATTR,
};
static const struct inode_ops file_ops = { .evict = tmpfs_evict, TMPFS_XATTR };
static const struct inode_ops link_ops = { .evict = tmpfs_evict, TMPFS_XATTR };
static const struct inode_ops special_ops = { .evict = tmpfs_evict, TMPFS_XATTR };

/* --- options --- */

struct tmpfs_options { u64 max_pages, max_inodes; u32 mode, uid, gid; };

/** "64m", "50%": bytes as pages. */
static err_t
parse_size(struct cbytes text, u64 *scoped pages)
{
	size_t len = cbytes_len(text);
	u8 unit = len != 0 ? cbytes_get(text, len - 1) : 0;
	u64 number = 0;
	u32 shift = unit == 'k' || unit == 'K' ? 10 : unit == 'm' || unit == 'M' ? 20 : unit == 'g' || unit == 'G' ? 30 : 0;
	bool percent = unit == '%';
	if (!parse_number(cbytes_sub(text, 0, shift != 0 || percent ? len - 1 : len), 0, &number))
		return EINVAL;
	if (percent) {
		*pages = number <= 10000 ? memory_stat().total * number / 100 : 0;
		return number <= 10000 ? OK : EINVAL;
	}
	if (number > ~(u64)0 >> (shift + 1))
		return EINVAL;
	*pages = align_up(number << shift, PAGE_SIZE) >> PAGE_SHIFT;
	return OK;
}

static err_t
parse_option(struct cbytes key, struct cbytes value, struct tmpfs_options *scoped options)
{
	u64 number = 0;
	if (cbytes_equal(key, TEXT("size")))
		return parse_size(value, &options->max_pages);
	if (cbytes_equal(key, TEXT("nr_blocks")) || cbytes_equal(key, TEXT("nr_inodes"))) {
		u64 pages = 0;
		/* Plain numbers, with the same units. */
		TRY(parse_size(value, &pages));
		size_t len = cbytes_len(value);
		u8 unit = len != 0 ? cbytes_get(value, len - 1) : 0;
		if (unit >= '0' && unit <= '9' && parse_number(value, 0, &number))
			pages = number;
		else
			pages <<= PAGE_SHIFT;
		*(cbytes_equal(key, TEXT("nr_blocks")) ? &options->max_pages : &options->max_inodes) = pages;
		return OK;
	}
	if (cbytes_equal(key, TEXT("mode"))) {
		if (!parse_number(value, 8, &number) || number > 07777)
			return EINVAL;
		options->mode = (u32)number;
		return OK;
	}
	bool uid = cbytes_equal(key, TEXT("uid"));
	if (!uid && !cbytes_equal(key, TEXT("gid")))
		return EINVAL;
	if (!parse_number(value, 0, &number) || number >= ~(u32)0)
		return EINVAL;
	*(uid ? &options->uid : &options->gid) = (u32)number;
	return OK;
}

static err_t
parse_options(struct cbytes text, struct tmpfs_options *scoped options)
{
	size_t at = 0, start = 0, key_len = 0, value_start = 0, value_len = 0;
	while (option_next(text, &at, &start, &key_len, &value_start, &value_len))
		TRY(parse_option(cbytes_sub(text, start, key_len), cbytes_sub(text, value_start, value_len), options));
	return OK;
}

/* --- instances --- */

static void
tmpfs_statfs(struct superblock *sb, struct statfs *scoped out)
{
	struct tmpfs *fs = tmpfs_of(sb);
	u64 blocks = atomic64_load(&fs->max_pages), inodes = atomic64_load(&fs->max_inodes);
	u64 used = atomic64_load(&fs->pages), used_inodes = atomic64_load(&fs->inodes);
	if (blocks != 0) {
		out->blocks = blocks;
		out->bfree = out->bavail = blocks > used ? blocks - used : 0;
	}
	if (inodes != 0) {
		out->files = inodes;
		out->ffree = inodes > used_inodes ? inodes - used_inodes : 0;
	}
}

static void
tmpfs_shutdown(struct superblock *sb)
{
	pinned_drop(sb->root);
	tmpfs_put(tmpfs_of(sb));
}

static size_t
tmpfs_show_options(struct superblock *sb, struct bytes text)
{
	struct tmpfs *fs = tmpfs_of(sb);
	size_t len = 0;
	u64 pages = atomic64_load(&fs->max_pages), inodes = atomic64_load(&fs->max_inodes), half = memory_stat().total / 2;
	if (pages != half)
		len += format_text(bytes_from(text, len), ",size={}k", pages << (PAGE_SHIFT - 10));
	if (inodes != half)
		len += format_text(bytes_from(text, MIN(len, bytes_len(text))), ",nr_inodes={}", inodes);
	if (fs->mode != 01777) {
		u32 m = fs->mode;
		len += format_text(bytes_from(text, MIN(len, bytes_len(text))), ",mode={}{}{}{}", m >> 9 & 7, m >> 6 & 7, m >> 3 & 7, m & 7);
	}
	if (fs->uid != 0)
		len += format_text(bytes_from(text, MIN(len, bytes_len(text))), ",uid={}", fs->uid);
	if (fs->gid != 0)
		len += format_text(bytes_from(text, MIN(len, bytes_len(text))), ",gid={}", fs->gid);
	return len;
}

static err_t
tmpfs_remount(struct superblock *sb, struct cbytes text)
{
	struct tmpfs *fs = tmpfs_of(sb);
	struct tmpfs_options options = { .max_pages = atomic64_load(&fs->max_pages), .max_inodes = atomic64_load(&fs->max_inodes) };
	TRY(parse_options(text, &options));
	if (options.max_pages != 0 && options.max_pages < atomic64_load(&fs->pages))
		return EINVAL;
	if (options.max_inodes != 0 && options.max_inodes < atomic64_load(&fs->inodes))
		return EINVAL;
	atomic64_store(&fs->max_pages, options.max_pages);
	atomic64_store(&fs->max_inodes, options.max_inodes);
	return OK;
}

static const struct superblock_ops tmpfs_ops = {
	.statfs = tmpfs_statfs, .shutdown = tmpfs_shutdown, .show_options = tmpfs_show_options, .remount = tmpfs_remount,
};

static err_t
root_make(struct superblock *sb, const struct tmpfs_options *scoped options)
{
	struct inode *root = nullptr;
	TRY(inode_make(sb, nullptr, &dir_ops, &pinned_dir_ops, options->mode | S_IFDIR, &root));
	root->uid = options->uid;
	root->gid = options->gid;
	atomic32_store(&root->nlink, 2);
	atomic64_store(&root->size, 2 * ENTRY_SIZE);
	err_t err = superblock_set_root(sb, root);
	if (err != OK)
		inode_put(root);
	return err;
}

static err_t
instance_make(const struct fs_type *type, const struct tmpfs_options *scoped options, struct superblock **scoped out)
{
	REF_SCOPE(superblock, sb);
	REF_SCOPE(tmpfs, fs);
	TRY(superblock_create(type, &tmpfs_ops, TMPFS_MAGIC, &sb));
	fs = tmpfs_alloc();
	if (fs == nullptr)
		return ENOMEM;
	sb->flags |= SB_PINNED;
	atomic64_store(&fs->max_pages, options->max_pages);
	atomic64_store(&fs->max_inodes, options->max_inodes);
	fs->mode = options->mode;
	fs->uid = options->uid;
	fs->gid = options->gid;
	sb->private = tmpfs_object(fs);
	TRY(root_make(sb, options));
	fs = nullptr;
	*out = sb;
	sb = nullptr;
	return OK;
}

static err_t
tmpfs_mount(const struct fs_type *type, struct cbytes source, struct cbytes text, u32 flags, struct superblock **scoped out)
{
	(void)source, (void)flags;
	u64 half = memory_stat().total / 2;
	const struct cred *cred = cred_current();
	struct tmpfs_options options = { .max_pages = half, .max_inodes = half, .mode = 01777, .uid = cred->fsuid, .gid = cred->fsgid };
	TRY(parse_options(text, &options));
	return instance_make(type, &options, out);
}

static const struct fs_type tmpfs_type = { .name = "tmpfs", .flags = FS_NODEV, .mount = tmpfs_mount };

/* --- files without names --- */

static struct superblock *kernel_sb;            /* [boot] without limits */

static size_t
unnamed_text(struct dentry *dentry, struct bytes text)
{
	u8 name[NAME_MAX];
	size_t len = dentry_name(dentry, BYTES_OF(name));
	return format_text(text, "/{} (deleted)", cbytes_sub(CBYTES_OF(name), 0, MIN(len, sizeof(name))));
}

static const struct dentry_ops unnamed_ops = { .text = unnamed_text };

err_t
tmpfs_file_create(struct cbytes name, u64 size, u32 mode, u32 flags, struct file **scoped out)
{
	struct inode *inode = nullptr;
	TRY(file_make(kernel_sb, nullptr, S_IFREG | mode, &inode));
	atomic32_store(&inode->nlink, 0);
	vm_object_resize(inode->pages, size);
	return file_open_unnamed(inode, name, &unnamed_ops, flags, out);
}

void
tmpfs_init(void)
{
	struct tmpfs_options options = { .mode = 0755 };
	fs_register(&tmpfs_type);
	err_t err = instance_make(&tmpfs_type, &options, &kernel_sb);
	assert(err == OK);
}
