// SPDX-License-Identifier: MPL-2.0
/**
 * setxattr(2), getxattr(2), listxattr(2), removexattr(2), by path, link and descriptor.
 *
 * Source: the pages of these names, xattr(7).
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

enum : u32 { XATTR_NAME_MAX = 255, XATTR_SIZE_MAX = 65536, XATTR_LIST_MAX = 65536 };

/** By descriptor where `fd` is not negative. */
static err_t
place_take(i32 fd, uaddr_t path, u32 walk, struct path *scoped out)
{
	if (fd == AT_FDCWD)
		return path_lookup_user(AT_FDCWD, path, walk, out);
	struct fd_hold hold = {};
	TRY(fd_borrow(fd, &hold));
	err_t err = file_path(hold.file, out);
	fd_return(&hold);
	return err;
}

static err_t
name_take(uaddr_t at, struct bytes name, size_t *scoped len)
{
	err_t err = copy_in_string(name, at, len);
	return err == ENAMETOOLONG || (err == OK && *len == 0) ? ERANGE : err;
}

/** Who may see and set what: trusted. is root's, user. is for regular files and directories. */
static err_t
xattr_allowed(const struct path *scoped place, struct cbytes name, u32 mask)
{
	struct inode *inode = place->dentry->inode;
	bool write = (mask & MAY_WRITE) != 0;
	if (write) {
		TRY(mount_want_write(place->mount));
		if ((atomic32_load(&inode->fs_flags) & (INODE_IMMUTABLE | INODE_APPEND)) != 0)
			return EPERM;
	}
	if (text_starts(name, TEXT("trusted.")))
		return capable(CAP_SYS_ADMIN) ? OK : write ? EPERM : ENODATA;
	if (text_starts(name, TEXT("security.")))
		return !write || capable(cbytes_equal(name, TEXT("security.capability")) ? CAP_SETFCAP : CAP_SYS_ADMIN) ? OK : EPERM;
	if (text_starts(name, TEXT("user."))) {
		if (!inode_is(inode, S_IFREG) && !inode_is(inode, S_IFDIR))
			return write ? EPERM : ENODATA;
		if (inode_is(inode, S_IFDIR) && (POINTER_LOAD(inode->mode) & S_ISVTX) != 0 && write && cred_current()->fsuid != POINTER_LOAD(inode->uid) &&
		    !capable(CAP_FOWNER))
			return EPERM;
	}
	return inode_permission(inode, mask);
}

/* --- set --- */

static err_t
set_place(const struct path *scoped place, struct cbytes name, struct cbytes value, u32 flags)
{
	struct inode *inode = place->dentry->inode;
	TRY(xattr_allowed(place, name, MAY_WRITE));
	if (inode->ops->setxattr == nullptr)
		return EOPNOTSUPP;
	RW_WRITE_SCOPE(&inode->lock);
	TRY(inode->ops->setxattr(inode, name, value, flags));
	inode_touch(inode, false);
	fs_notify(place->dentry, IN_ATTRIB);
	return OK;
}

static err_t
setxattr(i32 fd, uaddr_t path, u32 walk, uaddr_t name_at, uaddr_t value_at, u64 size, u32 flags)
{
	u8 name[XATTR_NAME_MAX + 1];
	size_t len = 0;
	REF_SCOPE(byte_array, value);
	if ((flags & ~(u32)3) != 0)
		return EINVAL;
	TRY(name_take(name_at, BYTES_OF(name), &len));
	if (size > XATTR_SIZE_MAX)
		return E2BIG;
	value = byte_array_alloc((u32)size);
	if (value == nullptr)
		return ENOMEM;
	TRY(copy_in(byte_array_bytes(value), value_at));
	struct path place = {};
	TRY(place_take(fd, path, walk, &place));
	err_t err = set_place(&place, cbytes_sub(CBYTES_OF(name), 0, len), bytes_const(byte_array_bytes(value)), flags);
	path_put(&place);
	return err;
}

err_t
sys_setxattr(uaddr_t path, uaddr_t name, uaddr_t value, u64 size, u32 flags)
{
	return setxattr(AT_FDCWD, path, WALK_FOLLOW, name, value, size, flags);
}

err_t
sys_lsetxattr(uaddr_t path, uaddr_t name, uaddr_t value, u64 size, u32 flags)
{
	return setxattr(AT_FDCWD, path, 0, name, value, size, flags);
}

err_t
sys_fsetxattr(i32 fd, uaddr_t name, uaddr_t value, u64 size, u32 flags)
{
	return fd == AT_FDCWD ? EBADF : setxattr(fd, UADDR(0), 0, name, value, size, flags);
}

/* --- get --- */

static err_t
get_place(const struct path *scoped place, struct cbytes name, struct byte_array *value, u64 size, size_t *scoped len)
{
	struct inode *inode = place->dentry->inode;
	TRY(xattr_allowed(place, name, MAY_READ));
	if (inode->ops->getxattr == nullptr)
		return EOPNOTSUPP;
	return inode->ops->getxattr(inode, name, bytes_sub(byte_array_bytes(value), 0, size), len);
}

