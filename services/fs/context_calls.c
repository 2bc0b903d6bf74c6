// SPDX-License-Identifier: MPL-2.0
/**
 * chdir(2), chroot(2), getcwd(2), umask(2).
 *
 * Source: the pages of these names.
 */
#include <syscall_handlers.h>

#include "fs_impl.h"

static err_t
directory_set(const struct path *scoped place, bool root)
{
	struct inode *inode = place->dentry->inode;
	if (!inode_is(inode, S_IFDIR))
		return ENOTDIR;
	TRY(inode_permission(inode, MAY_EXEC));
	if (root && !capable(CAP_SYS_CHROOT))
		return EPERM;
	return fs_context_set(fs_context_current(), place, root);
}

static err_t
directory_set_by_path(uaddr_t path, bool root)
{
	struct path place = {};
	TRY(path_lookup_user(AT_FDCWD, path, WALK_FOLLOW | WALK_DIRECTORY, &place));
	err_t err = directory_set(&place, root);
	path_put(&place);
	return err;
}

err_t
sys_chdir(uaddr_t path)
{
	return directory_set_by_path(path, false);
}

err_t
sys_chroot(uaddr_t path)
{
	return directory_set_by_path(path, true);
}

err_t
sys_fchdir(i32 fd)
{
	struct fd_hold hold = {};
	TRY(fd_borrow_any(fd, &hold));
	struct path place = { hold.file->mount, hold.file->dentry };
	err_t err = (hold.file->mode & FILE_ANONYMOUS) != 0 ? ENOTDIR : directory_set(&place, false);
	fd_return(&hold);
	return err;
}

err_t
sys_getcwd(uaddr_t buf, u64 size, u64 *scoped result)
{
	static const u8 unreachable[14] = "(unreachable)";
	REF_SCOPE(byte_array, text);
	text = byte_array_alloc(PATH_MAX);
	if (text == nullptr)
		return ENOMEM;
	struct path cwd = {};
	size_t len = 0;
	bool reachable = false;
	fs_context_cwd(fs_context_current(), &cwd);
	err_t err = path_is_removed(&cwd) ? ENOENT : path_text_from_root(&cwd, byte_array_bytes(text), &len, &reachable);
	path_put(&cwd);
	if (err != OK)
		return err;
	size_t before = reachable ? 0 : sizeof(unreachable) - 1;
	if (before + len + 1 > PATH_MAX)
		return ENAMETOOLONG;
	if (before + len + 1 > size)
		return ERANGE;
	bytes_copy(bytes_from(byte_array_bytes(text), before), cbytes_sub(bytes_const(byte_array_bytes(text)), 0, len));
	bytes_copy(byte_array_bytes(text), cbytes_sub(CBYTES_OF(unreachable), 0, before));
	bytes_set(byte_array_bytes(text), before + len, 0);
	*result = before + len + 1;
	return copy_out(buf, cbytes_sub(bytes_const(byte_array_bytes(text)), 0, *result));
}

err_t
sys_umask(u32 mask, u64 *scoped result)
{
	*result = atomic32_exchange(&fs_context_current()->umask, mask & 0777);
	return OK;
}
