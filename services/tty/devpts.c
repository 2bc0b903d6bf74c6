// SPDX-License-Identifier: MPL-2.0
/**
 * devpts: the directory of pseudoterminals. Each mount is an instance of its own, with its own numbers and its own ptmx.
 *
 * Opening /dev/ptmx makes a pair in the instance that is mounted at `pts` beside it. A node's inode holds its terminal.
 *
 * Source: devpts in the Linux kernel's documentation (filesystems/devpts), pts(4).
 */
#include "tty_impl.h"

enum : u32 {
	DEVPTS_MAGIC = 0x1cd1, DEVPTS_MAX = 4096, INO_ROOT = 1, INO_PTMX = 2, INO_FIRST = 3, PTMX_MAJOR = 5, PTMX_MINOR = 2, TEXT_MAX = 256,
	ID_NONE = ~0u,
};

/** An instance. */
struct devpts {
	struct superblock *sb;              /* [const] not counted: it owns this, and nodes keep it alive */
	struct spin_lock lock;
	u64 used[DEVPTS_MAX / 64];          /* under lock */
	u32 count;                          /* under lock */
	u32 max, mode, uid, gid, ptmx_mode; /* set by mounting and remounting; torn reads are harmless */
};
OBJECT_DECLARE(devpts);
OBJECT_DEFINE(devpts);

static err_t
index_take(struct devpts *devpts, u32 *scoped index)
{
	SPIN_SCOPE(&devpts->lock);
	if (devpts->count >= devpts->max)
		return ENOSPC;
	for (u32 i = 0; i < COUNTOF(devpts->used); i++) {
		u64 word = devpts->used[i];
		if (word == ~(u64)0)
			continue;
		u32 bit = (u32)__builtin_ffsl((i64)~word) - 1;
		devpts->used[i] |= (u64)1 << bit;
		devpts->count++;
		*index = i * 64 + bit;
		return OK;
	}
	return ENOSPC;
}

static void
index_give(struct devpts *devpts, u32 index)
{
	SPIN_SCOPE(&devpts->lock);
	*ELEM(devpts->used, index / 64) &= ~((u64)1 << index % 64);
	devpts->count--;
}

/* --- the tree --- */

static void
node_evict(struct inode *inode)
{
	if (inode->private != nullptr)
		tty_put(tty_from(inode->private));
	inode->private = nullptr;
}

static const struct inode_ops node_ops = { .evict = node_evict };
static const struct inode_ops ptmx_ops = {};
static const struct inode_ops root_ops = {};

static struct inode *
device_inode(struct devpts *devpts, const struct inode_ops *ops, u32 mode, u64 ino, u32 major, u32 minor)
{
	struct inode *inode = inode_create(devpts->sb, ops, nullptr, S_IFCHR | mode);
	if (inode == nullptr)
		return nullptr;
	inode->ino = ino;
	inode->rdev_major = major;
	inode->rdev_minor = minor;
	return inode;
}

/** The node of a new terminal: it belongs to whoever opened the master. */
static err_t
node_make(struct devpts *devpts, struct tty *tty, u32 index, struct dentry **scoped out)
{
	u8 name[TTY_NAME] = {};
	REF_SCOPE(inode, inode);
	inode = device_inode(devpts, &node_ops, devpts->mode, INO_FIRST + index, tty->major, tty->minor);
	if (inode == nullptr)
		return ENOMEM;
	tty_get(tty);
	inode->private = tty_object(tty);
	inode->uid = devpts->uid != ID_NONE ? devpts->uid : inode->uid;
	inode->gid = devpts->gid != ID_NONE ? devpts->gid : inode->gid;
	size_t len = format_text(BYTES_OF(name), "{}", index);
	TRY(dentry_make(devpts->sb->root, cbytes_sub(CBYTES_OF(name), 0, len), inode, out));
	inode = nullptr;
	return OK;
}

static err_t
ptmx_make(struct devpts *devpts)
{
	REF_SCOPE(inode, inode);
	struct dentry *dentry = nullptr;
	inode = device_inode(devpts, &ptmx_ops, devpts->ptmx_mode, INO_PTMX, PTMX_MAJOR, PTMX_MINOR);
	if (inode == nullptr)
		return ENOMEM;
	TRY(dentry_make(devpts->sb->root, TEXT("ptmx"), inode, &dentry));
	inode = nullptr;
	dentry_unref(dentry);
	return OK;
}

