// SPDX-License-Identifier: MPL-2.0
/**
 * chmod(2), chown(2), utimensat(2), access(2), truncate(2): asking for and changing attributes.
 *
 * Source: the pages of these names.
 */
#include <vm_object.h>
#include <syscall_handlers.h>

#include "fs_impl.h"

/** A place with references to be put with path_put. */
static err_t
place_at(i32 dirfd, uaddr_t name, u32 flags, struct path *scoped out)
{
	return path_lookup_user(dirfd, name, ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW) | ((flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0), out);
}

/** A descriptor's place; anonymous files get one for the time. */
static err_t
place_of_fd(i32 fd, bool any, struct path *scoped out)
{
	struct fd_hold hold = {};
	TRY(any ? fd_borrow_any(fd, &hold) : fd_borrow(fd, &hold));
	err_t err = file_path(hold.file, out);
	fd_return(&hold);
	return err;
}

static err_t
change_allowed(const struct path *scoped place)
{
	TRY(mount_want_write(place->mount));
	return (atomic32_load(&place->dentry->inode->fs_flags) & (INODE_IMMUTABLE | INODE_APPEND)) != 0 ? EPERM : OK;
}

static err_t
change_place(const struct path *scoped place, const struct attr_change *scoped change, u32 event)
{
	TRY(inode_change(place->dentry->inode, change));
	fs_notify(place->dentry, event);
	return OK;
}

/* --- modes --- */

static err_t
chmod_place(const struct path *scoped place, u32 mode)
{
	struct inode *inode = place->dentry->inode;
	TRY(change_allowed(place));
	if (inode_is(inode, S_IFLNK))
		return EOPNOTSUPP;
	if (cred_current()->fsuid != POINTER_LOAD(inode->uid) && !capable(CAP_FOWNER))
		return EPERM;
	if (!cred_in_group(cred_current(), POINTER_LOAD(inode->gid)) && !capable(CAP_FSETID))
		mode &= ~(u32)S_ISGID;
	struct attr_change change = { .valid = ATTR_MODE, .mode = mode & 07777 };
	return change_place(place, &change, IN_ATTRIB);
}

static err_t
chmod_and_put(struct path *scoped place, u32 mode)
{
	err_t err = chmod_place(place, mode);
	path_put(place);
	return err;
}

