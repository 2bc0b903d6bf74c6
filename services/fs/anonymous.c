// SPDX-License-Identifier: MPL-2.0
/**
 * What stands for a path where a file has none: pipes, sockets, eventfds …
 *
 * Each kind of file has one dentry, made at boot; it only bears the name. An inode is made for a file once somebody asks for it.
 */
#include "fs_impl.h"

static err_t anonymous_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out);
static const struct fs_type anonymous_type = { .name = "anon_inodefs", .flags = FS_NODEV, .mount = anonymous_mount };
static const struct superblock_ops anonymous_ops = {};
static const struct inode_ops anonymous_inode_ops = {};
static const struct file_ops anonymous_file_ops = {};

static struct superblock *anonymous_sb;             /* [boot] */
static struct { struct dentry *dentry; } kinds[FILE_KINDS];  /* [boot] */
static const struct { u8 text[24]; } kind_names[FILE_KINDS] = {
	[KIND_PIPE] = { "pipe" }, [KIND_SOCKET] = { "socket" }, [KIND_EPOLL] = { "anon_inode:[eventpoll]" }, [KIND_EVENTFD] = { "anon_inode:[eventfd]" },
	[KIND_TIMERFD] = { "anon_inode:[timerfd]" }, [KIND_SIGNALFD] = { "anon_inode:[signalfd]" }, [KIND_INOTIFY] = { "anon_inode:inotify" },
	[KIND_PIDFD] = { "anon_inode:[pidfd]" },
};

static err_t
anonymous_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out)
{
	(void)type, (void)source, (void)options, (void)flags, (void)out;
	return EINVAL;
}

err_t
anonymous_init(void)
{
	TRY(superblock_create(&anonymous_type, &anonymous_ops, 0x09041934, &anonymous_sb));
	for (u32 i = 0; i < FILE_KINDS; i++) {
		struct cbytes name = CBYTES_OF(ELEM(kind_names, i)->text);
		size_t len = 0;
		while (cbytes_get(name, len) != 0)
			len++;
		ELEM(kinds, i)->dentry = dentry_create(nullptr, anonymous_sb, cbytes_sub(name, 0, len));
		if (ELEM(kinds, i)->dentry == nullptr)
			return ENOMEM;
	}
	return OK;
}

/** Lives for ever; no reference to be given back. */
struct dentry *
kind_dentry(enum file_kind kind)
{
	return ELEM(kinds, kind)->dentry;
}

static bool
kind_is(const struct file *file, enum file_kind kind)
{
	return file->dentry == kind_dentry(kind);
}

/** What fstat(2) says is its type and mode. */
u32
kind_mode(const struct file *file)
{
	return kind_is(file, KIND_PIPE) ? S_IFIFO | 0600 : kind_is(file, KIND_SOCKET) ? S_IFSOCK | 0777 : 0600;
}

struct inode *
kind_inode_create(const struct file *file)
{
	struct inode *inode = inode_create(anonymous_sb, &anonymous_inode_ops, &anonymous_file_ops, kind_mode(file));
	if (inode == nullptr)
		return nullptr;
	inode->ino = file->ino;
	inode->uid = file->cred->fsuid;
	inode->gid = file->cred->fsgid;
	return inode;
}

size_t
kind_text(const struct file *file, struct bytes text)
{
	if (kind_is(file, KIND_PIPE) || kind_is(file, KIND_SOCKET))
		return format_text(text, "{}:[{}]", dentry_text(file->dentry), file->ino);
	return format_text(text, "{}", dentry_text(file->dentry));
}

void
kind_attr(const struct file *file, struct inode_attr *scoped attr)
{
	*attr = (struct inode_attr){
		.ino = file->ino, .dev_minor = anonymous_sb->dev_minor, .mode = kind_mode(file), .nlink = 1, .blksize = (u32)PAGE_SIZE,
		.uid = file->cred->fsuid, .gid = file->cred->fsgid,
	};
}

err_t
file_path(struct file *file, struct path *scoped out)
{
	if ((file->mode & FILE_ANONYMOUS) == 0) {
		*out = (struct path){ file->mount, file->dentry };
		path_get(out);
		return OK;
	}
	struct inode *inode = file_inode(file);
	if (inode == nullptr)
		return ENOMEM;
	u8 text[64];
	size_t len = kind_text(file, BYTES_OF(text));
	struct dentry *dentry = dentry_create(nullptr, anonymous_sb, cbytes_sub(CBYTES_OF(text), 0, MIN(len, sizeof(text))));
	if (dentry == nullptr)
		return ENOMEM;
	inode_get(inode);
	dentry_attach(dentry, inode);
	*out = (struct path){ nullptr, dentry };
	return OK;
}