/* --- mounting --- */

static err_t
option_set(struct devpts *devpts, struct cbytes key, struct cbytes value)
{
	u64 number = 0;
	bool octal = cbytes_equal(key, TEXT("mode")) || cbytes_equal(key, TEXT("ptmxmode"));
	if (cbytes_equal(key, TEXT("newinstance")))
		return OK;
	if (!parse_number(value, octal ? 8 : 10, &number) || number > ID_NONE - 1)
		return EINVAL;
	if (cbytes_equal(key, TEXT("mode")))
		devpts->mode = (u32)number & 0777;
	else if (cbytes_equal(key, TEXT("ptmxmode")))
		devpts->ptmx_mode = (u32)number & 0777;
	else if (cbytes_equal(key, TEXT("uid")))
		devpts->uid = (u32)number;
	else if (cbytes_equal(key, TEXT("gid")))
		devpts->gid = (u32)number;
	else if (cbytes_equal(key, TEXT("max")) && number <= DEVPTS_MAX)
		devpts->max = (u32)number;
	else
		return EINVAL;
	return OK;
}

static err_t
options_set(struct devpts *devpts, struct cbytes options)
{
	size_t at = 0, start = 0, key_len = 0, value_start = 0, value_len = 0;
	while (option_next(options, &at, &start, &key_len, &value_start, &value_len))
		TRY(option_set(devpts, cbytes_sub(options, start, key_len), cbytes_sub(options, value_start, value_len)));
	return OK;
}

/** mount -o remount: what an option leaves out goes back to its default. */
static err_t
devpts_remount(struct superblock *sb, struct cbytes options)
{
	struct devpts *devpts = devpts_from(sb->private);
	devpts->mode = 0600;
	devpts->ptmx_mode = 0;
	devpts->uid = devpts->gid = ID_NONE;
	devpts->max = DEVPTS_MAX;
	TRY(options_set(devpts, options));
	struct dentry *ptmx = dentry_find(sb->root, TEXT("ptmx"));
	if (ptmx == nullptr)
		return OK;
	struct attr_change change = { .valid = ATTR_MODE, .mode = S_IFCHR | devpts->ptmx_mode };
	err_t err = inode_change(ptmx->inode, &change);
	dentry_unref(ptmx);
	return err;
}

/** Three octal digits. */
static size_t
put_mode(struct bytes text, struct cbytes key, u32 mode)
{
	return format_text(text, "{}{}{}{}", key, mode >> 6 & 7, mode >> 3 & 7, mode & 7);
}

#define BEHIND(text, len) bytes_from((text), MIN((len), bytes_len(text)))

static size_t
devpts_show(struct superblock *sb, struct bytes text)
{
	struct devpts *devpts = devpts_from(sb->private);
	size_t len = 0;
	if (devpts->uid != ID_NONE)
		len += format_text(BEHIND(text, len), ",uid={}", devpts->uid);
	if (devpts->gid != ID_NONE)
		len += format_text(BEHIND(text, len), ",gid={}", devpts->gid);
	len += put_mode(BEHIND(text, len), TEXT(",mode="), devpts->mode);
	len += put_mode(BEHIND(text, len), TEXT(",ptmxmode="), devpts->ptmx_mode);
	if (devpts->max < DEVPTS_MAX)
		len += format_text(BEHIND(text, len), ",max={}", devpts->max);
	return len;
}

static void
devpts_shutdown(struct superblock *sb)
{
	pinned_drop(sb->root);
	devpts_put(devpts_from(sb->private));
	sb->private = nullptr;
}

static const struct superblock_ops devpts_sb_ops = { .remount = devpts_remount, .show_options = devpts_show, .shutdown = devpts_shutdown };

static err_t
devpts_fill(struct superblock *sb, struct devpts *devpts, struct cbytes options)
{
	devpts->sb = sb;
	devpts->mode = 0600;
	devpts->uid = devpts->gid = ID_NONE;
	devpts->max = DEVPTS_MAX;
	TRY(options_set(devpts, options));
	struct inode *root = inode_create(sb, &root_ops, &pinned_dir_ops, S_IFDIR | 0755);
	if (root == nullptr)
		return ENOMEM;
	root->ino = INO_ROOT;
	root->uid = root->gid = 0;
	atomic32_store(&root->nlink, 2);
	err_t err = superblock_set_root(sb, root);
	if (err != OK) {
		inode_put(root);
		return err;
	}
	return ptmx_make(devpts);
}

