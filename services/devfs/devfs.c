// SPDX-License-Identifier: MPL-2.0
/**
 * The tree of devices: one instance for all mounts, made before anything is mounted.
 *
 * It is a file system in memory like tmpfs: programs may add, move and remove names. What drivers add belongs to root.
 */
#include <cadre/boot.h>

#include "devfs_impl.h"

enum : u32 { DEVFS_MAGIC = 0x01021994 /* tmpfs', as Linux' devtmpfs shows it */, NAME_PARTS = 8 };

static struct superblock *tree;     /* [const] after devfs_init; counted */

static const struct inode_ops devfs_ops;

/* --- what programs do --- */

/** A new inode of any kind; regular files get pages. => null: ENOMEM */
static struct inode *
node_create(u32 mode, u32 major, u32 minor)
{
	bool directory = (mode & S_IFMT) == S_IFDIR, regular = (mode & S_IFMT) == S_IFREG;
	struct inode *inode = inode_create(tree, &devfs_ops, directory ? &pinned_dir_ops : regular ? &page_file_ops : nullptr, mode);
	if (inode == nullptr)
		return nullptr;
	inode->rdev_major = major;
	inode->rdev_minor = minor;
	if (directory)
		atomic32_store(&inode->nlink, 2);
	if (!regular)
		return inode;
	inode->pages = vm_object_create(nullptr, nullptr);
	if (inode->pages != nullptr)
		return inode;
	inode_put(inode);
	return nullptr;
}

static err_t
devfs_mknod(struct inode *dir, struct dentry *dentry, u32 mode, u32 major, u32 minor)
{
	struct inode *inode = node_create(mode, major, minor);
	if (inode == nullptr)
		return ENOMEM;
	inode_init_owner(inode, dir);
	dentry_fill(dentry, inode);
	inode_touch(dir, true);
	return OK;
}

static err_t
devfs_create(struct inode *dir, struct dentry *dentry, u32 mode)
{
	return devfs_mknod(dir, dentry, S_IFREG | mode, 0, 0);
}

static err_t
devfs_mkdir(struct inode *dir, struct dentry *dentry, u32 mode)
{
	TRY(devfs_mknod(dir, dentry, S_IFDIR | mode, 0, 0));
	(void)atomic32_add(&dir->nlink, 1);
	return OK;
}

static err_t
devfs_symlink(struct inode *dir, struct dentry *dentry, struct cbytes target)
{
	REF_SCOPE(inode, inode);
	inode = node_create(S_IFLNK | 0777, 0, 0);
	if (inode == nullptr)
		return ENOMEM;
	inode->link = byte_array_alloc((u32)cbytes_len(target));
	if (inode->link == nullptr)
		return ENOMEM;
	bytes_copy(byte_array_bytes(inode->link), target);
	atomic64_store(&inode->size, cbytes_len(target));
	inode_init_owner(inode, dir);
	dentry_fill(dentry, inode);
	inode_touch(dir, true);
	inode = nullptr;
	return OK;
}

static const struct inode_ops devfs_ops = {
	.create = devfs_create,
	.mkdir = devfs_mkdir,
	.mknod = devfs_mknod,
	.symlink = devfs_symlink,
	.link = pinned_link,
	.unlink = pinned_unlink,
	.rmdir = pinned_rmdir,
	.rename = pinned_rename,
	.getxattr = simple_getxattr,
	.setxattr = simple_setxattr,
	.removexattr = simple_removexattr,
	.listxattr = simple_listxattr,
};

/* --- what drivers do --- */

/** The directory `name` below `parent`, with a reference; made where it is missing. */
static err_t
directory_get(struct dentry *parent, struct cbytes name, struct dentry **scoped out)
{
	*out = dentry_find(parent, name);
	if (*out != nullptr)
		return OK;
	struct inode *inode = node_create(S_IFDIR | 0755, 0, 0);
	if (inode == nullptr)
		return ENOMEM;
	inode->uid = inode->gid = 0;
	err_t err = dentry_make(parent, name, inode, out);
	if (err != OK)
		inode_put(inode);
	return err;
}

