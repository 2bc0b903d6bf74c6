// SPDX-License-Identifier: MPL-2.0
/**
 * stat(2), statx(2), statfs(2): what a file is.
 *
 * Source: stat(2), statx(2), statfs(2), makedev(3).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

/** struct stat of x86-64. Plain data. */
struct stat {
	u64 dev, ino, nlink; u32 mode, uid, gid, pad; u64 rdev; i64 size, blksize, blocks;
	struct timespec atime, mtime, ctime; i64 unused[3];
};
static_assert(sizeof(struct stat) == 144);

struct statx_time { i64 sec; u32 nsec; u32 pad; };
/** struct statx. Plain data. */
struct statx {
	u32 mask, blksize; u64 attributes; u32 nlink, uid, gid; u16 mode, pad; u64 ino, size, blocks, attributes_mask;
	struct statx_time atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor; u64 mnt_id; u32 dio_mem_align, dio_offset_align; u64 spare[12];
};
static_assert(sizeof(struct statx) == 256);
enum : u32 { STATX_BASIC_STATS = 0x7ff, STATX_BTIME = 0x800, STATX_MNT_ID = 0x1000, STATX_RESERVED = (u32)1 << 31 };
enum : u64 { STATX_ATTR_IMMUTABLE = 0x10, STATX_ATTR_APPEND = 0x20, STATX_ATTR_MOUNT_ROOT = 0x2000 };

static u64
dev_number(u32 major, u32 minor)
{
	return (minor & 0xff) | (u64)(major & 0xfff) << 8 | (u64)(minor & ~(u32)0xff) << 12 | (u64)(major & ~(u32)0xfff) << 32;
}

static struct stat
stat_of(const struct inode_attr *scoped attr)
{
	return (struct stat){
		.dev = dev_number(attr->dev_major, attr->dev_minor), .ino = attr->ino, .nlink = attr->nlink, .mode = attr->mode, .uid = attr->uid,
		.gid = attr->gid, .rdev = dev_number(attr->rdev_major, attr->rdev_minor), .size = (i64)attr->size, .blksize = attr->blksize,
		.blocks = (i64)attr->blocks, .atime = timespec_from_ns(attr->atime), .mtime = timespec_from_ns(attr->mtime),
		.ctime = timespec_from_ns(attr->ctime),
	};
}

static inline err_t
stat_out(uaddr_t to, const struct inode_attr *scoped attr)
{
	struct stat stat = stat_of(attr);
	return copy_out_value(to, stat);
}

void
file_attr(struct file *file, struct inode_attr *scoped attr)
{
	struct inode *inode = (file->mode & FILE_ANONYMOUS) != 0 ? POINTER_LOAD(file->own_inode) : file->inode;
	if (inode != nullptr)
		inode_attr(inode, attr);
	else
		kind_attr(file, attr);
}

static err_t
stat_path(i32 dirfd, uaddr_t name, u32 flags, uaddr_t to)
{
	PATH_ARG(path, name);
	struct inode_attr attr = {};
	TRY(path_attr(dirfd, path, flags, &attr));
	return stat_out(to, &attr);
}

err_t
sys_stat(uaddr_t path, uaddr_t statbuf)
{
	return stat_path(AT_FDCWD, path, WALK_FOLLOW, statbuf);
}

err_t
sys_lstat(uaddr_t path, uaddr_t statbuf)
{
	return stat_path(AT_FDCWD, path, 0, statbuf);
}

static err_t
attr_of_fd(i32 fd, struct inode_attr *scoped attr)
{
	struct fd_hold hold = {};
	TRY(fd_borrow_any(fd, &hold));
	file_attr(hold.file, attr);
	fd_return(&hold);
	return OK;
}

err_t
sys_fstat(i32 fd, uaddr_t statbuf)
{
	struct inode_attr attr = {};
	TRY(attr_of_fd(fd, &attr));
	return stat_out(statbuf, &attr);
}

/** What AT_ flags mean for the walk. */
static u32
walk_of_at(u32 flags)
{
	return ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW) | ((flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0);
}

/** Whether the path is "" (or, as glibc's fstat has it, null) and stands for the descriptor. */
static err_t
path_is_empty(uaddr_t name, u32 flags, bool *scoped empty)
{
	u8 first = 0;
	*empty = false;
	if ((flags & AT_EMPTY_PATH) == 0)
		return OK;
	if (name.raw != 0)
		TRY(copy_in_value(first, name));
	*empty = first == 0;
	return OK;
}

err_t
sys_newfstatat(i32 dirfd, uaddr_t path, uaddr_t statbuf, u32 flags)
{
	if ((flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) != 0)
		return EINVAL;
	bool empty = false;
	TRY(path_is_empty(path, flags, &empty));
	if (empty && dirfd >= 0)
		return sys_fstat(dirfd, statbuf);
	return stat_path(dirfd, path, walk_of_at(flags), statbuf);
}

/* --- statx --- */

static struct statx_time
statx_time(u64 ns)
{
	return (struct statx_time){ .sec = (i64)(ns / NS_PER_SEC), .nsec = (u32)(ns % NS_PER_SEC) };
}

/** What statx tells beyond the attributes. */
struct statx_more { u64 mnt_id; bool mount_root; u32 fs_flags; };

static struct statx_more
statx_more_of(const struct path *scoped path)
{
	return (struct statx_more){
		.mnt_id = path->mount != nullptr ? path->mount->id : 0, .mount_root = path->mount != nullptr && path->dentry == path->mount->root,
		.fs_flags = path->dentry->inode != nullptr ? atomic32_load_relaxed(&path->dentry->inode->fs_flags) : 0,
	};
}

