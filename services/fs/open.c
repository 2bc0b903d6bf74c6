// SPDX-License-Identifier: MPL-2.0
/**
 * Opening: from a path and flags to a file.
 *
 * Source: open(2), openat2(2), path_resolution(7).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"
#include "hidden.h"

enum : u32 {
	OPEN_TMPFILE_BIT = 020000000,
	OPEN_VALID = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_ASYNC | O_DIRECT | O_LARGEFILE |
		O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE,
	OPEN_PATH_VALID = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC,
	OPEN_NOT_KEPT = O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC,
};

static fifo_open_fn *fifo_hook;                     /* [boot] */

void
fifo_register(fifo_open_fn *open)
{
	fifo_hook = open;
}

/* --- the file --- */

static u32
mode_of_flags(u32 flags)
{
	static const u32 modes[4] = { FILE_READ, FILE_WRITE, FILE_READ | FILE_WRITE, 0 };
	return modes[flags & O_ACCMODE];
}

static inline bool
type_is_special(u32 type)
{
	return type == S_IFCHR || type == S_IFBLK || type == S_IFIFO || type == S_IFSOCK;
}

err_t
inode_writer_enter(struct inode *inode)
{
	u32 writers = atomic32_load_relaxed(&inode->writers);
	do {
		if ((i32)writers < 0)
			return ETXTBSY;
	} while (!atomic32_cas(&inode->writers, &writers, writers + 1));
	return OK;
}

static err_t
writer_enter(struct file *file)
{
	struct inode *inode = file->inode;
	TRY(inode_writer_enter(inode));
	file->mode |= FILE_WRITER;
	(void)atomic32_add_relaxed(&inode->sb->writers, 1);
	return OK;
}

/** Counts a regular file as one that is written or read, and waits for leases that are in the way. => ETXTBSY, EAGAIN, ERESTARTSYS */
static err_t
regular_enter(struct file *file, u32 flags)
{
	struct inode *inode = file->inode;
	if ((file->mode & FILE_WRITE) != 0) {
		TRY(writer_enter(file));
	} else if ((file->mode & FILE_READ) != 0) {
		(void)atomic32_add(&inode->readers, 1);
		file->mode |= FILE_READER;
	}
	return POINTER_LOAD(inode->locks) != nullptr ? inode_leases_break(inode, flags) : OK;
}

/** Ops and private object of the file, as its inode's type says. */
static err_t
file_open_inode(struct file *file)
{
	struct inode *inode = file->inode;
	u32 type = POINTER_LOAD(inode->mode) & S_IFMT;
	file->ops = inode->file_ops;
	if (inode->ops->open != nullptr)
		return inode->ops->open(inode, file);
	if (type == S_IFCHR)
		return device_open(inode, file);
	if (type == S_IFIFO)
		return fifo_hook != nullptr ? fifo_hook(inode, file) : ENXIO;
	return type == S_IFBLK || type == S_IFSOCK || type == 0 ? ENXIO : OK; /* 0: an eventfd … by /proc/PID/fd/N */
}

err_t
file_prepare(const struct path *scoped path, u32 flags, struct file **scoped out)
{
	struct file *file = file_alloc();
	if (file == nullptr)
		return ENOMEM;
	path_get(path);
	file->mount = path->mount;
	file->dentry = path->dentry;
	file->inode = path->dentry->inode;
	file->cred = cred_current_get();
	*out = file;
	static const struct file_ops path_ops = {};
	if ((flags & O_PATH) != 0) {
		file->ops = &path_ops;
		file->mode = FILE_PATH;
		atomic32_store_relaxed(&file->flags, flags & OPEN_PATH_VALID & ~(u32)O_CLOEXEC);
		return OK;
	}
	file->mode = mode_of_flags(flags);
	atomic32_store_relaxed(&file->flags, (flags & ~(u32)OPEN_NOT_KEPT) | O_LARGEFILE);
	if (inode_is(file->inode, S_IFREG))
		TRY(regular_enter(file, flags));
	TRY(file_open_inode(file));
	/* The one flag that an opening terminal looks for, and that nobody sees afterwards. */
	if ((flags & O_NOCTTY) != 0)
		(void)atomic32_and(&file->flags, ~(u32)O_NOCTTY);
	file->mode |= FILE_OPENED | FILE_NOTIFY;
	if (!file->ops->stream)
		file->mode |= FILE_SEEKABLE | FILE_POSITIONED;
	return OK;
}

/* --- permission --- */