err_t
sys_fchmodat2(i32 dirfd, uaddr_t path, u32 mode, u32 flags)
{
	if ((flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	struct path place = {};
	TRY(place_at(dirfd, path, flags, &place));
	return chmod_and_put(&place, mode);
}

err_t
sys_fchmodat(i32 dirfd, uaddr_t path, u32 mode)
{
	return sys_fchmodat2(dirfd, path, mode, 0);
}

err_t
sys_chmod(uaddr_t path, u32 mode)
{
	return sys_fchmodat2(AT_FDCWD, path, mode, 0);
}

err_t
sys_fchmod(i32 fd, u32 mode)
{
	struct path place = {};
	TRY(place_of_fd(fd, false, &place));
	return chmod_and_put(&place, mode);
}

/* --- owners --- */

/** Who may give a file away: root; its owner only to a group of theirs. */
static err_t
chown_allowed(const struct inode *inode, u32 uid, u32 gid)
{
	const struct cred *cred = cred_current();
	if (capable(CAP_CHOWN))
		return OK;
	if (cred->fsuid != POINTER_LOAD(inode->uid) && (uid != ~(u32)0 || gid != ~(u32)0))
		return EPERM;
	if (uid != ~(u32)0 && uid != POINTER_LOAD(inode->uid))
		return EPERM;
	return gid != ~(u32)0 && gid != POINTER_LOAD(inode->gid) && !cred_in_group(cred, gid) ? EPERM : OK;
}

static err_t
chown_place(const struct path *scoped place, u32 uid, u32 gid)
{
	struct inode *inode = place->dentry->inode;
	TRY(change_allowed(place));
	TRY(chown_allowed(inode, uid, gid));
	struct attr_change change = { .valid = (uid != ~(u32)0 ? ATTR_UID : 0) | (gid != ~(u32)0 ? ATTR_GID : 0), .uid = uid, .gid = gid };
	if (!inode_is(inode, S_IFDIR))
		change.valid |= ATTR_KILL_SUID;
	return change_place(place, &change, IN_ATTRIB);
}

static err_t
chown_and_put(struct path *scoped place, u32 uid, u32 gid)
{
	err_t err = chown_place(place, uid, gid);
	path_put(place);
	return err;
}

err_t
sys_fchownat(i32 dirfd, uaddr_t path, u32 uid, u32 gid, u32 flags)
{
	if ((flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	struct path place = {};
	TRY(place_at(dirfd, path, flags, &place));
	return chown_and_put(&place, uid, gid);
}

err_t
sys_chown(uaddr_t path, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

err_t
sys_lchown(uaddr_t path, u32 uid, u32 gid)
{
	return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

err_t
sys_fchown(i32 fd, u32 uid, u32 gid)
{
	struct path place = {};
	TRY(place_of_fd(fd, false, &place));
	return chown_and_put(&place, uid, gid);
}

/* --- times --- */

enum : i64 { UTIME_NOW = 0x3fffffff, UTIME_OMIT = 0x3ffffffe };
/** What is wanted: both now, or each as given. */
struct times { struct timespec at[2]; bool now; };

static bool
time_is_valid(struct timespec t)
{
	return t.nsec == UTIME_NOW || t.nsec == UTIME_OMIT || (t.nsec >= 0 && t.nsec < (i64)NS_PER_SEC);
}

static u64
time_wanted(struct timespec t, u64 now)
{
	/* Before the epoch, and behind what 64 bits of nanoseconds hold, is clamped. */
	return t.nsec == UTIME_NOW ? now : t.sec < 0 ? 0 : (u64)t.sec >= ~(u64)0 / NS_PER_SEC ? ~(u64)0 : (u64)t.sec * NS_PER_SEC + (u64)t.nsec;
}

/** Setting to now is for those who may write; to other times for the owner. */
static err_t
times_allowed(struct inode *inode, const struct times *scoped times)
{
	bool now = times->now || (times->at[0].nsec == UTIME_NOW && times->at[1].nsec == UTIME_NOW);
	bool owner = cred_current()->fsuid == POINTER_LOAD(inode->uid) || capable(CAP_FOWNER);
	u32 flags = atomic32_load(&inode->fs_flags);
	if ((flags & INODE_IMMUTABLE) != 0 || (!now && (flags & INODE_APPEND) != 0))
		return EPERM;
	if (owner)
		return OK;
	return now ? inode_permission(inode, MAY_WRITE) : EPERM;
}

static err_t
times_place(const struct path *scoped place, const struct times *scoped times)
{
	u64 now = clock_realtime();
	if (!times->now && (!time_is_valid(times->at[0]) || !time_is_valid(times->at[1])))
		return EINVAL;
	if (!times->now && times->at[0].nsec == UTIME_OMIT && times->at[1].nsec == UTIME_OMIT)
		return OK;
	TRY(mount_want_write(place->mount));
	TRY(times_allowed(place->dentry->inode, times));
	struct attr_change change = { .atime = now, .mtime = now };
	if (times->now || times->at[0].nsec != UTIME_OMIT)
		change.valid |= ATTR_ATIME;
	if (times->now || times->at[1].nsec != UTIME_OMIT)
		change.valid |= ATTR_MTIME;
	if (!times->now) {
		change.atime = time_wanted(times->at[0], now);
		change.mtime = time_wanted(times->at[1], now);
	}
	return change_place(place, &change, IN_ATTRIB);
}

/** `path` null: of the descriptor itself. */
static err_t
times_at(i32 dirfd, uaddr_t path, const struct times *scoped times, u32 flags)
{
	struct path place = {};
	if ((flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	if (path.raw == 0 && dirfd != AT_FDCWD) {
		if (flags != 0)
			return EINVAL;
		TRY(place_of_fd(dirfd, false, &place));
	} else {
		TRY(place_at(dirfd, path, flags, &place));
	}
	err_t err = times_place(&place, times);
	path_put(&place);
	return err;
}

err_t
sys_utimensat(i32 dirfd, uaddr_t path, uaddr_t at, u32 flags)
{
	struct times times = { .now = at.raw == 0 };
	if (!times.now) {
		TRY(copy_in_value(times.at, at));
		if (times.at[0].nsec == UTIME_OMIT && times.at[1].nsec == UTIME_OMIT)
			return OK;
	}
	return times_at(dirfd, path, &times, flags);
}

err_t
sys_futimesat(i32 dirfd, uaddr_t path, uaddr_t at)
{
	struct times times = { .now = at.raw == 0 };
	if (!times.now) {
		struct timeval tv[2] = {};
		TRY(copy_in_value(tv, at));
		for (u32 i = 0; i < 2; i++) {
			if (tv[i].usec < 0 || tv[i].usec >= 1000000)
				return EINVAL;
			times.at[i] = (struct timespec){ tv[i].sec, tv[i].usec * 1000 };
		}
	}
	return times_at(dirfd, path, &times, 0);
}

err_t
sys_utimes(uaddr_t path, uaddr_t at)
{
	return sys_futimesat(AT_FDCWD, path, at);
}

err_t
sys_utime(uaddr_t path, uaddr_t at)
{
	struct times times = { .now = at.raw == 0 };
	if (!times.now) {
		i64 seconds[2] = {};
		TRY(copy_in_value(seconds, at));
		times.at[0].sec = seconds[0];
		times.at[1].sec = seconds[1];
	}
	return times_at(AT_FDCWD, path, &times, 0);
}

/* --- access(2) --- */

static err_t
access_place(const struct path *scoped place, u32 mode)
{
	struct inode *inode = place->dentry->inode;
	if ((mode & MAY_EXEC) != 0 && inode_is(inode, S_IFREG) && path_is_noexec(place))
		return EACCES;
	TRY(inode_permission(inode, mode));
	u32 type = POINTER_LOAD(inode->mode) & S_IFMT;
	bool special = type == S_IFCHR || type == S_IFBLK || type == S_IFIFO || type == S_IFSOCK;
	return (mode & MAY_WRITE) != 0 && !special ? mount_want_write(place->mount) : OK;
}

static err_t
access_at(i32 dirfd, uaddr_t path, u32 mode, u32 flags)
{
	struct path place = {};
	TRY(place_at(dirfd, path, flags, &place));
	err_t err = mode != 0 ? access_place(&place, mode) : OK;
	path_put(&place);
	return err;
}

/** As access_at, with the real user's rights in place of the effective one's. */
static err_t
access_as_real(i32 dirfd, uaddr_t path, u32 mode, u32 flags)
{
	const struct cred *now = cred_current();
	u64 effective = now->uid == 0 ? now->cap_permitted : 0;
	if (now->fsuid == now->uid && now->fsgid == now->gid && now->cap_effective == effective)
		return access_at(dirfd, path, mode, flags);
	struct cred *old = cred_current_get(), *real = cred_copy();
	if (real == nullptr) {
		cred_put(old);
		return ENOMEM;
	}
	real->fsuid = real->uid;
	real->fsgid = real->gid;
	real->cap_effective = effective;
	cred_install(real);
	err_t err = access_at(dirfd, path, mode, flags);
	cred_install(old);
	return err;
}

err_t
sys_faccessat2(i32 dirfd, uaddr_t path, u32 mode, u32 flags)
{
	if ((mode & ~(u32)7) != 0 || (flags & ~(u32)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	return (flags & AT_EACCESS) != 0 ? access_at(dirfd, path, mode, flags) : access_as_real(dirfd, path, mode, flags);
}

err_t
sys_faccessat(i32 dirfd, uaddr_t path, u32 mode)
{
	return sys_faccessat2(dirfd, path, mode, 0);
}

err_t
sys_access(uaddr_t path, u32 mode)
{
	return sys_faccessat2(AT_FDCWD, path, mode, 0);
}

/* --- sizes --- */

/** What truncate(2) and ftruncate(2) have in common. */
static err_t
truncate_place(const struct path *scoped place, u64 length)
{
	struct inode *inode = place->dentry->inode;
	u64 room = length;
	if (inode->pages != nullptr && length > vm_object_size(inode->pages) && length > 0) {
		room = 1;
		TRY(file_size_limit(inode, length - 1, &room));
	}
	TRY(inode_truncate(inode, length));
	fs_notify(place->dentry, IN_MODIFY);
	return OK;
}

static err_t
truncate_allowed(const struct path *scoped place)
{
	struct inode *inode = place->dentry->inode;
	if (inode_is(inode, S_IFDIR))
		return EISDIR;
	if (!inode_is(inode, S_IFREG))
		return EINVAL;
	TRY(mount_want_write(place->mount));
	TRY(inode_permission(inode, MAY_WRITE));
	if ((atomic32_load(&inode->fs_flags) & INODE_APPEND) != 0)
		return EPERM;
	return OK;
}

/** As one that writes: nobody executes the file or has a lease of it. */
static err_t
truncate_by_path(const struct path *scoped place, u64 length)
{
	struct inode *inode = place->dentry->inode;
	TRY(truncate_allowed(place));
	TRY(inode_writer_enter(inode));
	err_t err = POINTER_LOAD(inode->locks) != nullptr ? inode_leases_break(inode, O_WRONLY) : OK;
	if (err == OK)
		err = truncate_place(place, length);
	(void)atomic32_sub(&inode->writers, 1);
	return err;
}

err_t
sys_truncate(uaddr_t path, i64 length)
{
	if (length < 0)
		return EINVAL;
	struct path place = {};
	TRY(path_lookup_user(AT_FDCWD, path, WALK_FOLLOW, &place));
	err_t err = truncate_by_path(&place, (u64)length);
	path_put(&place);
	return err;
}

err_t
sys_ftruncate(i32 fd, i64 length)
{
	if (length < 0)
		return EINVAL;
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	struct file *file = hold.file;
	err_t err = EINVAL;
	if ((file->mode & FILE_ANONYMOUS) == 0 && inode_is(file->inode, S_IFREG) && (file->mode & FILE_WRITE) != 0) {
		struct path place = { file->mount, file->dentry };
		err = (atomic32_load(&file->inode->fs_flags) & INODE_APPEND) != 0 ? EPERM : truncate_place(&place, (u64)length);
	}
	fd_return(&hold);
	return err;
}