static err_t
getxattr(i32 fd, uaddr_t path, u32 walk, uaddr_t name_at, uaddr_t value_at, u64 size, u64 *scoped result)
{
	u8 name[XATTR_NAME_MAX + 1];
	size_t len = 0, got = 0;
	REF_SCOPE(byte_array, value);
	TRY(name_take(name_at, BYTES_OF(name), &len));
	size = MIN(size, (u64)XATTR_SIZE_MAX);
	value = byte_array_alloc((u32)size);
	if (value == nullptr)
		return ENOMEM;
	struct path place = {};
	TRY(place_take(fd, path, walk, &place));
	err_t err = get_place(&place, cbytes_sub(CBYTES_OF(name), 0, len), value, size, &got);
	path_put(&place);
	if (err != OK)
		return err;
	*result = got;
	return size != 0 ? copy_out(value_at, cbytes_sub(bytes_const(byte_array_bytes(value)), 0, got)) : OK;
}

err_t
sys_getxattr(uaddr_t path, uaddr_t name, uaddr_t value, u64 size, u64 *scoped result)
{
	return getxattr(AT_FDCWD, path, WALK_FOLLOW, name, value, size, result);
}

err_t
sys_lgetxattr(uaddr_t path, uaddr_t name, uaddr_t value, u64 size, u64 *scoped result)
{
	return getxattr(AT_FDCWD, path, 0, name, value, size, result);
}

err_t
sys_fgetxattr(i32 fd, uaddr_t name, uaddr_t value, u64 size, u64 *scoped result)
{
	return fd == AT_FDCWD ? EBADF : getxattr(fd, UADDR(0), 0, name, value, size, result);
}

/* --- list --- */

static err_t
listxattr(i32 fd, uaddr_t path, u32 walk, uaddr_t list_at, u64 size, u64 *scoped result)
{
	size_t len = 0;
	REF_SCOPE(byte_array, list);
	size = MIN(size, (u64)XATTR_LIST_MAX);
	list = byte_array_alloc((u32)size);
	if (list == nullptr)
		return ENOMEM;
	struct path place = {};
	TRY(place_take(fd, path, walk, &place));
	struct inode *inode = place.dentry->inode;
	err_t err = inode->ops->listxattr != nullptr ? inode->ops->listxattr(inode, byte_array_bytes(list), &len) : OK;
	path_put(&place);
	if (err != OK)
		return err;
	*result = len;
	return size != 0 ? copy_out(list_at, cbytes_sub(bytes_const(byte_array_bytes(list)), 0, len)) : OK;
}

err_t
sys_listxattr(uaddr_t path, uaddr_t list, u64 size, u64 *scoped result)
{
	return listxattr(AT_FDCWD, path, WALK_FOLLOW, list, size, result);
}

err_t
sys_llistxattr(uaddr_t path, uaddr_t list, u64 size, u64 *scoped result)
{
	return listxattr(AT_FDCWD, path, 0, list, size, result);
}

err_t
sys_flistxattr(i32 fd, uaddr_t list, u64 size, u64 *scoped result)
{
	return fd == AT_FDCWD ? EBADF : listxattr(fd, UADDR(0), 0, list, size, result);
}

/* --- remove --- */

static err_t
remove_place(const struct path *scoped place, struct cbytes name)
{
	struct inode *inode = place->dentry->inode;
	TRY(xattr_allowed(place, name, MAY_WRITE));
	if (inode->ops->removexattr == nullptr)
		return EOPNOTSUPP;
	RW_WRITE_SCOPE(&inode->lock);
	TRY(inode->ops->removexattr(inode, name));
	inode_touch(inode, false);
	fs_notify(place->dentry, IN_ATTRIB);
	return OK;
}

static err_t
removexattr(i32 fd, uaddr_t path, u32 walk, uaddr_t name_at)
{
	u8 name[XATTR_NAME_MAX + 1];
	size_t len = 0;
	TRY(name_take(name_at, BYTES_OF(name), &len));
	struct path place = {};
	TRY(place_take(fd, path, walk, &place));
	err_t err = remove_place(&place, cbytes_sub(CBYTES_OF(name), 0, len));
	path_put(&place);
	return err;
}

err_t
sys_removexattr(uaddr_t path, uaddr_t name)
{
	return removexattr(AT_FDCWD, path, WALK_FOLLOW, name);
}

err_t
sys_lremovexattr(uaddr_t path, uaddr_t name)
{
	return removexattr(AT_FDCWD, path, 0, name);
}

err_t
sys_fremovexattr(i32 fd, uaddr_t name)
{
	return fd == AT_FDCWD ? EBADF : removexattr(fd, UADDR(0), 0, name);
}