/** What open(2) asks before it opens what exists. */
static err_t
may_open(const struct path *scoped path, u32 flags, u32 access)
{
	struct inode *inode = path->dentry->inode;
	u32 type = POINTER_LOAD(inode->mode) & S_IFMT;
	if (type == S_IFLNK)
		return ELOOP;
	if (type == S_IFDIR && (access & MAY_WRITE) != 0)
		return EISDIR;
	if ((type == S_IFCHR || type == S_IFBLK) && path->mount != nullptr && (mount_flags(path->mount) & MS_NODEV) != 0)
		return EACCES;
	if (type == S_IFREG && (access & MAY_EXEC) != 0 && path_is_noexec(path))
		return EACCES;
	TRY(inode_permission(inode, access));
	u32 fs_flags = atomic32_load_relaxed(&inode->fs_flags);
	if ((fs_flags & INODE_APPEND) != 0 && (((flags & O_ACCMODE) != O_RDONLY && (flags & O_APPEND) == 0) || (flags & O_TRUNC) != 0))
		return EPERM;
	if ((flags & O_NOATIME) != 0 && cred_current()->fsuid != POINTER_LOAD(inode->uid) && !capable(CAP_FOWNER))
		return EPERM;
	if ((access & MAY_WRITE) != 0 && !type_is_special(type) && path->mount != nullptr)
		return mount_want_write(path->mount);
	return OK;
}