static err_t
devpts_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out)
{
	REF_SCOPE(devpts, devpts);
	REF_SCOPE(superblock, sb);
	(void)source, (void)flags;
	devpts = devpts_alloc();
	if (devpts == nullptr)
		return ENOMEM;
	TRY(superblock_create(type, &devpts_sb_ops, DEVPTS_MAGIC, &sb));
	sb->flags |= SB_PINNED;
	devpts_get(devpts);
	sb->private = devpts_object(devpts);
	TRY(devpts_fill(sb, devpts, options));
	*out = sb;
	sb = nullptr;
	return OK;
}

static const struct fs_type devpts_type = { .name = "devpts", .flags = FS_NODEV | FS_USER_MOUNT, .mount = devpts_mount };

/* --- opening --- */

/** The instance that a ptmx belongs to: its own file system, or what is mounted at `pts` beside it. => ENODEV */
static err_t
instance_find(struct file *file, struct path *scoped out)
{
	u8 text[TEXT_MAX] = {};
	size_t len = 0;
	struct path path = { file->mount, file->dentry };
	if (file->inode->sb->type == &devpts_type) {
		*out = path;
		path_get(out);
		return OK;
	}
	TRY(path_text(&path, bytes_sub(BYTES_OF(text), 0, TEXT_MAX - 4), &len));
	while (len > 0 && text[MIN(len - 1, (size_t)TEXT_MAX - 1)] != '/')
		len--;
	bytes_copy(bytes_from(BYTES_OF(text), len), TEXT("pts"));
	if (path_lookup(cbytes_sub(CBYTES_OF(text), 0, len + 3), WALK_FOLLOW | WALK_DIRECTORY, out) != OK)
		return ENODEV;
	if (out->dentry->sb->type == &devpts_type)
		return OK;
	path_put(out);
	return ENODEV;
}

static err_t
pair_make(struct devpts *devpts, u32 index, struct file *file)
{
	REF_SCOPE(tty, tty);
	struct dentry *node = nullptr;
	TRY(pty_create(index, devpts_object(devpts), &tty));
	TRY(node_make(devpts, tty, index, &node));
	pty_set_node(tty, node);
	err_t err = pty_open_master(tty, file);
	if (err == OK) {
		devpts_get(devpts);
		return OK;
	}
	dentry_drop(node);
	dentry_unref(node);
	return err;
}

static err_t
ptmx_open(struct file *file, u32 minor)
{
	struct path path = {};
	u32 index = 0;
	(void)minor;
	TRY(instance_find(file, &path));
	struct devpts *devpts = devpts_from(path.dentry->sb->private);
	err_t err = index_take(devpts, &index);
	if (err == OK) {
		err = pair_make(devpts, index, file);
		if (err != OK)
			index_give(devpts, index);
	}
	path_put(&path);
	return err;
}

void
devpts_remove(struct object *instance, struct dentry *node, u32 index)
{
	REF_SCOPE(devpts, devpts);
	devpts = devpts_from(instance);
	dentry_drop(node);
	dentry_unref(node);
	index_give(devpts, index);
}

static err_t
slave_node_open(struct file *file, u32 minor)
{
	(void)minor;
	struct inode *inode = file->inode;
	if (inode->sb->type != &devpts_type || inode->private == nullptr)
		return EIO;
	return tty_open_file(tty_from(inode->private), file, false);
}

err_t
devpts_open_peer(struct file *master, struct dentry *node, u32 flags, struct file **scoped out)
{
	struct path path = {};
	TRY(instance_find(master, &path));
	struct path peer = { path.mount, node };
	err_t err = node->sb == path.dentry->sb ? path_open(&peer, flags, out) : ENODEV;
	path_put(&path);
	return err;
}

static const struct device_ops ptmx_device = { .open = ptmx_open, .file_ops = &pty_master_ops };
static const struct device_ops slave_device = { .open = slave_node_open, .file_ops = &tty_file_ops };

err_t
devpts_init(void)
{
	fs_register(&devpts_type);
	device_register(PTMX_MAJOR, PTMX_MINOR, 1, &ptmx_device);
	for (u32 i = 0; i < DEVPTS_MAX / 256; i++)
		device_register(PTY_MAJOR + i, 0, 256, &slave_device);
	return devfs_add(TEXT("ptmx"), S_IFCHR | 0666, 0, 0, PTMX_MAJOR, PTMX_MINOR);
}