/** Length of the first part of a path. */
static size_t
part_len(struct cbytes path)
{
	size_t n = 0;
	while (n < cbytes_len(path) && cbytes_get(path, n) != '/')
		n++;
	return n;
}

/** The directory that `name` is to stand in, with a reference, and where its last part begins. */
static err_t
parent_get(struct cbytes name, struct dentry **scoped parent, size_t *scoped last)
{
	*last = 0;
	*parent = tree->root;
	dentry_ref(*parent);
	for (;;) {
		size_t n = part_len(cbytes_from(name, *last));
		if (*last + n == cbytes_len(name))
			return OK;
		struct dentry *below = nullptr;
		err_t err = directory_get(*parent, cbytes_sub(name, *last, n), &below);
		dentry_unref(*parent);
		TRY(err);
		*parent = below;
		*last += n + 1;
	}
}

/** Puts an inode of root's in the tree; takes over the reference. */
static err_t
place(struct cbytes name, struct inode *inode)
{
	struct dentry *parent = nullptr, *dentry = nullptr;
	size_t last = 0;
	err_t err = parent_get(name, &parent, &last);
	if (err == OK) {
		err = dentry_make(parent, cbytes_from(name, last), inode, &dentry);
		dentry_unref(parent);
	}
	if (err != OK) {
		inode_put(inode);
		return err;
	}
	dentry_unref(dentry);
	return OK;
}

err_t
devfs_add(struct cbytes name, u32 mode, u32 uid, u32 gid, u32 major, u32 minor)
{
	struct inode *inode = node_create(mode, major, minor);
	if (inode == nullptr)
		return ENOMEM;
	inode->uid = uid;
	inode->gid = gid;
	return place(name, inode);
}

err_t
devfs_remove(struct cbytes name)
{
	struct dentry *parent = nullptr;
	size_t last = 0;
	TRY(parent_get(name, &parent, &last));
	struct dentry *dentry = dentry_find(parent, cbytes_from(name, last));
	dentry_unref(parent);
	if (dentry == nullptr)
		return ENOENT;
	dentry_drop(dentry);
	dentry_unref(dentry);
	return OK;
}

/* --- mounting --- */

static err_t
devfs_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out)
{
	(void)type, (void)source, (void)options, (void)flags;
	superblock_get(tree);
	*out = tree;
	return OK;
}

static const struct superblock_ops devfs_sb_ops = {};
static const struct fs_type devfs_type = { .name = "devtmpfs", .flags = FS_NODEV, .mount = devfs_mount };

/** What every root has before anything is unpacked into it: enough for the first program to have a console. */
static void
root_fill(void)
{
	if (path_mkdir(TEXT("/dev"), 0755) != OK || path_mknod(TEXT("/dev/console"), S_IFCHR | 0600, 5, 1) != OK || path_mkdir(TEXT("/root"), 0700) != OK)
		log_warn("the root has no /dev/console");
}

err_t
devfs_mount_root(void)
{
	u8 value[4] = {};
	size_t len = 0;
	if (boot_option(TEXT("devtmpfs.mount"), BYTES_OF(value), &len) && len == 1 && value[0] == '0')
		return OK;
	return path_mount(TEXT("devtmpfs"), TEXT("devtmpfs"), TEXT("/dev"), SB_NOSUID, TEXT(""));
}

err_t
devfs_init(void)
{
	TRY(superblock_create(&devfs_type, &devfs_sb_ops, DEVFS_MAGIC, &tree));
	tree->flags |= SB_PINNED;
	struct inode *root = node_create(S_IFDIR | 0755, 0, 0);
	if (root == nullptr)
		return ENOMEM;
	root->uid = root->gid = 0;
	TRY(superblock_set_root(tree, root));
	fs_register(&devfs_type);
	root_fill();
	TRY(mem_init());
	return kmsg_init();
}