static u32
access_of_flags(u32 flags)
{
	static const u32 access[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	return access[flags & O_ACCMODE] | ((flags & O_TRUNC) != 0 ? MAY_WRITE : 0);
}

/** Opens a place. `created`: just now, by this call: no permission is asked. */
static err_t
open_place(const struct path *scoped path, u32 flags, bool created, struct file **scoped out)
{
	REF_SCOPE(file, file);
	struct inode *inode = path->dentry->inode;
	bool truncate = (flags & O_TRUNC) != 0 && !created && inode_is(inode, S_IFREG);
	if ((flags & (O_PATH | O_DIRECTORY)) != 0 && (flags & O_DIRECTORY) != 0 && !inode_is(inode, S_IFDIR))
		return ENOTDIR;
	if ((flags & O_PATH) == 0 && !created)
		TRY(may_open(path, flags, access_of_flags(flags)));
	TRY(file_prepare(path, flags, &file));
	if (truncate)
		TRY(inode_truncate(inode, 0));
	if ((flags & O_PATH) == 0)
		fs_notify(path->dentry, IN_OPEN);
	*out = file;
	file = nullptr;
	return OK;
}

err_t
path_open(const struct path *scoped path, u32 flags, struct file **scoped out)
{
	return open_place(path, flags, false, out);
}

err_t
path_open_made(const struct path *scoped path, u32 flags, struct file **scoped out)
{
	return open_place(path, flags, true, out);
}

/* --- O_CREAT, O_TMPFILE --- */

/** Makes a regular file. The directory is locked for writing. */
static err_t
create_locked(const struct walk_last *scoped last, struct dentry *dentry, u32 mode)
{
	struct inode *dir = last->parent.dentry->inode;
	if ((atomic32_load(&dir->fs_flags) & INODE_DEAD) != 0)
		return ENOENT;
	TRY(mount_want_write(last->parent.mount));
	TRY(may_create(dir));
	if (dir->ops->create == nullptr)
		return EACCES;
	TRY(dir->ops->create(dir, dentry, S_IFREG | mode));
	fs_notify(dentry, IN_CREATE);
	return OK;
}

/** The last component's dentry, made if need be. => *out with a reference */
static err_t
open_or_create(const struct walk_last *scoped last, u32 flags, u32 mode, bool *scoped created, struct dentry **scoped out)
{
	struct cbytes text = cbytes_sub(CBYTES_OF(last->name), 0, last->len);
	struct dentry *dir = last->parent.dentry;
	if (!inode_is(dir->inode, S_IFDIR))
		return ENOTDIR;
	struct name name = {};
	name_make(&name, text);
	if ((flags & O_EXCL) == 0) {
		err_t err = dentry_lookup(dir, &name, text, out);
		if (err != ENOENT)
			return err;
	}
	struct inode *inode = dir->inode;
	RW_WRITE_SCOPE(&inode->lock);
	struct dentry *dentry = nullptr;
	TRY(dentry_lookup_locked(dir, text, &dentry));
	err_t err = OK;
	if (dentry->inode == nullptr) {
		err = create_locked(last, dentry, mode);
		*created = err == OK;
	} else if ((flags & O_EXCL) != 0) {
		err = EEXIST;
	}
	if (err != OK)
		dentry_unref(dentry);
	else
		*out = dentry;
	return err;
}

/** What is mounted on a place that was found by its name. */
static void
place_into_mounts(struct path *scoped place)
{
	for (;;) {
		struct mount *mount;
		{
			RCU_SCOPE();
			mount = (atomic32_load(&place->dentry->flags) & DENTRY_MOUNTED) != 0 ? mount_find(place->mount, place->dentry) : nullptr;
			if (mount == nullptr || !mount_ref_live(mount))
				return;
			dentry_ref(mount->root);
		}
		path_put(place);
		*place = (struct path){ mount, mount->root };
	}
}

/** One round: opens, or says that the last component is a link: *link with a reference, in last->parent. */
static err_t
create_step(struct walk_last *scoped last, u32 flags, u32 mode, struct dentry **scoped link, struct file **scoped out)
{
	if (last->dots)
		return (flags & O_EXCL) != 0 ? EEXIST : EISDIR;
	if (last->slash)
		return EISDIR;
	bool created = false;
	struct dentry *dentry = nullptr;
	TRY(open_or_create(last, flags, mode, &created, &dentry));
	if (inode_is(dentry->inode, S_IFLNK) && (flags & O_NOFOLLOW) == 0) {
		*link = dentry;
		return OK;
	}
	mount_ref(last->parent.mount);
	struct path place = { last->parent.mount, dentry };
	place_into_mounts(&place);
	err_t err = inode_is(place.dentry->inode, S_IFDIR) ? EISDIR : open_place(&place, flags, created, out);
	path_put(&place);
	return err;
}

/** The text of a link. */
static err_t
link_text(struct dentry *dentry, struct byte_array **scoped out, size_t *scoped len)
{
	struct inode *inode = dentry->inode;
	struct byte_array *text = byte_array_alloc(PATH_MAX);
	if (text == nullptr)
		return ENOMEM;
	err_t err = inode_readlink(inode, byte_array_bytes(text), len);
	if (err == OK && *len >= PATH_MAX)
		err = ENAMETOOLONG;
	if (err != OK)
		byte_array_put(text);
	else
		*out = text;
	return err;
}

/** Follows a link that is the last component: *last becomes where its text leads. A link that is a place is opened. => *out null: go on */
static err_t
create_follow(struct walk_last *scoped last, struct dentry *link, u32 flags, u32 walk_flags, u32 *scoped links, struct file **scoped out)
{
	if (++*links > SYMLINKS_MAX || (walk_flags & WALK_NO_SYMLINKS) != 0)
		return ELOOP;
	if (link->inode->ops->follow != nullptr) {
		if ((walk_flags & WALK_NO_MAGICLINKS) != 0)
			return ELOOP;
		struct path place = {};
		TRY(link->inode->ops->follow(link->inode, &place));
		err_t err = inode_is(place.dentry->inode, S_IFDIR) ? EISDIR : open_place(&place, flags, false, out);
		path_put(&place);
		return err;
	}
	REF_SCOPE(byte_array, text);
	size_t len = 0;
	TRY(link_text(link, &text, &len));
	struct path from = last->parent;
	last->parent = (struct path){};
	err_t err = path_parent_from(&from, cbytes_sub(bytes_const(byte_array_bytes(text)), 0, len), walk_flags, links, last);
	path_put(&from);
	return err;
}

static err_t
open_create(i32 dirfd, struct cbytes path, u32 flags, u32 mode, u32 walk_flags, struct file **scoped out)
{
	struct walk_last last = {};
	u32 links = 0;
	TRY(path_parent(dirfd, path, walk_flags, &last));
	err_t err;
	do {
		struct dentry *link = nullptr;
		err = create_step(&last, flags, mode, &link, out);
		if (link == nullptr)
			break;
		err = create_follow(&last, link, flags, walk_flags, &links, out);
		dentry_unref(link);
	} while (err == OK && *out == nullptr);
	path_put(&last.parent);
	return err;
}

static err_t
tmpfile_dentry(const struct path *scoped dir, u32 mode, struct dentry **scoped out)
{
	struct inode *parent = dir->dentry->inode, *inode = nullptr;
	if (!inode_is(parent, S_IFDIR))
		return ENOTDIR;
	TRY(mount_want_write(dir->mount));
	TRY(may_create(parent));
	if (parent->ops->tmpfile == nullptr)
		return EOPNOTSUPP;
	TRY(parent->ops->tmpfile(parent, S_IFREG | mode, &inode));
	u8 text[32];
	size_t len = format_text(BYTES_OF(text), "#{}", inode->ino);
	struct dentry *dentry = dentry_create(dir->dentry, dir->dentry->sb, cbytes_sub(CBYTES_OF(text), 0, len));
	if (dentry == nullptr) {
		inode_put(inode);
		return ENOMEM;
	}
	dentry_attach(dentry, inode);
	*out = dentry;
	return OK;
}

static err_t
open_tmpfile(i32 dirfd, struct cbytes path, u32 flags, u32 mode, u32 walk_flags, struct file **scoped out)
{
	struct path dir = {};
	TRY(path_lookup_at(dirfd, path, walk_flags | WALK_FOLLOW | WALK_DIRECTORY, &dir));
	struct path place = { dir.mount, nullptr };
	err_t err = tmpfile_dentry(&dir, mode, &place.dentry);
	if (err == OK) {
		err = open_place(&place, flags & ~(u32)(O_TMPFILE | O_TRUNC), true, out);
		if (err == OK)
			(void)atomic32_or(&(*out)->flags, O_TMPFILE);
		if ((flags & O_EXCL) == 0)
			(void)atomic32_or(&place.dentry->inode->fs_flags, INODE_LINKABLE);
		dentry_unref(place.dentry);
	}
	path_put(&dir);
	return err;
}

/** A file without a name is not one that is open for writing, as far as execve(2) and remounting ask: a memfd can be executed. */
static void
writer_forget(struct file *file)
{
	if ((file->mode & FILE_WRITER) == 0)
		return;
	file->mode &= ~(u32)FILE_WRITER;
	(void)atomic32_sub(&file->inode->writers, 1);
	(void)atomic32_sub(&file->inode->sb->writers, 1);
}

err_t
file_open_unnamed(struct inode *inode, struct cbytes name, const struct dentry_ops *ops, u32 flags, struct file **scoped out)
{
	struct dentry *dentry = dentry_create(nullptr, inode->sb, name);
	if (dentry == nullptr) {
		inode_put(inode);
		return ENOMEM;
	}
	dentry->ops = ops;
	dentry_attach(dentry, inode);
	struct path place = { nullptr, dentry };
	err_t err = open_place(&place, flags, true, out);
	if (err == OK)
		writer_forget(*out);
	path_put(&place);
	return err;
}

/* --- open(2) --- */

/** What Linux refuses, and makes of flags. => EINVAL */
static err_t
flags_check(u32 *scoped flags, u32 *scoped mode)
{
	*flags &= OPEN_VALID;
	if ((*flags & (O_CREAT | OPEN_TMPFILE_BIT)) == 0)
		*mode = 0;
	*mode &= 07777;
	if ((*flags & O_PATH) != 0) {
		*flags &= OPEN_PATH_VALID;
		return OK;
	}
	if ((*flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return EINVAL;
	if ((*flags & OPEN_TMPFILE_BIT) != 0 && ((*flags & O_TMPFILE) != O_TMPFILE || (access_of_flags(*flags & O_ACCMODE) & MAY_WRITE) == 0))
		return EINVAL;
	return OK;
}

static err_t
open_at(i32 dirfd, struct cbytes path, u32 flags, u32 mode, u32 walk_flags, struct file **scoped out)
{
	mode &= ~((flags & (O_CREAT | OPEN_TMPFILE_BIT)) != 0 ? fs_umask() : 0);
	if ((flags & OPEN_TMPFILE_BIT) != 0)
		return open_tmpfile(dirfd, path, flags, mode, walk_flags, out);
	if ((flags & O_CREAT) != 0)
		return open_create(dirfd, path, (flags & O_EXCL) != 0 ? flags | O_NOFOLLOW : flags, mode, walk_flags, out);
	struct path place = {};
	if ((flags & O_NOFOLLOW) == 0)
		walk_flags |= WALK_FOLLOW;
	if ((flags & O_DIRECTORY) != 0)
		walk_flags |= WALK_DIRECTORY;
	TRY(path_lookup_at(dirfd, path, walk_flags, &place));
	err_t err = open_place(&place, flags, false, out);
	path_put(&place);
	return err;
}

static err_t
open_descriptor(i32 dirfd, uaddr_t name, u32 flags, u32 mode, u32 walk_flags, u64 *scoped result)
{
	TRY(flags_check(&flags, &mode));
	PATH_ARG(path, name);
	i32 fd = -1;
	TRY(fd_reserve(0, (flags & O_CLOEXEC) != 0, &fd));
	struct file *file = nullptr;
	err_t err = open_at(dirfd, path, flags, mode, walk_flags, &file);
	if (err != OK) {
		fd_unreserve(fd);
		return err;
	}
	fd_give(fd, file);
	*result = (u64)fd;
	return OK;
}

err_t
sys_open(uaddr_t path, u32 flags, u32 mode, u64 *scoped result)
{
	return open_descriptor(AT_FDCWD, path, flags, mode, 0, result);
}

err_t
sys_creat(uaddr_t path, u32 mode, u64 *scoped result)
{
	return open_descriptor(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, 0, result);
}

err_t
sys_openat(i32 dirfd, uaddr_t path, u32 flags, u32 mode, u64 *scoped result)
{
	return open_descriptor(dirfd, path, flags, mode, 0, result);
}

/** struct open_how of openat2(2). Plain data. */
struct open_how { u64 flags, mode, resolve; };
enum : u64 { RESOLVE_NO_XDEV = 1, RESOLVE_NO_MAGICLINKS = 2, RESOLVE_NO_SYMLINKS = 4, RESOLVE_BENEATH = 8, RESOLVE_IN_ROOT = 16, RESOLVE_CACHED = 32, RESOLVE_ALL = 63 };

static err_t
how_copy_in(uaddr_t at, u64 size, struct open_how *scoped how)
{
	if (size < sizeof(struct open_how))
		return EINVAL;
	if (size > PAGE_SIZE)
		return E2BIG;
	TRY(copy_in(BYTES_OF(*how), at));
	for (u64 i = sizeof(struct open_how); i < size; i++) {
		u8 more = 0;
		TRY(copy_in_value(more, UADDR(at.raw + i)));
		if (more != 0)
			return E2BIG;
	}
	return OK;
}

static err_t
how_check(const struct open_how *scoped how)
{
	u64 flags = how->flags;
	if ((flags & ~(u64)OPEN_VALID) != 0 || (how->resolve & ~(u64)RESOLVE_ALL) != 0)
		return EINVAL;
	if ((how->resolve & RESOLVE_BENEATH) != 0 && (how->resolve & RESOLVE_IN_ROOT) != 0)
		return EINVAL;
	if ((flags & (O_CREAT | OPEN_TMPFILE_BIT)) != 0 ? (how->mode & ~(u64)07777) != 0 : how->mode != 0)
		return EINVAL;
	if ((flags & O_PATH) != 0 && (flags & ~(u64)OPEN_PATH_VALID) != 0)
		return EINVAL;
	if ((how->resolve & RESOLVE_CACHED) != 0 && (flags & (O_TRUNC | O_CREAT | OPEN_TMPFILE_BIT)) != 0)
		return EAGAIN;
	return OK;
}

err_t
sys_openat2(i32 dirfd, uaddr_t path, uaddr_t how_at, u64 size, u64 *scoped result)
{
	struct open_how how = {};
	TRY(how_copy_in(how_at, size, &how));
	TRY(how_check(&how));
	static const u32 walk[] = { WALK_NO_XDEV, WALK_NO_MAGICLINKS, WALK_NO_SYMLINKS | WALK_NO_MAGICLINKS, WALK_BENEATH, WALK_IN_ROOT, WALK_CACHED };
	u32 walk_flags = 0;
	for (u32 i = 0; i < COUNTOF(walk); i++)
		walk_flags |= (how.resolve >> i & 1) != 0 ? walk[i] : 0;
	return open_descriptor(dirfd, path, (u32)how.flags, (u32)how.mode, walk_flags, result);
}

/* --- opening from within the kernel --- */

err_t
file_open(struct cbytes name, u32 flags, u32 mode, struct file **scoped out)
{
	TRY(flags_check(&flags, &mode));
	return open_at(AT_FDCWD, name, flags, mode, 0, out);
}

static err_t
open_exec(i32 dirfd, struct cbytes name, u32 walk_flags, struct file **scoped out)
{
	struct path place = {};
	TRY(path_lookup_at(dirfd, name, walk_flags, &place));
	err_t err = inode_is(place.dentry->inode, S_IFLNK) ? ELOOP : !inode_is(place.dentry->inode, S_IFREG) ? EACCES : OK;
	if (err == OK)
		err = may_open(&place, O_RDONLY, MAY_EXEC);
	if (err == OK)
		err = file_prepare(&place, O_RDONLY, out);
	if (err == OK)
		fs_notify(place.dentry, IN_OPEN);
	else if (*out != nullptr)
		file_put(*out), *out = nullptr;
	path_put(&place);
	return err;
}

err_t
file_open_exec(i32 dirfd, uaddr_t name, u32 walk_flags, struct file **scoped out)
{
	PATH_ARG(path, name);
	return open_exec(dirfd, path, walk_flags, out);
}

err_t
file_open_exec_kernel(struct cbytes name, struct file **scoped out)
{
	return open_exec(AT_FDCWD, name, WALK_FOLLOW, out);
}