static err_t
statx_out(uaddr_t to, const struct inode_attr *scoped attr, struct statx_more more)
{
	struct statx statx = {
		.mask = STATX_BASIC_STATS | (attr->btime != 0 ? STATX_BTIME : 0) | STATX_MNT_ID, .blksize = attr->blksize, .nlink = attr->nlink,
		.uid = attr->uid, .gid = attr->gid, .mode = (u16)attr->mode, .ino = attr->ino, .size = attr->size, .blocks = attr->blocks,
		.attributes_mask = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_MOUNT_ROOT,
		.attributes = ((more.fs_flags & INODE_IMMUTABLE) != 0 ? STATX_ATTR_IMMUTABLE : 0) | ((more.fs_flags & INODE_APPEND) != 0 ? STATX_ATTR_APPEND : 0) |
			(more.mount_root ? STATX_ATTR_MOUNT_ROOT : 0),
		.atime = statx_time(attr->atime), .btime = statx_time(attr->btime), .ctime = statx_time(attr->ctime), .mtime = statx_time(attr->mtime),
		.rdev_major = attr->rdev_major, .rdev_minor = attr->rdev_minor, .dev_major = attr->dev_major, .dev_minor = attr->dev_minor,
		.mnt_id = more.mnt_id,
	};
	return copy_out_value(to, statx);
}

static err_t
statx_fd(i32 fd, uaddr_t to)
{
	struct fd_hold hold = {};
	TRY(fd_borrow_any(fd, &hold));
	struct inode_attr attr = {};
	struct path path = { hold.file->mount, hold.file->dentry };
	file_attr(hold.file, &attr);
	struct statx_more more = statx_more_of(&path);
	fd_return(&hold);
	return statx_out(to, &attr, more);
}

err_t
sys_statx(i32 dirfd, uaddr_t name, u32 flags, u32 mask, uaddr_t statxbuf)
{
	if ((mask & STATX_RESERVED) != 0 || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return EINVAL;
	if ((flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE)) != 0)
		return EINVAL;
	bool empty = false;
	TRY(path_is_empty(name, flags, &empty));
	if (empty && dirfd >= 0)
		return statx_fd(dirfd, statxbuf);
	PATH_ARG(path, name);
	struct path place = {};
	struct inode_attr attr = {};
	TRY(path_lookup_at(dirfd, path, walk_of_at(flags), &place));
	inode_attr(place.dentry->inode, &attr);
	struct statx_more more = statx_more_of(&place);
	path_put(&place);
	return statx_out(statxbuf, &attr, more);
}

/* --- statfs --- */

enum : i64 { ST_VALID = 0x20, ST_NOATIME = 0x400, ST_NODIRATIME = 0x800, ST_RELATIME = 0x1000, ST_NOSYMFOLLOW = 0x2000 };

static i64
statfs_flags(u32 flags)
{
	return ST_VALID | (i64)(flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)) | ((flags & MS_NOATIME) != 0 ? ST_NOATIME : 0) |
	       ((flags & MS_NODIRATIME) != 0 ? ST_NODIRATIME : 0) | ((flags & MS_RELATIME) != 0 ? ST_RELATIME : 0) |
	       ((flags & MS_NOSYMFOLLOW) != 0 ? ST_NOSYMFOLLOW : 0);
}

static err_t
statfs_out(struct superblock *sb, u32 flags, uaddr_t to)
{
	struct statfs out = { .type = sb->magic, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = sb->name_max, .flags = statfs_flags(flags) };
	out.fsid[0] = (i32)sb->dev_minor;
	if (sb->ops->statfs != nullptr)
		sb->ops->statfs(sb, &out);
	return copy_out_value(to, out);
}

/** Pipes and sockets have file systems of their own on Linux. */
static err_t
statfs_anonymous(const struct file *file, uaddr_t to)
{
	enum : u32 { PIPEFS_MAGIC = 0x50495045, SOCKFS_MAGIC = 0x534f434b, ANON_INODE_MAGIC = 0x09041934 };
	u32 type = kind_mode(file) & S_IFMT;
	struct statfs out = {
		.type = type == S_IFIFO ? PIPEFS_MAGIC : type == S_IFSOCK ? SOCKFS_MAGIC : ANON_INODE_MAGIC,
		.bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX, .flags = ST_VALID,
	};
	return copy_out_value(to, out);
}

err_t
sys_statfs(uaddr_t name, uaddr_t buf)
{
	PATH_ARG(path, name);
	struct path place = {};
	TRY(path_lookup_at(AT_FDCWD, path, WALK_FOLLOW, &place));
	err_t err = statfs_out(place.dentry->sb, place.mount != nullptr ? mount_flags(place.mount) : 0, buf);
	path_put(&place);
	return err;
}

err_t
sys_fstatfs(i32 fd, uaddr_t buf)
{
	struct fd_hold hold = {};
	TRY(fd_borrow_any(fd, &hold));
	err_t err = (hold.file->mode & FILE_ANONYMOUS) != 0 ? statfs_anonymous(hold.file, buf) : statfs_out(hold.file->dentry->sb, hold.file->mount != nullptr ? mount_flags(hold.file->mount) : 0, buf);
	fd_return(&hold);
	return err;
}

/* --- handles --- */

/** No file system here can find an inode by a number that survives it. */
err_t
sys_name_to_handle_at(i32 dirfd, uaddr_t path, uaddr_t handle, uaddr_t mount_id, u32 flags)
{
	(void)handle, (void)mount_id;
	if ((flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	struct path place = {};
	TRY(path_lookup_user(dirfd, path, ((flags & AT_SYMLINK_FOLLOW) != 0 ? WALK_FOLLOW : 0) | ((flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0), &place));
	path_put(&place);
	return EOPNOTSUPP;
}
